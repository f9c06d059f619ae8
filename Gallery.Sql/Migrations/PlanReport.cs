using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Gallery.Sql.Migrations;

/// <summary>A plan as text for people or as JSON for programs.</summary>
/// <param name="Target">The database, without its password.</param>
/// <param name="Plan">What would run.</param>
/// <param name="Rehearsed">The scratch database's journal rows, by script; null without a rehearsal.</param>
/// <param name="RehearsedRows">How many images the scratch database had.</param>
internal sealed record PlanReport(string Target, MigrationPlan Plan, IReadOnlyDictionary<string, JournalRow>? Rehearsed, int RehearsedRows)
{
    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        WriteIndented = true,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,   // keeps the SQL readable
    };

    public string ToText()
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"target: {Target}\n");
        text.Append(CultureInfo.InvariantCulture, $"applied: {Plan.Applied.Count()}, pending: {Plan.Pending.Count}\n");
        text.Append(CultureInfo.InvariantCulture, $"plan: {Plan.Hash}\n");
        if (Plan.Newer.Any())
            text.Append(CultureInfo.InvariantCulture, $"of a newer release: {string.Join(", ", Plan.Newer)}\n");

        foreach (var script in Plan.Pending)
        {
            text.Append(CultureInfo.InvariantCulture, $"\n==== {script.Name} ({(script.InTransaction ? "in one transaction" : script.IsBatched ? "in batches, each in its own transaction" : "outside a transaction")})\n");
            foreach (var line in Effects(script))
                text.Append(CultureInfo.InvariantCulture, $"==== {line}\n");
            text.Append('\n').Append(script.Body.TrimEnd()).Append('\n');
        }

        if (Plan.Pending.Count > 0)
            text.Append(CultureInfo.InvariantCulture, $"\nto run exactly this plan: gallery-migrate apply --expect-plan {Plan.Hash}\n");
        return text.ToString();
    }

    public string ToJson() => JsonSerializer.Serialize(new
    {
        Target,
        Plan = Plan.Hash,
        Rehearsed = Rehearsed is not null,
        RehearsedRows = Rehearsed is null ? (int?)null : RehearsedRows,
        Applied = Plan.Applied.Select(row => new { Name = row.Script, row.Checksum }),
        Pending = Plan.Pending.Select(script => new
        {
            script.Name,
            script.Checksum,
            script.InTransaction,
            script.IsBatched,
            Locks = Rehearsed is null ? null : TableLock.Parse(Rehearsed[script.Name].Locks),
            Milliseconds = Rehearsed?[script.Name].Duration?.TotalMilliseconds,
            script.Body,
        }),
    }, Json) + "\n";

    private IEnumerable<string> Effects(MigrationScript script)
    {
        if (script.IsBatched)
        {
            yield return "batched: each batch locks the rows that it changes until it commits, and writes to these rows wait; other rows are free";
        }
        else if (!script.InTransaction)
        {
            yield return "concurrent: does not block reads or writes; a failure leaves an invalid index";
        }
        else if (Rehearsed is null)
        {
            yield return $"not rehearsed: set {RehearsalServer.Setting} to a scratch server, or to embedded, to see its locks";
        }
        else
        {
            var locks = TableLock.Parse(Rehearsed[script.Name].Locks);
            if (locks.Count == 0)
                yield return "locks no existing table";
            foreach (var each in locks)
                yield return each.ToString();
        }

        if (Rehearsed?[script.Name].Duration is { } duration)
        {
            yield return RehearsedRows == 0
                ? string.Create(CultureInfo.InvariantCulture, $"took {duration.TotalMilliseconds:0} ms on the scratch database, where all tables are empty")
                : string.Create(CultureInfo.InvariantCulture, $"took {duration.TotalMilliseconds:0} ms on the scratch database, with {RehearsedRows:N0} images{(script.InTransaction ? ". There it held its locks for at most that long" : "")}");
        }
    }
}
