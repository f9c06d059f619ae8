using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Gallery.Sql.Migrations;

/// <summary>What one script did to a table that was there before it, as the journal has it.</summary>
internal sealed record TableLock(
    [property: JsonPropertyName("table")] string Table,
    [property: JsonPropertyName("mode")] string Mode,
    [property: JsonPropertyName("rewritten")] bool Rewritten,
    [property: JsonPropertyName("scans")] long Scans,
    [property: JsonPropertyName("rows")] long Rows)
{
    public static IReadOnlyList<TableLock> Parse(string? journaled) =>
        journaled is null ? [] : JsonSerializer.Deserialize<TableLock[]>(journaled)!;

    /// <summary>In words, for someone who decides whether it may run at noon.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{Table}: {ModeInSql} lock, {Effect}");
        if (Rewritten)
            text.Append("; the table is rewritten");
        if (Scans > 0)
            text.Append("; every row is read while it is held");
        return text.ToString();
    }

    /// <summary>"AccessExclusiveLock" is ACCESS EXCLUSIVE in PostgreSQL's documentation.</summary>
    private string ModeInSql =>
        string.Concat(Mode[..^"Lock".Length].Select((c, i) => i > 0 && char.IsUpper(c) ? $" {c}" : $"{char.ToUpperInvariant(c)}"));

    private string Effect => Mode switch
    {
        "AccessExclusiveLock" => "blocks reads and writes",
        "ExclusiveLock" or "ShareRowExclusiveLock" or "ShareLock" => "blocks writes",
        _ => "blocks neither reads nor writes",
    };
}
