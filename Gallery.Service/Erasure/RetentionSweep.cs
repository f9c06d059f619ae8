using System.Diagnostics.Metrics;
using Gallery.Service.Telemetry;
using Gallery.Sql.Database;
using Gallery.Sql.Erasure;

namespace Gallery.Service.Erasure;

/// <summary>
/// Deletes what is older than its retention, once a minute, in small batches. Every instance may sweep, because two batches never delete a row twice. If the
/// database is down, the sweep of the next minute tries again.
/// </summary>
internal sealed partial class RetentionSweep(ErasureRepository erasure, RetentionOptions retention, Audit audit, TimeProvider clock, ILogger<RetentionSweep> log) : BackgroundService
{
    public const string MeterName = "Gallery.Retention";

    private static readonly Caller Actor = new("gallery:retention", null);
    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);
    private static readonly Meter Meter = new(MeterName);
    private static readonly Counter<long> Purged = Meter.CreateCounter<long>("gallery.retention.purged", "{row}", "Rows deleted because of their age.");
    private static readonly Gauge<long> LastSweep = Meter.CreateGauge<long>("gallery.retention.last_sweep", "s", "When the last complete sweep ended, in Unix time. Before the first one, when the service started.");

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        LastSweep.Record(clock.GetUtcNow().ToUnixTimeSeconds());   // so that it is noticed if no sweep ever ends
        using var timer = new PeriodicTimer(Interval, clock);
        await using var stop = stoppingToken.UnsafeRegister(static timer => ((PeriodicTimer)timer!).Dispose(), timer);   // ends the wait without an exception
        do
        {
            var isComplete = await SweepAsync(retention.TrashDays, PurgeTrashAsync, stoppingToken);
            isComplete &= await SweepAsync(retention.HistoryDays, PurgeEventsAsync, stoppingToken);   // also if the trash failed
            if (stoppingToken.IsCancellationRequested) return;
            if (isComplete) LastSweep.Record(clock.GetUtcNow().ToUnixTimeSeconds());
        }
        while (await timer.WaitForNextTickAsync(CancellationToken.None));
    }

    /// <summary>Returns whether all that is old is gone.</summary>
    private async Task<bool> SweepAsync(int? days, Func<int, int, CancellationToken, Task<int>> purgeBatch, CancellationToken ct)
    {
        try
        {
            return days is null || await Portions.RepeatAsync(limit => purgeBatch(days.Value, limit, ct), () => !ct.IsCancellationRequested);
        }
        catch (Exception e)   // whatever it is, the service goes on
        {
            if (!ct.IsCancellationRequested) LogFailed(log, e.GetBaseException().Message.ReplaceLineEndings(" "));
            return false;
        }
    }

    private async Task<int> PurgeTrashAsync(int days, int limit, CancellationToken ct)
    {
        var rows = await erasure.PurgeOldTrashAsync(Actor, days, limit, CancellationToken.None);   // so that its deletions are reported, even if the service stops
        foreach (var id in rows.OfType<Guid>()) audit.Deleted(id, Actor);
        Purged.Add(rows.Count(id => id is not null), new KeyValuePair<string, object?>("kind", "trash"));
        return rows.Count;
    }

    private async Task<int> PurgeEventsAsync(int days, int limit, CancellationToken ct)
    {
        var count = await erasure.PurgeOldEventsAsync(days, limit, ct);
        Purged.Add(count, new KeyValuePair<string, object?>("kind", "history"));
        return count;
    }

    [LoggerMessage(LogLevel.Warning, "The retention sweep failed. It is tried again in a minute. {Reason}")]
    private static partial void LogFailed(ILogger log, string reason);
}
