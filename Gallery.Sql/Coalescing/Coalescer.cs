using System.Diagnostics;
using System.Threading.Channels;
using Gallery.Sql.Database;

namespace Gallery.Sql.Coalescing;

/// <summary>
/// Lets single requests share statements. While a statement is on its way, the requests that arrive meanwhile wait, and the next
/// ones carry them. Nobody waits for others to come: an idle coalescer sends a lone request at once. Where the statements on
/// their way stall, at a lock or a disk, who waits for them to end is served by spare lanes.
/// </summary>
/// <remarks>
/// An answer is given only when its statement has been committed. A key is in one statement at a time, as long as that one is waited for: where requests are
/// alike (<see cref="CoalescerOptions.ShareEqualKeys"/>) the second shares the first's answer, else it waits for that statement to end.
/// A statement that fails for what may be one request's fault is run again for fewer of them, down to that one alone, so that one caller's
/// bad row fails that caller alone.
/// </remarks>
public sealed class Coalescer<TKey, TRequest, TResult> : IAsyncDisposable
    where TKey : notnull
{
    private const int Few = 16;   // a statement for so many is not yet worth two

    private static readonly TimeSpan TimersStep = TimeSpan.FromMilliseconds(20);   // a caller's own timer may run that much ahead of the clock
    private readonly Channel<Waiting> _queue = Channel.CreateUnbounded<Waiting>();   // bounded by the count of all who wait
    private readonly KeysOnTheirWay<TKey, Waiting>? _keys;   // null where equal keys share an answer
    private readonly Func<TRequest, TKey> _keyOf;
    private readonly Func<IReadOnlyList<TRequest>, StatementTerms, CancellationToken, Task<Dictionary<TKey, TResult>>> _run;
    private readonly CoalescerOptions _options;
    private readonly CoalescerMetrics _metrics;
    private readonly SemaphoreSlim _freeLanes;
    private readonly SemaphoreSlim _freeSpareLanes;
    private readonly Timer _watch;
    private int _waiting;     // in the queue, or for a key
    private int _lastBatch;   // how many the latest batch had, by keys
    private int _isWatched;   // whether the timer runs: only while somebody waits
    private long _lastProgress = Stopwatch.GetTimestamp();   // when a lane that is no spare one last began with a batch, or was done with it

    /// <param name="name">Names its metrics.</param>
    /// <param name="run">One statement for all these requests, of different keys. A key that is absent from its answer is answered by default.</param>
    public Coalescer(
        string name,
        Func<TRequest, TKey> keyOf,
        Func<IReadOnlyList<TRequest>, StatementTerms, CancellationToken, Task<Dictionary<TKey, TResult>>> run,
        CoalescerOptions options)
    {
        (_keyOf, _run, _options) = (keyOf, run, options);
        if (!options.ShareEqualKeys) _keys = new KeysOnTheirWay<TKey, Waiting>();
        _metrics = new CoalescerMetrics(name, () => Volatile.Read(ref _waiting));
        _freeLanes = new SemaphoreSlim(options.Lanes);
        _freeSpareLanes = new SemaphoreSlim(options.SpareLanes);
        _watch = new Timer(static coalescer => ((Coalescer<TKey, TRequest, TResult>)coalescer!).Watch(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>The request's answer, once committed; default where the statement had none for its key.</summary>
    /// <param name="ct">Ends the waiting, not a statement that is begun, which may carry others.</param>
    /// <exception cref="CoalescerFullException">Too many wait already, or the service is stopping.</exception>
    /// <exception cref="TimeoutException">The statement was not answered in time; it may still be committed, unless it is <see cref="NotBegunException"/>.</exception>
    public Task<TResult?> RunAsync(TRequest request, CancellationToken ct)
    {
        if (_options.Lanes == 0) return RunAloneAsync(request, ct);
        if (ct.IsCancellationRequested) return Task.FromCanceled<TResult?>(ct);

        var key = _keyOf(request);
        if (!HasNext && TryTakeLane())
        {
            if (_keys is null || _keys.TryTake(key)) return RunFirstAsync(request, key).WaitAsync(_options.Patience, ct);
            _freeLanes.Release();   // the key is on its way on another lane
        }

        var waiting = new Waiting(request, key, Stopwatch.GetTimestamp(), ct);
        if (Interlocked.Increment(ref _waiting) > _options.QueueLength || !_queue.Writer.TryWrite(waiting))
        {
            Interlocked.Decrement(ref _waiting);
            if (HasNext) StartLane();   // who came while this one had the lane
            return Task.FromException<TResult?>(new CoalescerFullException());
        }

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
        await ServeQueueAsync();   // who waited for a key that was on its way on a spare lane
        await _watch.DisposeAsync();
    }

    private bool HasNext => _queue.Reader.Count > 0 || _keys?.HasNext == true;

    private async Task<TResult?> RunAloneAsync(TRequest request, CancellationToken ct) =>
        (await _run([request], StatementTerms.Alone(), ct)).GetValueOrDefault(_keyOf(request));

    /// <summary>A lone request, on the lane that it found free: sent by its own thread, within its own trace, and answered without the queue.</summary>
    private async Task<TResult?> RunFirstAsync(TRequest request, TKey key)
    {
        try
        {
            var terms = StatementTerms.Alone();
            _metrics.Flushed(1, terms.Since);
            return (await _run([request], terms, CancellationToken.None)).GetValueOrDefault(key);
        }
        finally
        {
            _keys?.Release(key);
            MarkProgress();
            _freeLanes.Release();
            if (HasNext) StartLane();   // who came meanwhile found no lane free
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
        if (!HasNext) return;

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
        while (HasNext && TryTakeLane());   // who came in between the two found no lane free
    }

    /// <summary>One statement alone, and another where the usual lanes still stall: a database that is merely busy is not to be given more to do at once.</summary>
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

        if (HasNext) StartLane();
    }

    /// <summary>Statement after statement, until nobody waits; on a spare lane one.</summary>
    private async Task ServeQueueAsync(bool isSpare = false)
    {
        var batch = new Dictionary<TKey, List<Waiting>>();
        do
        {
            var most = isSpare ? _options.MaximumBatch : FindHalf();
            while (batch.Count < most && TryBoard(batch)) { }
            if (batch.Count == 0) continue;

            Volatile.Write(ref _lastBatch, batch.Count);
            if (!isSpare) MarkProgress();
            await FlushAsync([.. batch.Values]);
            if (!isSpare) MarkProgress();
            batch.Clear();
        }
        while (HasNext && !isSpare);
    }

    /// <summary>
    /// How many a statement takes: a few in any case; of many half of all who are about, those just answered among them, since they are likely to come
    /// again. All at once would have the database and the service wait for each other in turn. So while the database works for the one half, the other is
    /// answered and asks anew.
    /// </summary>
    private int FindHalf()
    {
        var half = (Volatile.Read(ref _waiting) + Volatile.Read(ref _lastBatch) + 1) / 2;   // rounded up
        return Math.Min(Math.Max(half, Few), _options.MaximumBatch);
    }

    /// <summary>The next of those who wait goes on board, unless the key is on its way, or nobody waits for the answer any more. False where there is none.</summary>
    private bool TryBoard(Dictionary<TKey, List<Waiting>> batch)
    {
        var hasKey = false;
        if (_keys is not null && _keys.TryDequeue(out var waiting)) hasKey = true;
        else if (!_queue.Reader.TryRead(out waiting)) return false;

        if (_keys is not null && !hasKey && !_keys.TryTakeOrKeep(waiting.Key, waiting)) return true;   // still waits, for its key
        Interlocked.Decrement(ref _waiting);
        if (!IsAwaited(waiting)) _keys?.Release(waiting.Key);
        else if (!batch.TryAdd(waiting.Key, [waiting])) batch[waiting.Key].Add(waiting);
        return true;
    }

    /// <summary>False where the caller has gone, or has been told that it took too long: it must not be begun after that.</summary>
    private bool IsAwaited(Waiting waiting) =>
        !waiting.CancellationToken.IsCancellationRequested && Stopwatch.GetElapsedTime(waiting.Since) < _options.Patience - TimersStep;

    /// <summary>
    /// Runs the batch, and answers those who still wait. Where a statement fails for one of them it is run again for halves (for each, where failing took long),
    /// all of one size before any smaller; and without haste at last for those that are left: so the others have their answers before a row's lock is waited for.
    /// </summary>
    private async Task FlushAsync(List<Waiting>[] batch)
    {
        var parts = new Queue<List<Waiting>[]>([batch]);
        var alone = new List<List<Waiting>[]>();
        while (parts.TryDequeue(out var part))
        {
            var since = Stopwatch.GetTimestamp();
            var failed = await TryRunAsync(part, inCompany: batch.Length > 1);
            if (failed.Length == 1 && part.Length == 1) alone.Add(failed);
            else if (failed.Length > 0)
                foreach (var smaller in failed.Chunk(Stopwatch.GetElapsedTime(since) >= _options.StalledAfter ? 1 : (failed.Length + 1) / 2)) parts.Enqueue(smaller);
            if (parts.Count + alone.Count > 0) StartLaneForKeys();
        }

        if (alone.Count == 0) return;

        await Parallel.ForEachAsync(alone, new ParallelOptions { MaxDegreeOfParallelism = 1 + _options.SpareLanes }, async (part, _) =>
        {
            await TryRunAsync(part, inCompany: false);
            StartLaneForKeys();
        });
    }

    /// <summary>For who waits for a key that is free now, while this lane has more to do: at once where the lanes stall, else soon.</summary>
    private void StartLaneForKeys()
    {
        if (_keys?.HasNext == true) StartLane();
    }

    /// <summary>One statement. Returns those that it is worth running again for; everyone else has been answered, and the key released.</summary>
    private async Task<List<Waiting>[]> TryRunAsync(List<Waiting>[] part, bool inCompany)
    {
        List<Waiting>[] again = [];
        var awaited = Array.FindAll(part, alike => alike.Exists(IsAwaited));
        try
        {
            if (awaited.Length == 0) return again;

            var terms = new StatementTerms(awaited.Min(alike => alike[0].Since), inCompany);
            _metrics.Flushed(awaited.Sum(alike => alike.Count), terms.Since);
            var answers = await _run(Array.ConvertAll(awaited, alike => alike[0].Request), terms, CancellationToken.None);
            foreach (var alike in awaited)
            {
                var answer = answers.GetValueOrDefault(alike[0].Key);
                foreach (var waiting in alike) waiting.Answer(answer);
            }
        }
        catch (Exception e) when (inCompany && (part.Length > 1 ? e is NotBegunException || _options.IsFaultOfOne(e) : _options.IsFaultOfHaste(e)))
        {
            again = awaited;
        }
        catch (Exception e)
        {
            foreach (var alike in awaited)
                foreach (var waiting in alike) waiting.Fail(e);
        }
        finally
        {
            if (_keys is not null)
                foreach (var alike in part.Except(again)) _keys.Release(alike[0].Key);
        }

        return again;
    }

    /// <summary>
    /// A request, and where its caller waits. The caller goes on as an item in the pool's common queue: in the lane's thread's own, as continuations are
    /// queued, many answers would be given before that thread looked for what the database answers next.
    /// </summary>
    private sealed class Waiting(TRequest request, TKey key, long since, CancellationToken ct) : TaskCompletionSource<TResult?>, IThreadPoolWorkItem
    {
        private TResult? _answer;
        private Exception? _fault;

        public TRequest Request => request;

        public TKey Key => key;

        public long Since => since;

        public CancellationToken CancellationToken => ct;

        public void Answer(TResult? answer)
        {
            _answer = answer;
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }

        public void Fail(Exception fault)
        {
            _fault = fault;
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }

        void IThreadPoolWorkItem.Execute()
        {
            if (_fault is not null) TrySetException(_fault);
            else TrySetResult(_answer);
        }
    }
}
