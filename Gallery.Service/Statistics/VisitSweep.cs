using Gallery.Sql.Statistics;

namespace Gallery.Service.Statistics;

/// <summary>
/// Deletes the visits and salts of the days before yesterday, in small batches. Every instance may sweep, because two batches never delete a row twice. If the
/// database is down, the next sweep tries again.
/// </summary>
internal sealed partial class VisitSweep(StatisticsRepository statistics, TimeProvider clock, ILogger<VisitSweep> log) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(10);

    internal async Task SweepAsync(CancellationToken ct)
    {
        var yesterday = DateOnly.FromDateTime(clock.GetUtcNow().UtcDateTime).AddDays(-1);
        while (await statistics.PurgeOldVisitsAsync(yesterday, ct) == StatisticsRepository.BatchSize) { }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, clock);
        await using var stop = stoppingToken.UnsafeRegister(static timer => ((PeriodicTimer)timer!).Dispose(), timer);   // ends the wait without an exception
        while (await timer.WaitForNextTickAsync(CancellationToken.None))
        {
            try
            {
                await SweepAsync(stoppingToken);
            }
            catch (Exception e)   // whatever it is, the service goes on
            {
                if (stoppingToken.IsCancellationRequested) return;
                LogFailed(log, e.GetBaseException().Message.ReplaceLineEndings(" "));
            }
        }
    }

    [LoggerMessage(LogLevel.Warning, "Old visitor hashes were not deleted. It is tried again in ten minutes. {Reason}")]
    private static partial void LogFailed(ILogger log, string reason);
}
