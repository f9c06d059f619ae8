using System.Runtime.CompilerServices;

namespace Gallery.Tests.Readme;

/// <summary>The files of the repository that the tests were built from.</summary>
internal static class Repository
{
    public static string Root { get; } = FindRoot();

    /// <summary>Whether the tests that compare a file write it instead.</summary>
    public static bool IsRegenerating => Environment.GetEnvironmentVariable("REGENERATE") == "true";

    public static string Read(params string[] path) => File.ReadAllText(Path.Combine([Root, .. path]));

    /// <summary>Fails where a generated file is not the committed one. Under ./regenerate it writes the file.</summary>
    public static void AssertCommitted(string text, params string[] path)
    {
        text = text.TrimEnd();
        if (IsRegenerating)
            File.WriteAllText(Path.Combine([Root, .. path]), text + '\n');
        else
            Assert.True(text == Read(path).TrimEnd(), $"{Path.Combine(path)} is out of date. If the change is meant, run ./regenerate and commit the file.");
    }

    private static string FindRoot([CallerFilePath] string here = "") => Path.GetFullPath(Path.Combine(here, "..", "..", ".."));
}
