using System.Diagnostics;
using System.Threading.Channels;

namespace Gallery.Sql.Coalescing;

/// <summary>
/// Lets single requests share statements. While a statement is on its way, the requests that arrive meanwhile wait, and the next
/// statement carries them all. Nobody waits for others to come: an idle coalescer sends a lone request at once. Where the statements on
/// their way stall, at a lock or a disk, who waits for them to end is served by spare lanes.
/// </summary>
/// <remarks>
/// An answer is given only when its statement has been committed. A key never stands twice in one statement: where requests are
/// alike (<see cref="CoalescerOptions.ShareEqualKeys"/>) the second shares the first's answer, else it waits for the next one.
/// A statement that fails for its data is run again one request at a time, so that one caller's bad row fails that caller alone.
/// </remarks>
public sealed class Coalescer<TKey, TRequest, TResult> : IAsyncDisposable
    where TKey : notnull
{
    private static readonly TimeSpan TimersStep = TimeSpan.FromMilliseconds(20);   // a caller's own timer may run that much ahead of the clock

    private readonly Channel<Waiting> _queue;
    private readonly Func<TRequest, TKey> _keyOf;
    private readonly Func<IReadOnlyList<TRequest>, CancellationToken, Task<Dictionary<TKey, TResult>>> _run;
    private readonly CoalescerOptions _options;
    private readonly CoalescerMetrics _metrics;
    private readonly SemaphoreSlim _freeLanes;
    private readonly SemaphoreSlim _freeSpareLanes;
    private readonly Timer _watch;
    private int _isWatched;   // whether the timer runs: only while somebody waits
    private long _lastProgress = Stopwatch.GetTimestamp();   // when a statement was last begun or answered

    /// <param name="name">Names its metrics.</param>
    /// <param name="run">One statement for all these requests, of different keys. A key that is absent from its answer is answered by default.</param>
    public Coalescer(
        string name,
        Func<TRequest, TKey> keyOf,
        Func<IReadOnlyList<TRequest>, CancellationToken, Task<Dictionary<TKey, TResult>>> run,
        CoalescerOptions options)
    {
        (_keyOf, _run, _options) = (keyOf, run, options);
        _queue = Channel.CreateBounded<Waiting>(new BoundedChannelOptions(options.QueueLength) { FullMode = BoundedChannelFullMode.Wait });
        _metrics = new CoalescerMetrics(name, () => _queue.Reader.Count);
        _freeLanes = new SemaphoreSlim(options.Lanes);
        _freeSpareLanes = new SemaphoreSlim(options.SpareLanes);
        _watch = new Timer(static coalescer => ((Coalescer<TKey, TRequest, TResult>)coalescer!).Watch(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>The request's answer, once committed; default where the statement had none for its key.</summary>
    /// <param name="ct">Ends the waiting, not a statement that is begun, which may carry others.</param>
    /// <exception cref="CoalescerFullException">Too many wait already, or the service is stopping.</exception>
    /// <exception cref="TimeoutException">The statement was not answered in time; it may still be committed.</exception>
    public Task<TResult?> RunAsync(TRequest request, CancellationToken ct)
    {
        if (_options.Lanes == 0) return RunAloneAsync(request, ct);
        if (_queue.Reader.Count == 0 && TryTakeLane()) return RunFirstAsync(request).WaitAsync(_options.Patience, ct);

        var waiting = new Waiting(request, _keyOf(request), Stopwatch.GetTimestamp(), ct);
        if (!_queue.Writer.TryWrite(waiting)) throw new CoalescerFullException();
        StartLane();
        return waiting.Task.WaitAsync(_options.Patience, ct);
    }

    /// <summary>
    /// Takes nothing new, and answers everyone who still waits: done within twice their patience, however the database is. Called again it does
    /// nothing, and waits for nothing.
    /// </summary>
    public async ValueTask DisposeAsync()
    {
        if (!_queue.Writer.TryComplete()) return;   // disposed of already

        for (var lane = 0; lane < _options.Lanes; lane++) await _freeLanes.WaitAsync();
        await ServeQueueAsync();   // who came in just before the queue was closed, and found no lane free
        for (var lane = 0; lane < _options.SpareLanes; lane++) await _freeSpareLanes.WaitAsync();
        await _watch.DisposeAsync();
    }

    private async Task<TResult?> RunAloneAsync(TRequest request, CancellationToken ct) =>
        (await _run([request], ct)).GetValueOrDefault(_keyOf(request));

    /// <summary>A lone request, on the lane that it found free: sent by its own thread, within its own trace, and answered without a change of threads.</summary>
    private async Task<TResult?> RunFirstAsync(TRequest request)
    {
        try
        {
            _metrics.Flushed(1, Stopwatch.GetTimestamp());
            return (await _run([request], CancellationToken.None)).GetValueOrDefault(_keyOf(request));
        }
        finally
        {
            MarkProgress();
            _freeLanes.Release();
            if (_queue.Reader.Count > 0) StartLane();   // who came meanwhile found no lane free
        }
    }

    /// <summary>
    /// Where a lane is free, or a spare one is called for, it starts: on a thread of the pool, outside of anyone's trace, since its statements
    /// carry several.
    /// </summary>
    private void StartLane()
    {
        if (TryTakeLane()) ThreadPool.UnsafeQueueUserWorkItem(static coalescer => _ = coalescer.RunLaneAsync(), this, preferLocal: true);
        else if (IsStalled && _freeSpareLanes.Wait(0)) ThreadPool.UnsafeQueueUserWorkItem(static coalescer => _ = coalescer.RunSpareLaneAsync(), this, preferLocal: true);
        else StartWatch();
    }

    private void StartWatch()
    {
        if (_options.SpareLanes > 0 && Interlocked.Exchange(ref _isWatched, 1) == 0) _watch.Change(_options.StalledAfter, Timeout.InfiniteTimeSpan);
    }

    /// <summary>For those who came too early to find the others stalled, when nobody comes after them.</summary>
    private void Watch()
    {
        Interlocked.Exchange(ref _isWatched, 0);
        if (_queue.Reader.Count == 0) return;

        StartLane();
        StartWatch();   // one lane may not take them all
    }

    private bool TryTakeLane()
    {
        if (!_freeLanes.Wait(0)) return false;
        MarkProgress();
        return true;
    }

    private bool IsStalled => Stopwatch.GetElapsedTime(Volatile.Read(ref _lastProgress)) >= _options.StalledAfter;

    private void MarkProgress() => Volatile.Write(ref _lastProgress, Stopwatch.GetTimestamp());

    private async Task RunLaneAsync()
    {
        do
        {
            try
            {
                await ServeQueueAsync();
            }
            finally
            {
                _freeLanes.Release();
            }
        }
        while (_queue.Reader.Count > 0 && TryTakeLane());   // who came in between the two found no lane free
    }

    /// <summary>One statement alone: more lanes for good would only have a busy database do more at once.</summary>
    private async Task RunSpareLaneAsync()
    {
        try
        {
            await ServeQueueAsync(isSpare: true);
        }
        finally
        {
            _freeSpareLanes.Release();
        }
    }

    /// <summary>Statement after statement, until nobody waits; on a spare lane one, and what is left over of it.</summary>
    private async Task ServeQueueAsync(bool isSpare = false)
    {
        var batch = new Dictionary<TKey, List<Waiting>>();
        var next = new Queue<Waiting>();   // came too early: their key was on board already
        do
        {
            for (var count = next.Count; count > 0; count--) Board(next.Dequeue());
            while (batch.Count < _options.MaximumBatch && _queue.Reader.TryRead(out var waiting)) Board(waiting);
            if (batch.Count == 0) continue;

            MarkProgress();
            await FlushAsync([.. batch.Values]);
            MarkProgress();
            batch.Clear();
        }
        while (next.Count > 0 || (!isSpare && _queue.Reader.Count > 0));

        void Board(Waiting waiting)
        {
            if (!IsWaiting(waiting)) return;
            if (batch.TryAdd(waiting.Key, [waiting])) return;
            if (_options.ShareEqualKeys) batch[waiting.Key].Add(waiting);
            else next.Enqueue(waiting);
        }
    }

    /// <summary>False where the caller has gone, or has been told that it took too long: it must not be begun after that.</summary>
    private bool IsWaiting(Waiting waiting) =>
        !waiting.CancellationToken.IsCancellationRequested && Stopwatch.GetElapsedTime(waiting.Since) < _options.Patience - TimersStep;

    private async Task FlushAsync(List<Waiting>[] batch)
    {
        try
        {
            _metrics.Flushed(batch.Length, batch[0][0].Since);
            var answers = await _run(Array.ConvertAll(batch, alike => alike[0].Request), CancellationToken.None);
            foreach (var alike in batch)
            {
                var answer = answers.GetValueOrDefault(alike[0].Key);
                foreach (var waiting in alike) waiting.TrySetResult(answer);
            }
        }
        catch (Exception e) when (batch.Length > 1 && _options.IsFaultOfData(e))
        {
            foreach (var alike in batch)
                if (alike.Exists(IsWaiting)) await FlushAsync([alike]);
        }
        catch (Exception e)
        {
            foreach (var alike in batch)
                foreach (var waiting in alike) waiting.TrySetException(e);
        }
    }

    private sealed class Waiting(TRequest request, TKey key, long since, CancellationToken ct) : TaskCompletionSource<TResult?>(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        public TRequest Request => request;

        public TKey Key => key;

        public long Since => since;

        public CancellationToken CancellationToken => ct;
    }
}
