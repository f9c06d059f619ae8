using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Gallery.Sql.Migrations;

/// <summary>A plan for those who decide on it: as text for a person, as JSON for a program.</summary>
/// <param name="Target">The database, without its password.</param>
/// <param name="Plan">What would run.</param>
/// <param name="Rehearsed">What the pending scripts did on the scratch database; null when there was none.</param>
internal sealed record PlanReport(string Target, MigrationPlan Plan, IReadOnlyDictionary<string, JournalRow>? Rehearsed)
{
    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        WriteIndented = true,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,   // SQL is to be read
    };

    public string ToText()
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"target: {Target}\n");
        text.Append(CultureInfo.InvariantCulture, $"applied: {Plan.Applied.Count()}, pending: {Plan.Pending.Count}\n");
        text.Append(CultureInfo.InvariantCulture, $"plan: {Plan.Hash}\n");

        foreach (var script in Plan.Pending)
        {
            text.Append(CultureInfo.InvariantCulture, $"\n==== {script.Name} ({(script.InTransaction ? "in one transaction" : "outside a transaction")})\n");
            foreach (var line in Effects(script))
                text.Append(CultureInfo.InvariantCulture, $"==== {line}\n");
            text.Append('\n').Append(script.Body.TrimEnd()).Append('\n');
        }

        if (Plan.Pending.Count > 0)
            text.Append(CultureInfo.InvariantCulture, $"\nto run exactly this: gallery-migrate apply --expect-plan {Plan.Hash}\n");
        return text.ToString();
    }

    public string ToJson() => JsonSerializer.Serialize(new
    {
        Target,
        Plan = Plan.Hash,
        Rehearsed = Rehearsed is not null,
        Applied = Plan.Applied.Select(row => new { Name = row.Script, row.Checksum }),
        Pending = Plan.Pending.Select(script => new
        {
            script.Name,
            script.Checksum,
            script.InTransaction,
            Locks = Rehearsed is null ? null : TableLock.Parse(Rehearsed[script.Name].Locks),
            Milliseconds = Rehearsed?[script.Name].Duration?.TotalMilliseconds,
            script.Body,
        }),
    }, Json) + "\n";

    private IEnumerable<string> Effects(MigrationScript script)
    {
        if (!script.InTransaction)
        {
            yield return "concurrent: reads and writes of the table go on; if it fails it leaves an invalid index";
        }
        else if (Rehearsed is null)
        {
            yield return $"not rehearsed: set {RehearsalServer.Setting} (a scratch server, or: embedded) to see what it locks";
        }
        else
        {
            var locks = TableLock.Parse(Rehearsed[script.Name].Locks);
            if (locks.Count == 0)
                yield return "locks nothing that was there before it";
            foreach (var each in locks)
                yield return each.ToString();
        }

        if (Rehearsed?[script.Name].Duration is { } duration)
            yield return string.Create(CultureInfo.InvariantCulture, $"took {duration.TotalMilliseconds:0} ms on the scratch database, whose tables are empty");
    }
}
