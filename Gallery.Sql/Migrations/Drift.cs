namespace Gallery.Sql.Migrations;

/// <summary>The difference between the schema that the scripts make and the one that is there.</summary>
internal static class Drift
{
    /// <exception cref="MigrationException">There is one; its lines are shown.</exception>
    public static void Refuse(string expected, string actual)
    {
        var committed = expected.ReplaceLineEndings("\n");
        if (committed != actual)
        {
            throw new MigrationException(ExitCode.Integrity,
                "the schema is not what the scripts make of an empty database (- expected, + found):\n" + LineDiff.Between(committed, actual));
        }
    }
}
