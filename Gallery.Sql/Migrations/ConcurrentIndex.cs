using System.Text.RegularExpressions;
using Dapper;
using Npgsql;

namespace Gallery.Sql.Migrations;

/// <summary>The index that a concurrent script builds, read from the script's text.</summary>
internal static partial class ConcurrentIndex
{
    /// <exception cref="MigrationException">The script names its index, and the table has no valid index of that name.</exception>
    public static async Task ThrowIfMissingAsync(NpgsqlConnection connection, JournalRow row, CancellationToken ct)
    {
        // An index is in its table's schema. to_regclass parses the names as the script writes them.
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
                next: run gallery-migrate resolve {row.Script} --as pending --reason "…", then apply, which builds it.
                """);
        }
    }

    /// <summary>
    /// The names as the script writes them. The schema ends with its dot, or is empty. Null if the script builds no index or
    /// leaves the name to the server.
    /// </summary>
    internal static (string Schema, string Table, string Index)? Parse(string body)
    {
        if (SqlText.Split(body) is not [var statement])
            return null;

        // Comments are allowed between any two words.
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
