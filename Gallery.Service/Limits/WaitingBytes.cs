namespace Gallery.Service.Limits;

/// <summary>
/// Bounds the bytes that wait for clients: bodies that arrive, and answers that are read. Past the maximum, the request that has waited longest is cut off.
/// A client that sends and reads at once needs milliseconds, so the oldest request belongs to one that does not.
/// </summary>
internal sealed class WaitingBytes(long maximum = WaitingBytes.Maximum)
{
    public const long Maximum = 64 * 1024 * 1024;

    private readonly Lock _lock = new();   // guards all fields below, and those of Waiting
    private readonly LinkedList<Waiting> _waiting = [];   // the oldest first
    private long _bytes;

    /// <summary>Begins to count the bytes of a request. Dispose the result when they no longer wait.</summary>
    public Waiting Begin(HttpContext http)
    {
        var waiting = new Waiting(this, http);
        lock (_lock) waiting.Place = _waiting.AddLast(waiting);
        return waiting;
    }

    private void Add(Waiting waiting, long bytes)
    {
        List<HttpContext> cutOff = [];
        lock (_lock)
        {
            if (waiting.Place is null) return;   // cut off already
            waiting.Bytes += bytes;
            _bytes += bytes;
            while (_bytes > maximum && _waiting.First is { } oldest)
            {
                cutOff.Add(oldest.Value.Http);
                Remove(oldest.Value);
            }
        }

        foreach (var http in cutOff) http.Abort();
    }

    private void Remove(Waiting waiting)
    {
        if (waiting.Place is null) return;
        _waiting.Remove(waiting.Place);
        _bytes -= waiting.Bytes;
        waiting.Place = null;
    }

    internal sealed class Waiting(WaitingBytes all, HttpContext http) : IDisposable
    {
        public HttpContext Http => http;

        public long Bytes { get; set; }

        /// <summary>Null if the bytes no longer count.</summary>
        public LinkedListNode<Waiting>? Place { get; set; }

        /// <summary>Counts further bytes. May cut off requests, this one too.</summary>
        public void Add(long bytes) => all.Add(this, bytes);

        public void Dispose()
        {
            lock (all._lock) all.Remove(this);
        }
    }
}
