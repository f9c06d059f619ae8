namespace Gallery.Sql.Migrations;

/// <summary>The difference between the schema that the scripts create and the one in the database.</summary>
internal static class Drift
{
    /// <exception cref="MigrationException">The schemas differ. The message shows the lines.</exception>
    public static void ThrowIfAny(string expected, string actual)
    {
        var committed = expected.ReplaceLineEndings("\n");
        if (committed != actual)
        {
            throw new MigrationException(ExitCode.Integrity,
                $"the schema differs from what the scripts create (- expected, + found):\n{LineDiff.Between(committed, actual)}\n"
                + "next: undo the difference, or write it as a new script.");
        }
    }
}
