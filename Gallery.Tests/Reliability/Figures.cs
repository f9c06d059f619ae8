using System.Text.Json;

namespace Gallery.Tests.Reliability;

/// <summary>
/// What a test counted and measured: in its output, and as a line of JSON in the file that <c>GALLERY_TEST_FIGURES</c> names,
/// from which <c>bench/reliability</c> makes docs/reliability.md: a section for the words before a test's colon, a row a figure.
/// </summary>
internal static class Figures
{
    private static readonly Lock Turn = new();

    /// <param name="test">As people call it, such as <c>fuzz: CreateImage</c>.</param>
    /// <param name="value">A number or a text, its unit in <paramref name="name"/>.</param>
    public static void Add(string test, string name, object value)
    {
        TestContext.Current.TestOutputHelper?.WriteLine($"{test}: {name}: {value}");
        if (Environment.GetEnvironmentVariable("GALLERY_TEST_FIGURES") is not { Length: > 0 } file) return;

        var line = JsonSerializer.Serialize(new { test, name, value });
        lock (Turn) File.AppendAllText(file, line + "\n");
    }
}
