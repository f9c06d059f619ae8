using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Gallery.Sql.Coalescing;

/// <summary>A coalescer's metrics.</summary>
internal sealed class CoalescerMetrics
{
    public const string MeterName = "Gallery.Coalescing";

    private static readonly Meter Meter = new(MeterName);
    private static readonly Histogram<int> BatchSize = Meter.CreateHistogram<int>("gallery.coalescer.batch_size", "{request}", "Requests in a statement.",
        advice: new InstrumentAdvice<int> { HistogramBucketBoundaries = [1, 2, 4, 8, 16, 32, 64, 128, 256] });
    private static readonly Histogram<double> Wait = Meter.CreateHistogram<double>("gallery.coalescer.wait", "s", "From the oldest request's arrival to the start of its statement.",
        advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5] });

    private readonly KeyValuePair<string, object?> _name;

    public CoalescerMetrics(string name, Func<int> waiting)
    {
        _name = new("coalescer", name);
        Meter.CreateObservableGauge("gallery.coalescer.queue_length", () => new Measurement<int>(waiting(), _name), "{request}", "Requests that wait for a statement.");
    }

    public void Flushed(int requests, long since)
    {
        BatchSize.Record(requests, _name);
        Wait.Record(Stopwatch.GetElapsedTime(since).TotalSeconds, _name);
    }
}
