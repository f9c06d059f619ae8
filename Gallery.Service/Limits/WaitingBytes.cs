using System.Diagnostics;

namespace Gallery.Service.Limits;

/// <summary>
/// Bounds the bytes that wait for clients: bodies that arrive, and answers that are read. Past the maximum, the request with the most bytes times waiting time is
/// cut off. A client that sends and reads at once needs milliseconds, and one that is slow with a little holds little, so both are spared.
/// </summary>
internal sealed class WaitingBytes(long maximum = WaitingBytes.Maximum)
{
    public const long Maximum = 64 * 1024 * 1024;

    private readonly Lock _lock = new();   // guards all fields below, and those of Waiting
    private readonly HashSet<Waiting> _waiting = [];
    private long _bytes;

    /// <summary>Begins to count the bytes of a request. Dispose the result when they no longer wait.</summary>
    public Waiting Begin(HttpContext http)
    {
        var waiting = new Waiting(this, http);
        lock (_lock) _waiting.Add(waiting);
        return waiting;
    }

    private void Add(Waiting waiting, long bytes)
    {
        List<HttpContext> cutOff = [];
        lock (_lock)
        {
            if (!_waiting.Contains(waiting)) return;   // cut off already
            waiting.Bytes += bytes;
            _bytes += bytes;
            while (_bytes > maximum && _waiting.MaxBy(each => each.Bytes * each.Age) is { } worst)
            {
                cutOff.Add(worst.Http);
                Remove(worst);
            }
        }

        foreach (var http in cutOff) http.Abort();
    }

    private void Remove(Waiting waiting)
    {
        if (_waiting.Remove(waiting)) _bytes -= waiting.Bytes;
    }

    internal sealed class Waiting(WaitingBytes all, HttpContext http) : IDisposable
    {
        public HttpContext Http => http;

        private readonly long _began = Stopwatch.GetTimestamp();

        public long Bytes { get; set; }

        public double Age => Stopwatch.GetElapsedTime(_began).TotalSeconds;

        /// <summary>Counts further bytes. May cut off requests, this one too.</summary>
        public void Add(long bytes) => all.Add(this, bytes);

        public void Dispose()
        {
            lock (all._lock) all.Remove(this);
        }
    }
}
