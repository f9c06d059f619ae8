using System.Buffers;
using System.Net;
using Gallery.Service.Http;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;

namespace Gallery.Service.Limits;

/// <summary>Marks a route that watches the service. It has reserved connections, and no line in the access log.</summary>
internal sealed class Probe;

/// <summary>
/// Bounds the connections, and keeps room for probes. When all are taken, a new connection replaces the one that has been idle longest. If none is idle, the
/// new one is extra: it gets one answer, which is 503 unless it is a probe's. So does a connection past its address's share.
/// </summary>
internal sealed class ConnectionLimit(ServiceLimits limits)
{
    /// <summary>Maximum extra connections. One more ends the oldest of them, so that clients that hold them open cannot keep probes out.</summary>
    public const int Extra = 64;

    public static readonly ProblemResult TooMany =
        ProblemExceptionHandler.Unavailable("too_many_connections", "Too many connections are open. Close idle ones, and try again on a new one.");

    private readonly Lock _lock = new();   // guards all fields below, and Held.IsCounted
    private readonly LinkedList<Held> _idle = [];    // the longest idle first
    private readonly LinkedList<Held> _extra = [];   // the oldest first
    private readonly Dictionary<UInt128, int> _ofAddress = [];
    private int _open;   // without extra ones

    /// <summary>Middleware of connections.</summary>
    public async Task HoldAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        var held = new Held(connection, FindAddress((connection.RemoteEndPoint as IPEndPoint)?.Address));
        connection.Features.Set(held);
        Enter(held)?.Connection.Abort(new ConnectionAbortedException("A newer connection needed its place."));
        try
        {
            if (await HasBegunAsync(connection)) await next(connection);
        }
        finally
        {
            Leave(held);
        }
    }

    /// <summary>Middleware of requests.</summary>
    public async Task AnswerAsync(HttpContext http, RequestDelegate next)
    {
        if (http.Features.Get<Held>() is not { } held)
        {
            await next(http);   // not Kestrel's: a test server
            return;
        }

        bool isReplaced;
        lock (_lock)
        {
            isReplaced = !held.IsCounted && !held.IsExtra;
            if (held.IsCounted) _idle.Remove(held.Place!);
        }

        if (isReplaced)
        {
            http.Abort();   // the same is about to happen to its connection. Without an answer of ours, Kestrel's would be 200
            return;
        }

        if (held.IsExtra) http.Response.Headers.Connection = "close";
        try
        {
            await (held.IsExtra && !IsProbe(http) ? TooMany.ExecuteAsync(http) : next(http));
        }
        finally
        {
            lock (_lock)
            {
                if (held.IsCounted) held.Place = _idle.AddLast(held);
            }
        }
    }

    /// <summary>The connection that must end for this one, if any.</summary>
    private Held? Enter(Held held)
    {
        lock (_lock)
        {
            var ofAddress = held.Address is { } address ? _ofAddress[address] = _ofAddress.GetValueOrDefault(address) + 1 : 0;
            var idle = _open >= limits.Connections ? _idle.First?.Value : null;
            held.IsExtra = ofAddress > limits.ConnectionsPerAddress || (_open >= limits.Connections && idle is null);
            if (held.IsExtra)
            {
                held.Place = _extra.AddLast(held);
                return _extra.Count > Extra ? Remove(_extra.First!.Value) : null;
            }

            (held.IsCounted, held.Place) = (true, _idle.AddLast(held));
            _open++;
            return idle is null ? null : Remove(idle);
        }
    }

    private void Leave(Held held)
    {
        lock (_lock)
        {
            Remove(held);
            if (held.Address is not { } address) return;
            if (_ofAddress[address] > 1) _ofAddress[address]--;
            else _ofAddress.Remove(address);
        }
    }

    private Held Remove(Held held)
    {
        held.Place?.List?.Remove(held.Place);
        if (held.IsCounted) _open--;
        held.IsCounted = false;
        return held;
    }

    /// <summary>
    /// Waits for the first byte of the first request. Kestrel's time-out for headers starts only there; blank lines before it do not start it. False if the
    /// connection is over, or if nothing came in time.
    /// </summary>
    private async Task<bool> HasBegunAsync(ConnectionContext connection)
    {
        var closing = connection.Features.Get<IConnectionLifetimeNotificationFeature>()?.ConnectionClosedRequested ?? default;
        using var end = CancellationTokenSource.CreateLinkedTokenSource(closing, connection.ConnectionClosed);
        end.CancelAfter(limits.HeadersTimeout < limits.KeepAliveTimeout ? limits.HeadersTimeout : limits.KeepAliveTimeout);
        try
        {
            while (true)
            {
                var read = await connection.Transport.Input.ReadAsync(end.Token);
                var start = SkipBlankLines(read.Buffer);
                var hasBegun = !read.Buffer.Slice(start).IsEmpty;
                connection.Transport.Input.AdvanceTo(start);
                if (hasBegun || read.IsCompleted) return hasBegun;
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            return false;
        }
    }

    private static SequencePosition SkipBlankLines(ReadOnlySequence<byte> bytes)
    {
        var reader = new SequenceReader<byte>(bytes);
        reader.AdvancePastAny((byte)'\r', (byte)'\n');
        return reader.Position;
    }

    private static bool IsProbe(HttpContext http) => http.GetEndpoint()?.Metadata.GetMetadata<Probe>() is not null;

    /// <summary>Null for addresses that may have all connections: this machine, and the trusted proxies.</summary>
    private UInt128? FindAddress(IPAddress? address)
    {
        if (address is { IsIPv4MappedToIPv6: true }) address = address.MapToIPv4();
        return address is null || IPAddress.IsLoopback(address) || limits.TrustedProxies.Any(proxy => proxy.Contains(address)) ? null : RateLimit.NetworkOf(address);
    }

    /// <summary>A connection, in its features.</summary>
    private sealed class Held(ConnectionContext connection, UInt128? address)
    {
        public ConnectionContext Connection => connection;

        public UInt128? Address => address;

        public bool IsExtra { get; set; }

        /// <summary>Whether it is one of the limit's. False for an extra one, and for one that has been replaced.</summary>
        public bool IsCounted { get; set; }

        /// <summary>Where it is listed; in no list while it has a request.</summary>
        public LinkedListNode<Held>? Place { get; set; }
    }
}
