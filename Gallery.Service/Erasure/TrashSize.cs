using System.Diagnostics.Metrics;
using Gallery.Sql.Erasure;

namespace Gallery.Service.Erasure;

/// <summary>Counts the trash once a minute for the metric, if anyone collects it. If the database is down or too slow, the last number stays.</summary>
internal sealed class TrashSize(ErasureRepository erasure, TimeProvider clock) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);
    private static readonly Meter Meter = new(RetentionSweep.MeterName);
    private static readonly Gauge<long> Size = Meter.CreateGauge<long>("gallery.trash.size", "{image}", "Images in the trash, counted once a minute. 1000000 means that or more.");

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, clock);
        await using var stop = stoppingToken.UnsafeRegister(static timer => ((PeriodicTimer)timer!).Dispose(), timer);   // ends the wait without an exception
        do
        {
            if (!Size.Enabled) continue;
            try
            {
                Size.Record(await erasure.CountTrashAsync(stoppingToken));
            }
            catch (Exception)   // whatever it is, the service goes on. Readiness logs that the database is down
            {
            }
        }
        while (await timer.WaitForNextTickAsync(CancellationToken.None));
    }
}
