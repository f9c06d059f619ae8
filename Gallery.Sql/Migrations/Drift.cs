using System.Text.RegularExpressions;

namespace Gallery.Sql.Migrations;

/// <summary>The difference between the schema that the scripts create and the one in the database.</summary>
internal static partial class Drift
{
    /// <param name="allowTuning">Allows what changes speed but no result: storage parameters, replica identity, further indexes and statistics.</param>
    /// <exception cref="MigrationException">The schemas differ. The message shows the lines.</exception>
    public static void ThrowIfAny(string expected, string actual, bool allowTuning)
    {
        var committed = expected.ReplaceLineEndings("\n");
        if (allowTuning) (committed, actual) = (WithoutTuning(committed, committed), WithoutTuning(actual, committed));
        if (committed != actual)
        {
            throw new MigrationException(ExitCode.Integrity,
                $"the schema differs from what the scripts create (- expected, + found):\n{LineDiff.Between(committed, actual)}\n"
                + "next: undo the difference, or write it as a new script. verify --allow-drift allows a DBA's tuning.");
        }
    }

    private static string WithoutTuning(string snapshot, string committed)
    {
        var known = committed.Split('\n').ToHashSet(StringComparer.Ordinal);
        return Parameters.Replace(string.Join('\n', snapshot.Split('\n').Where(line => known.Contains(line) || !Addition.IsMatch(line))), "");
    }

    /// <summary>A unique index is none: it refuses rows.</summary>
    [GeneratedRegex(@"\A(index CREATE INDEX|statistics )")]
    private static partial Regex Addition { get; }

    [GeneratedRegex(@"(?<=^table \S+ kind=[rpm] .*) replica_identity=\S+|(?<=^table \S+ kind=[rpm] .*) options=.*$", RegexOptions.Multiline)]
    private static partial Regex Parameters { get; }
}
