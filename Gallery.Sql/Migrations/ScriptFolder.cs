using System.Reflection;
using System.Text;

namespace Gallery.Sql.Migrations;

/// <summary>Reads the scripts that are embedded in this assembly, or those in a folder.</summary>
internal static class ScriptFolder
{
    public const string DefaultPath = "sql/migrations";

    public const int MaxMegabytes = 8;

    private static readonly Assembly Assembly = typeof(ScriptFolder).Assembly;

    /// <summary>In the order in which they run.</summary>
    public static IReadOnlyList<MigrationScript> ReadEmbedded() =>
        Sort(Assembly.GetManifestResourceNames()
            .Where(name => name.EndsWith(".sql", StringComparison.Ordinal))
            .Select(name => MigrationScript.Create(name, ReadResource(name), $"{DefaultPath}/{name}")));

    /// <summary>In the order in which they run. Files that do not end in .sql are ignored.</summary>
    public static IReadOnlyList<MigrationScript> Read(string directory)
    {
        if (!Directory.Exists(directory))
            throw new MigrationException(ExitCode.Usage, "--scripts names no folder. Use the folder that contains the migrations.");

        var scripts = Sort(Directory.EnumerateFiles(directory)
            .Where(path => path.EndsWith(".sql", StringComparison.OrdinalIgnoreCase))   // .SQL is rejected by its name, not ignored
            .Select(path => MigrationScript.Create(Path.GetFileName(path), ReadText(path), path)));
        return scripts.Length > 0 ? scripts : throw new MigrationException(ExitCode.Usage, "--scripts names a folder without scripts. Use the folder that contains the migrations.");
    }

    /// <summary>The text of a script or a snapshot, which may be of a change that nobody has approved yet.</summary>
    /// <exception cref="MigrationException">It is no plain file, too large or not UTF-8.</exception>
    public static string ReadText(string path)
    {
        // A link may lead to any secret, such as this process's environment, and a plan prints the text. A pipe would wait for a writer.
        var fault = new FileInfo(path) switch
        {
            { LinkTarget: not null } => "is a link",
            { Length: 0 } => "is empty, or a pipe or a device",     // these have no length
            { Length: > MaxMegabytes * 1024 * 1024 } => $"is larger than {MaxMegabytes} MB",
            _ => null,
        };
        if (fault is not null)
            throw new MigrationException(ExitCode.Usage, $"{path} {fault}: replace it by a plain file of at most {MaxMegabytes} MB.");

        try
        {
            // Strict: with replacement characters, two different files could have the same checksum.
            using var reader = new StreamReader(path, new UTF8Encoding(false, throwOnInvalidBytes: true));
            return reader.ReadToEnd();
        }
        catch (DecoderFallbackException)
        {
            throw new MigrationException(ExitCode.Usage, $"{path} is not UTF-8: save it as UTF-8.");
        }
    }

    public static string ReadResource(string name)
    {
        using var reader = new StreamReader(Assembly.GetManifestResourceStream(name)
            ?? throw new InvalidOperationException($"{name} is not embedded in {Assembly.GetName().Name}."));
        return reader.ReadToEnd();
    }

    private static MigrationScript[] Sort(IEnumerable<MigrationScript> scripts)
    {
        var sorted = scripts.OrderBy(script => script.Name, StringComparer.Ordinal).ToArray();
        foreach (var (first, second) in sorted.Zip(sorted.Skip(1)))
        {
            if (first.Number == second.Number)
                throw new MigrationException(ExitCode.Usage, $"{first.Name} and {second.Name} have the same number: give the newer one the next free number.");
        }

        return sorted;
    }
}
