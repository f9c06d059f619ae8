using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Gallery.Sql.Migrations;

/// <summary>The state of each script, as a table or as JSON. A script is running, and not half done, only while a run is under way.</summary>
internal static class StatusReport
{
    private static readonly JsonSerializerOptions Json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower, WriteIndented = true };

    public static string ToTable(MigrationPlan plan, bool isUnderWay)
    {
        string[][] rows =
        [
            ["script", "state", "checksum", "when (UTC)", "by", "took"],
            .. plan.Scripts.Select(script => new[]
            {
                script.Name,
                Label(script, isUnderWay),
                Checksum(script) switch { true => "ok", false => "differs", null => "-" },
                script.Row?.StartedAt.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture) ?? "-",
                script.Row is { } row ? $"{row.Role} ({row.Client})" : "-",
                script.Row?.Duration?.TotalMilliseconds.ToString("0 'ms'", CultureInfo.InvariantCulture) ?? "-",
            }),
        ];

        var widths = Enumerable.Range(0, rows[0].Length).Select(column => rows.Max(row => row[column].Length)).ToArray();
        var text = new StringBuilder();
        foreach (var row in rows)
            text.Append(string.Join("  ", row.Select((cell, column) => cell.PadRight(widths[column]))).TrimEnd()).Append('\n');
        return text.ToString();
    }

    public static string ToJson(MigrationPlan plan, bool isUnderWay) => JsonSerializer.Serialize(
        plan.Scripts.Select(script => new
        {
            script.Name,
            State = Label(script, isUnderWay),
            ChecksumOk = Checksum(script),
            script.Row?.StartedAt,
            Milliseconds = script.Row?.Duration?.TotalMilliseconds,
            script.Row?.Role,
            script.Row?.Client,
            script.Row?.ToolVersion,
            script.Row?.ServerVersion,
            script.Row?.RunId,
            Locks = script.Row is null ? null : TableLock.Parse(script.Row.Locks),
            script.Row?.Error,
            script.Row?.Reason,
        }), Json) + "\n";

    private static bool? Checksum(PlannedScript script) =>
        script is { Script: { } file, Row: { } row } ? file.Checksum == row.Checksum : null;

    private static string Label(PlannedScript script, bool isUnderWay) => script.State switch
    {
        ScriptState.HalfDone when isUnderWay && script.Row!.State == "running" => "running",
        ScriptState.OutOfOrder => "out of order",
        ScriptState.JournalChanged => "journal changed",
        ScriptState.HalfDone => "half done",
        ScriptState.Newer => "newer release",
        var state => state.ToString().ToLowerInvariant(),
    };
}
