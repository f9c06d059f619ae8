using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Gallery.Sql.Migrations;

/// <summary>What one script did to a table that existed before it, as the journal records it.</summary>
internal sealed record TableLock(
    [property: JsonPropertyName("table")] string Table,
    [property: JsonPropertyName("mode")] string Mode,
    [property: JsonPropertyName("rewritten")] bool Rewritten,
    [property: JsonPropertyName("scans")] long Scans,
    [property: JsonPropertyName("rows")] long Rows)
{
    public static IReadOnlyList<TableLock> Parse(string? journaled) =>
        journaled is null ? [] : JsonSerializer.Deserialize<TableLock[]>(journaled)!;

    /// <summary>In words, for the person who decides when the script may run.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{Table}: {ModeInSql} lock, {Effect}");
        if (Rewritten)
            text.Append("; the table is rewritten");
        if (Scans > 0)
            text.Append("; every row is read while the lock is held");
        return text.ToString();
    }

    /// <summary>The mode as PostgreSQL's documentation writes it: ACCESS EXCLUSIVE for AccessExclusiveLock.</summary>
    private string ModeInSql =>
        string.Concat(Mode[..^"Lock".Length].Select((c, i) => i > 0 && char.IsUpper(c) ? $" {c}" : $"{char.ToUpperInvariant(c)}"));

    private string Effect => Mode switch
    {
        "AccessExclusiveLock" => "blocks reads and writes",
        "ExclusiveLock" or "ShareRowExclusiveLock" or "ShareLock" => "blocks writes",
        _ => "blocks neither reads nor writes",
    };
}
