using System.Runtime.CompilerServices;

namespace Gallery.Tests.Readme;

/// <summary>The files of the repository that the tests were built from.</summary>
internal static class Repository
{
    public static string Root { get; } = FindRoot();

    public static string Read(params string[] path) => File.ReadAllText(Path.Combine([Root, .. path]));

    /// <summary>Fails where a generated file is not the committed one. Under ./regenerate it writes the file.</summary>
    public static void AssertCommitted(string text, params string[] path)
    {
        text = text.TrimEnd();
        if (Environment.GetEnvironmentVariable("REGENERATE") == "true")
            File.WriteAllText(Path.Combine([Root, .. path]), text + '\n');
        else
            Assert.True(text == Read(path).TrimEnd(), $"{Path.Combine(path)} is out of date. If the change is meant, run ./regenerate and commit the file.");
    }

    private static string FindRoot([CallerFilePath] string here = "") => Path.GetFullPath(Path.Combine(here, "..", "..", ".."));
}
