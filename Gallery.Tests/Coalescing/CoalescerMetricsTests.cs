using System.Diagnostics.Metrics;
using Gallery.Sql.Coalescing;

namespace Gallery.Tests.Coalescing;

public sealed class CoalescerMetricsTests
{
    private static readonly CancellationToken None = CancellationToken.None;

    [Fact]
    public async Task A_metrics_listener_that_throws_leaves_no_key_in_flight()
    {
        var mayAnswer = new TaskCompletionSource();
        await using var coalescer = new Coalescer<int, int, int>(
            "listened_to",
            key => key,
            async (keys, _) =>
            {
                await mayAnswer.Task;
                return keys;
            },
            new BatchOptions { SpareLanes = 0 });
        var first = coalescer.RunAsync(1, None);
        var second = coalescer.RunAsync(2, None);
        using (var listener = new MeterListener())
        {
            listener.InstrumentPublished = (instrument, it) =>
            {
                if (instrument.Meter.Name == CoalescerMetrics.MeterName) it.EnableMeasurementEvents(instrument);
            };
            listener.SetMeasurementEventCallback<int>((_, _, tags, _) =>
            {
                if (tags[0].Value is "listened_to") throw new InvalidOperationException();
            });
            listener.Start();
            mayAnswer.SetResult();
            await first;
            await Assert.ThrowsAsync<InvalidOperationException>(() => second.WaitAsync(TimeSpan.FromSeconds(10)));
        }

        Assert.Equal(2, await coalescer.RunAsync(2, None).WaitAsync(TimeSpan.FromSeconds(10)));
    }
}
