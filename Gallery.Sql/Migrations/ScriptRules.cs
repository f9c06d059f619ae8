using System.Text.RegularExpressions;

namespace Gallery.Sql.Migrations;

/// <summary>
/// Rules for a script's text. Some reject what would break the run: a <c>commit</c> ends the transaction that could roll the
/// script back. Some reject what DbUp, Npgsql and psql read differently. The header is what a DBA reads first.
/// </summary>
internal static partial class ScriptRules
{
    private static readonly string[] HeaderLines = ["-- Purpose:", "-- Locks:", "-- Release:"];

    /// <exception cref="MigrationException">A script breaks a rule. The message names every broken rule.</exception>
    public static void ThrowIfBroken(IEnumerable<MigrationScript> scripts)
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
            yield return $"add a line \"{line}\" to the comment at the top";

        var masked = SqlText.Mask(script.Body);
        if (masked.Contains('\\', StringComparison.Ordinal))
            yield return "remove the psql command: the server does not know a backslash outside quotes";
        if (script.Body.Contains('\r', StringComparison.Ordinal))
            yield return "remove the carriage return without a line feed: for the server it ends a comment";
        if (script.Body.Contains("$schema$", StringComparison.Ordinal))
            yield return "use another dollar quote: DbUp deletes the text \"$schema$\"";
        if (BeginAtomic.IsMatch(masked))
            yield return "dollar-quote the function body: \"begin atomic\" would be split at its semicolons";

        var statements = SqlText.Split(script.Body);
        if (statements.Count == 0)
            yield return "the script has no statement";
        if (statements.Any(statement => TransactionControl.IsMatch(statement.Masked)))
            yield return "remove the statement that begins or ends a transaction: the migrator does that";
        if (statements.Any(statement => SessionSetting.IsMatch(statement.Masked)))
            yield return "use \"set local\": a setting of the session would reach the next script";

        if (statements.Any(statement => CopyByClient.IsMatch(statement.Masked)))
            yield return "use \"insert\" instead of \"copy\": a script has no stdin or stdout";

        var concurrent = Concurrently.IsMatch(masked);
        if (script.InTransaction && concurrent)
            yield return "move the \"concurrently\" statement to a separate script with \"-- migrator: no-transaction\" in the comment at the top";
        foreach (var line in header.Where(line => line.StartsWith("-- migrator:", StringComparison.Ordinal) && line is not (MigrationScript.NoTransactionMark or MigrationScript.BatchedMark)))
            yield return $"unknown mark \"{line}\": use \"{MigrationScript.NoTransactionMark}\" or \"{MigrationScript.BatchedMark}\"";
        if (script.IsBatched && !(statements.Count == 1 && Change.IsMatch(statements[0].Masked)))
            yield return "a batched script must be exactly one \"insert\", \"update\" or \"delete\", because it runs until it changes nothing";
        if (script.IsBatched && !Limit.IsMatch(masked))
            yield return "add a \"limit\" to the batched statement: without one, the first batch would lock all its rows";
        if (script.IsBatched && BatchedScript.Quotes.Any(quote => script.Body.Contains(quote, StringComparison.Ordinal)))
            yield return $"use another dollar quote than {string.Join(" and ", BatchedScript.Quotes)}: the migrator puts them around the statement";
        if (!script.InTransaction && !script.IsBatched && !(concurrent && statements.Count == 1))
            yield return "a no-transaction script must be exactly one concurrent statement, because it cannot be rolled back";
        if (!script.InTransaction && IfNotExists.IsMatch(masked))
            yield return "remove \"if not exists\": it would keep the invalid index of an interrupted run";
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

    [GeneratedRegex(@"^(insert|update|delete)\b", RegexOptions.IgnoreCase)]
    private static partial Regex Change { get; }

    [GeneratedRegex(@"\blimit\b", RegexOptions.IgnoreCase)]
    private static partial Regex Limit { get; }

    [GeneratedRegex(@"\bif\s+not\s+exists\b", RegexOptions.IgnoreCase)]
    private static partial Regex IfNotExists { get; }
}
