using System.Text.RegularExpressions;
using Dapper;
using Npgsql;

namespace Gallery.Sql.Migrations;

/// <summary>The index that a concurrent script builds, by the script's text.</summary>
internal static partial class ConcurrentIndex
{
    /// <exception cref="MigrationException">The script names the index that it builds, and no such index is there and whole.</exception>
    public static async Task RefuseUnbuiltAsync(NpgsqlConnection connection, JournalRow row, CancellationToken ct)
    {
        // An index lies in its table's schema. PostgreSQL reads the names, as they stand in the script.
        // language=PostgreSQL
        const string sql = """
            select exists (
                select 1
                from pg_index i
                where i.indexrelid = to_regclass(@Schema || @Index)
                  and i.indrelid = to_regclass(@Schema || @Table)
                  and i.indisvalid
            )
            """;

        if (Parse(row.Body) is not var (schema, table, index))
            return;

        if (!await connection.ExecuteScalarAsync<bool>(
            new CommandDefinition(sql, new { Schema = schema, Table = table, Index = index }, cancellationToken: ct)))
        {
            throw new MigrationException(ExitCode.Integrity, $"""
                {row.Script} is not applied: there is no valid index {schema}{index} on {schema}{table}.
                nothing was changed.
                next: gallery-migrate resolve {row.Script} --as pending --reason "…" and run apply, which builds it.
                """);
        }
    }

    /// <summary>The names as written, the schema's with its dot or empty; null when the script builds no index, or leaves its name to the server.</summary>
    internal static (string Schema, string Table, string Index)? Parse(string body)
    {
        if (SqlText.Split(body) is not [var statement])
            return null;

        // A comment may stand between any two words.
        var text = string.Concat(statement.Text.Zip(statement.Masked, (written, masked) => masked == ' ' ? ' ' : written));
        var match = CreateIndex.Match(text);
        return match.Success ? (match.Groups["schema"].Value, match.Groups["table"].Value, match.Groups["index"].Value) : null;
    }

    [GeneratedRegex("""
        ^create\s+(unique\s+)?index\s+concurrently\s+(if\s+not\s+exists\s+)?
        (?<index>(?!on\s)[^\s."]+|"([^"]|"")+")\s*
        \bon\s+(only\s+)?
        (?<schema>([^\s."(]+|"([^"]|"")+")\s*\.\s*)?
        (?<table>[^\s."(]+|"([^"]|"")+")
        """, RegexOptions.IgnoreCase | RegexOptions.IgnorePatternWhitespace)]
    private static partial Regex CreateIndex { get; }
}
