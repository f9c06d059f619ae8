using System.Diagnostics;

namespace Gallery.Sql.Coalescing;

/// <summary>
/// Lets requests share statements. If a lane is free, a request is sent at once. Otherwise it waits, and the next statement carries it. If the lanes stall
/// (a row lock, a disk), spare lanes serve those that wait.
/// </summary>
/// <remarks>
/// A request is answered when its statement has committed. A key is in one statement at a time. If a statement fails because of one request, it is run again
/// in parts, so that only that request fails.
/// </remarks>
internal sealed class Coalescer<TKey, TRequest, TResult> : IAsyncDisposable
    where TKey : notnull
{
    private const int Few = 16;   // a smaller statement is not worth splitting
    private static readonly TimeSpan TimerResolution = TimeSpan.FromMilliseconds(20);   // a caller's time-out may fire this early

    private readonly Func<TRequest, TKey> _keyOf;
    private readonly Func<TRequest, int> _bytesOf;
    private readonly Func<IReadOnlyList<TRequest>, long, Task<IReadOnlyList<TResult>>> _run;
    private readonly BatchOptions _options;
    private readonly Func<TResult, bool> _isContended;
    private readonly bool _sharesEqualKeys;
    private readonly CoalescerMetrics _metrics;
    private readonly Timer _watch;
    private readonly TaskCompletionSource _drained = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private readonly Lock _lock = new();   // guards all fields below
    private readonly LinkedList<Waiting> _queue = [];
    private readonly HashSet<TKey> _keysInFlight = [];
    private long _queuedBytes;
    private int _running;        // the spare lanes included
    private int _runningSpare;
    private int _lastCount;
    private bool _isClosed;
    private long _lastProgress = Stopwatch.GetTimestamp();

    /// <param name="name">The label of its metrics.</param>
    /// <param name="run">Runs one statement for requests of different keys. Takes the start of the oldest wait; returns a result per request, in their order.</param>
    /// <param name="bytesOf">The size of a request in a statement. Null if all are small.</param>
    /// <param name="isContended">Whether a result says that the request must run again, because another transaction changed its row meanwhile.</param>
    /// <param name="sharesEqualKeys">Whether requests with one key are the same question, so that one result serves them all.</param>
    public Coalescer(
        string name, Func<TRequest, TKey> keyOf, Func<IReadOnlyList<TRequest>, long, Task<IReadOnlyList<TResult>>> run, BatchOptions options,
        Func<TRequest, int>? bytesOf = null, Func<TResult, bool>? isContended = null, bool sharesEqualKeys = false)
    {
        (_keyOf, _bytesOf, _isContended, _run, _options, _sharesEqualKeys) = (keyOf, bytesOf ?? (_ => 0), isContended ?? (_ => false), run, options, sharesEqualKeys);
        _metrics = new CoalescerMetrics(name, () => _queue.Count);
        _watch = new Timer(_ => Start());
    }

    /// <param name="ct">Ends the wait, but not a statement that has started, because it may carry others.</param>
    /// <exception cref="CoalescerFullException">Too many wait already, or the service is stopping.</exception>
    /// <exception cref="SharedFaultException">A statement with several requests failed.</exception>
    /// <exception cref="TimeoutException">There was no answer in time. The statement may still commit, unless this is <c>NotStartedException</c>.</exception>
    public async Task<TResult> RunAsync(TRequest request, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        var waiting = new Waiting(request, _keyOf(request), _bytesOf(request), Stopwatch.GetTimestamp(), ct);
        if (_options.Lanes == 0)
        {
            TResult result;
            do result = (await _run([request], waiting.Since).WaitAsync(ct))[0];
            while (_isContended(result));
            return result;
        }

        lock (_lock)
        {
            if (_isClosed || _queue.Count >= _options.QueueLength || _queuedBytes + waiting.Bytes > _options.MaximumQueuedBytes) throw new CoalescerFullException();
            _queue.AddLast(waiting);
            _queuedBytes += waiting.Bytes;
        }

        Start();
        return await waiting.Task.WaitAsync(_options.Patience, ct);
    }

    /// <summary>Rejects new requests, and completes when all that wait have been answered.</summary>
    public async ValueTask DisposeAsync()
    {
        lock (_lock)
        {
            _isClosed = true;
            CompleteIfDrained();
        }

        await _drained.Task;
        await _watch.DisposeAsync();
    }

    /// <summary>Starts a statement on each free lane. A spare lane is free only while the others stall.</summary>
    private void Start()
    {
        while (TryTakeLane(out var batch, out var isSpare)) _ = RunLaneAsync(batch, isSpare);
    }

    private bool TryTakeLane(out List<Waiting>[] batch, out bool isSpare)
    {
        lock (_lock)
        {
            batch = [];
            isSpare = _running - _runningSpare >= _options.Lanes;
            if (_queue.Count == 0 || _running >= _options.Lanes + _options.SpareLanes) return false;
            if (isSpare && _options.StalledAfter - Stopwatch.GetElapsedTime(_lastProgress) is var rest && rest > TimeSpan.Zero)
            {
                _watch.Change(rest, Timeout.InfiniteTimeSpan);
                return false;
            }

            batch = TakeBatch(isSpare);
            if (batch.Length > 0) _running++;
            if (batch.Length > 0 && isSpare) _runningSpare++;
            CompleteIfDrained();
            return batch.Length > 0;
        }
    }

    private async Task RunLaneAsync(List<Waiting>[] batch, bool isSpare)
    {
        while (batch.Length > 0)
        {
            if (batch.Length > 1) Activity.Current = null;   // the statement belongs to no single request's trace
            await FlushAsync(batch);
            Activity.Current = null;
            lock (_lock)
            {
                if (!isSpare) _lastProgress = Stopwatch.GetTimestamp();
                batch = isSpare ? [] : TakeBatch(isSpare);
                if (batch.Length == 0) _running--;
                if (isSpare) _runningSpare--;
                CompleteIfDrained();
            }
        }

        Start();
    }

    /// <summary>
    /// Takes waiting requests whose keys are in no statement: at least <see cref="Few"/>, then half of the active callers. Those just answered count, because
    /// they will probably ask again. So half are answered while the database works for the other half.
    /// </summary>
    private List<Waiting>[] TakeBatch(bool isSpare)
    {
        var most = isSpare ? _options.MaximumCount : Math.Min(Math.Max((_queue.Count + _lastCount + 1) / 2, Few), _options.MaximumCount);
        var bytes = 0;
        var batch = new Dictionary<TKey, List<Waiting>>();
        HashSet<TKey>? passed = null;   // too large for what is left. Smaller requests behind them fit, but none of the same key may overtake
        for (var node = _queue.First; node is not null && batch.Count < most;)
        {
            var (waiting, here) = (node.Value, node);
            node = node.Next;
            if (IsAwaited(waiting))
            {
                if (batch.TryGetValue(waiting.Key, out var alike) && _sharesEqualKeys) alike.Add(waiting);
                else if (alike is not null || (!_sharesEqualKeys && _keysInFlight.Contains(waiting.Key)) || passed?.Contains(waiting.Key) == true) continue;   // waits for its key
                else if (batch.Count > 0 && bytes + waiting.Bytes > _options.MaximumBytes)
                {
                    (passed ??= []).Add(waiting.Key);
                    continue;
                }
                else batch.Add(waiting.Key, [waiting]);
                bytes += waiting.Bytes;
            }

            _queue.Remove(here);
            _queuedBytes -= waiting.Bytes;
        }

        _keysInFlight.UnionWith(batch.Keys);
        if (batch.Count > 0) _lastCount = batch.Count;
        if (!isSpare) _lastProgress = Stopwatch.GetTimestamp();
        return [.. batch.Values];
    }

    /// <summary>False if the caller has left or timed out: its request must not start any more.</summary>
    private bool IsAwaited(Waiting waiting) =>
        !waiting.CancellationToken.IsCancellationRequested && Stopwatch.GetElapsedTime(waiting.Since) < _options.Patience - TimerResolution;

    /// <summary>Runs the batch. If one request fails it, it runs again in halves; after a slow failure, such as a row lock, each request alone.</summary>
    private async Task FlushAsync(List<Waiting>[] batch, bool isPart = false)
    {
        var start = Stopwatch.GetTimestamp();
        var failed = await TryRunAsync(batch);
        if (isPart || failed.Length > 0) Start();   // the lane stays busy with other parts, and requests may wait for the keys of this one
        if (failed.Length == 0) return;

        var isSlow = Stopwatch.GetElapsedTime(start) >= _options.StalledAfter;
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = isSlow ? 1 + _options.SpareLanes : 1 };
        await Parallel.ForEachAsync(failed.Chunk(isSlow ? 1 : (failed.Length + 1) / 2), parallel, async (part, _) => await FlushAsync(part, isPart: true));
    }

    /// <summary>Runs one statement. Returns the requests to run again; all others have been answered.</summary>
    private async Task<List<Waiting>[]> TryRunAsync(List<Waiting>[] part)
    {
        var awaited = Array.FindAll(part, alike => alike.Exists(IsAwaited));
        var again = new List<List<Waiting>>();
        try
        {
            if (awaited.Length > 0)
            {
                var since = awaited.SelectMany(alike => alike).Where(IsAwaited).Select(waiting => waiting.Since).DefaultIfEmpty(Stopwatch.GetTimestamp()).Min();
                _metrics.Flushed(awaited.Sum(alike => alike.Count), since);
                var results = await _run(Array.ConvertAll(awaited, alike => alike[0].Request), since);
                for (var i = 0; i < awaited.Length; i++)
                {
                    if (_isContended(results[i])) again.Add(awaited[i]);
                    else awaited[i].ForEach(waiting => waiting.TrySetResult(results[i]));
                }
            }
        }
        catch (Exception e) when (part.Length > 1 && BatchOptions.IsFaultOfOne(e))
        {
            again = [.. awaited];
        }
        catch (Exception e)
        {
            Waiting[] failed = [.. awaited.SelectMany(alike => alike)];
            foreach (var waiting in failed) waiting.TrySetException(failed.Length == 1 ? e : new SharedFaultException(e));   // one for each: the stack of a shared one would grow with each caller
        }

        lock (_lock) _keysInFlight.ExceptWith(part.Except(again).Select(alike => alike[0].Key));
        return [.. again];
    }

    private void CompleteIfDrained()
    {
        if (_isClosed && _running == 0 && _queue.Count == 0) _drained.TrySetResult();
    }

    private sealed class Waiting(TRequest request, TKey key, int bytes, long since, CancellationToken ct)
        : TaskCompletionSource<TResult>(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        public TRequest Request => request;

        public TKey Key => key;

        public int Bytes => bytes;

        public long Since => since;

        public CancellationToken CancellationToken => ct;
    }
}
