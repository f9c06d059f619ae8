using System.Globalization;
using System.Text;
using Npgsql;

namespace Gallery.Sql.Migrations;

/// <summary>The message for a failed script: what went wrong, where, what was rolled back, and what to do next.</summary>
internal static class ScriptFailure
{
    private const int LinesShown = 20;

    public static MigrationException Explain(MigrationScript script, SqlStatement? statement, Exception error, string? blocker)
    {
        var text = new StringBuilder();
        text.Append(Where(script, statement, error)).Append("  ").Append(What(error)).Append('\n');
        if (statement is not null)
            text.Append(Indent(statement.Text));
        if (error is PostgresException { Hint: { } hint })
            text.Append("hint: ").Append(hint).Append('\n');
        if (error is PostgresException { Where: { } context })
            text.Append("context: ").Append(context).Append('\n');
        if (blocker is not null)
            text.Append(blocker).Append('\n');

        if (!IsRolledBack(error) && (script.InTransaction || script.IsBatched))
        {
            text.Append(CultureInfo.InvariantCulture, $"unknown: whether {(script.IsBatched ? "the last batch" : "all")} of {script.Name} was committed or rolled back. What was before it stays.\n");
            text.Append("next: see gallery-migrate status, then run apply again. It runs only what is missing.");
            return new MigrationException(ExitCode.Connection, text.ToString(), error);
        }

        if (script.InTransaction)
        {
            text.Append(CultureInfo.InvariantCulture, $"rolled back: all of {script.Name}. Scripts before it stay applied.\n");
            text.Append(blocker is null ? "next: correct the script and run apply again." : "next: run apply again when the table is free.");
            return new MigrationException(ExitCode.ScriptFailed, text.ToString(), error);
        }

        if (script.IsBatched)
        {
            text.Append(CultureInfo.InvariantCulture, $"rolled back: the last batch of {script.Name}. The batches before it stay.\n");
            text.Append("next: correct what is in the way, and run apply again. It goes on.");
            return new MigrationException(ExitCode.HalfDone, text.ToString(), error);
        }

        text.Append(CultureInfo.InvariantCulture, $"not rolled back: {script.Name} runs outside a transaction and may have left an invalid index.\n");
        text.Append("next: find the index with gallery-migrate verify, remove it with drop index concurrently, then run\n");
        text.Append(CultureInfo.InvariantCulture, $"      gallery-migrate resolve {script.Name} --as pending --reason \"…\", then apply.");
        return new MigrationException(ExitCode.HalfDone, text.ToString(), error);
    }

    /// <summary>A lost connection may have committed: a pooler or the network may end it after the server's commit.</summary>
    private static bool IsRolledBack(Exception error) => error is PostgresException { InvariantSeverity: "ERROR" } or not NpgsqlException;

    private static string What(Exception error) => error switch
    {
        PostgresException e => $"{e.SqlState} {e.MessageText}",
        NpgsqlException { InnerException: { } inner } => $"the connection was lost: {inner.Message}",
        _ => error.Message,
    };

    /// <summary>File, line and column, counted from 1, in the form that editors open.</summary>
    private static string Where(MigrationScript script, SqlStatement? statement, Exception error)
    {
        if (statement is null)
            return script.Path;

        var at = statement.Offset;
        if (error is PostgresException { Position: > 0 } e)
        {
            // PostgreSQL counts characters, .NET counts UTF-16 units.
            foreach (var rune in statement.Text.EnumerateRunes().Take(e.Position - 1))
                at += rune.Utf16SequenceLength;
        }

        var before = script.Body.AsSpan(0, at);
        var line = before.Count('\n') + 1;
        var column = at - before.LastIndexOf('\n');
        return string.Create(CultureInfo.InvariantCulture, $"{script.Path}:{line}:{column}");
    }

    private static string Indent(string statement)
    {
        var lines = statement.Split('\n');
        var shown = lines.Take(LinesShown).Select(line => $"    {line}\n");
        return string.Concat(lines.Length > LinesShown ? shown.Append("    …\n") : shown);
    }
}
