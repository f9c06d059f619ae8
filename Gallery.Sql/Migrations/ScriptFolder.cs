using System.Reflection;
using System.Text;

namespace Gallery.Sql.Migrations;

/// <summary>Where scripts come from: embedded in this assembly, or a folder.</summary>
internal static class ScriptFolder
{
    public const string DefaultPath = "sql/migrations";

    private static readonly Assembly Assembly = typeof(ScriptFolder).Assembly;

    /// <summary>In the order in which they run.</summary>
    public static IReadOnlyList<MigrationScript> ReadEmbedded() =>
        Sort(Assembly.GetManifestResourceNames()
            .Where(name => name.EndsWith(".sql", StringComparison.Ordinal))
            .Select(name => MigrationScript.Create(name, ReadResource(name), $"{DefaultPath}/{name}")));

    /// <summary>In the order in which they run. Files that do not end in .sql are left alone.</summary>
    public static IReadOnlyList<MigrationScript> Read(string directory)
    {
        if (!Directory.Exists(directory))
            throw new MigrationException(ExitCode.Usage, $"there is no folder {directory}: --scripts names the folder of the migrations.");

        return Sort(Directory.EnumerateFiles(directory)
            .Where(path => path.EndsWith(".sql", StringComparison.OrdinalIgnoreCase))   // .SQL is a name to refuse, not to pass over
            .Select(path => MigrationScript.Create(Path.GetFileName(path), ReadText(path), path)));
    }

    private static string ReadText(string path)
    {
        try
        {
            // Strictly: replacement characters would be stored, and two different files would have one checksum.
            using var reader = new StreamReader(path, new UTF8Encoding(false, throwOnInvalidBytes: true));
            return reader.ReadToEnd();
        }
        catch (DecoderFallbackException)
        {
            throw new MigrationException(ExitCode.Usage, $"{path}: it is not UTF-8.");
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
                throw new MigrationException(ExitCode.Usage, $"{first.Name} and {second.Name} have the same number: give the newer one the next.");
        }

        return sorted;
    }
}
