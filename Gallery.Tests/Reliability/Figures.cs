using System.Text.Json;

namespace Gallery.Tests.Reliability;

/// <summary>
/// Reports what a test has measured, in its output and as a line of JSON in the file <c>GALLERY_TEST_FIGURES</c>.
/// <c>bench/reliability</c> writes these into docs/reliability.md, with one section per word before the colon.
/// </summary>
internal static class Figures
{
    private static readonly Lock FileLock = new();

    /// <param name="test">The section and the test's title, such as <c>fuzz: CreateImage</c>.</param>
    /// <param name="value">A number or a text. The unit is in <paramref name="name"/>.</param>
    public static void Add(string test, string name, object value)
    {
        TestContext.Current.TestOutputHelper?.WriteLine($"{test}: {name}: {value}");
        if (Environment.GetEnvironmentVariable("GALLERY_TEST_FIGURES") is not { Length: > 0 } file) return;

        var line = JsonSerializer.Serialize(new { test, name, value });
        lock (FileLock) File.AppendAllText(file, line + "\n");
    }
}
