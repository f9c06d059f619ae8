using System.Text.RegularExpressions;

namespace Gallery.Sql.Migrations;

/// <summary>
/// What a script may not say, by its text alone. Some of it would break the run (a commit of its own ends the transaction
/// that rolls it back), some of it would be read differently by DbUp, Npgsql or psql, and the header is what a DBA reads first.
/// </summary>
internal static partial class ScriptRules
{
    private static readonly string[] HeaderLines = ["-- Purpose:", "-- Locks:", "-- Release:"];

    /// <exception cref="MigrationException">A script breaks a rule; all of the broken ones are named.</exception>
    public static void Refuse(IEnumerable<MigrationScript> scripts)
    {
        var broken = scripts.SelectMany(script => Check(script).Select(rule => $"{script.Path}: {rule}")).ToArray();
        if (broken.Length > 0)
            throw new MigrationException(ExitCode.Usage, string.Join('\n', [.. broken, "nothing was changed."]));
    }

    /// <summary>The rules that the script breaks.</summary>
    public static IEnumerable<string> Check(MigrationScript script)
    {
        var header = MigrationScript.Header(script.Body).ToArray();
        foreach (var line in HeaderLines.Where(line => !header.Any(h => h.StartsWith(line, StringComparison.Ordinal))))
            yield return $"the comment at its top has no line \"{line}\"";

        var masked = SqlText.Mask(script.Body);
        if (masked.Contains('\\', StringComparison.Ordinal))
            yield return "a backslash outside quotes is a psql command, which no server knows";
        if (script.Body.Contains('\r', StringComparison.Ordinal))
            yield return "a carriage return without a line feed ends a comment for the server and not for a reader";
        if (script.Body.Contains("$schema$", StringComparison.Ordinal))
            yield return "DbUp deletes the text \"$schema$\": choose another dollar quote";
        if (BeginAtomic.IsMatch(masked))
            yield return "\"begin atomic\" is cut at its semicolons on the way to the server: dollar-quote the body";

        var statements = SqlText.Split(script.Body);
        if (statements.Count == 0)
            yield return "there is no statement in it";
        if (statements.Any(statement => TransactionControl.IsMatch(statement.Masked)))
            yield return "it begins or ends a transaction; the migrator does that";
        if (statements.Any(statement => SessionSetting.IsMatch(statement.Masked)))
            yield return "it changes the session's settings, which the next script would inherit: set local";

        if (statements.Any(statement => CopyByClient.IsMatch(statement.Masked)))
            yield return "copy from stdin and copy to stdout need rows beside the script: insert them";

        var concurrent = Concurrently.IsMatch(masked);
        if (script.InTransaction && concurrent)
            yield return "\"concurrently\" needs a script of its own, with \"-- migrator: no-transaction\" in the comment at its top";
        if (!script.InTransaction && !(concurrent && statements.Count == 1))
            yield return "a no-transaction script is one statement, and a concurrent one: whatever else fails half-way cannot be rolled back";
        if (!script.InTransaction && IfNotExists.IsMatch(masked))
            yield return "\"if not exists\" would keep the invalid index of an interrupted run";
    }

    [GeneratedRegex(@"^(begin|start\s+transaction|commit|end|rollback|abort|savepoint|release|prepare\s+transaction)\b", RegexOptions.IgnoreCase)]
    private static partial Regex TransactionControl { get; }

    [GeneratedRegex(@"^(set\b(?!\s+(local|constraints)\b)|reset\b|discard\b)", RegexOptions.IgnoreCase)]
    private static partial Regex SessionSetting { get; }

    [GeneratedRegex(@"^copy\b.*\b(from\s+stdin|to\s+stdout)\b", RegexOptions.IgnoreCase | RegexOptions.Singleline)]
    private static partial Regex CopyByClient { get; }

    [GeneratedRegex(@"\bbegin\s+atomic\b", RegexOptions.IgnoreCase)]
    private static partial Regex BeginAtomic { get; }

    [GeneratedRegex(@"\bconcurrently\b", RegexOptions.IgnoreCase)]
    private static partial Regex Concurrently { get; }

    [GeneratedRegex(@"\bif\s+not\s+exists\b", RegexOptions.IgnoreCase)]
    private static partial Regex IfNotExists { get; }
}
