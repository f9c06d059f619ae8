using System.Diagnostics;
using System.Threading.Channels;

namespace Gallery.Sql.Coalescing;

/// <summary>
/// Lets single requests share statements. While a statement is on its way, the requests that arrive meanwhile wait, and the next
/// statement carries them all. There is no timer: an idle coalescer sends a lone request at once.
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
    }

    /// <summary>The request's answer, once committed; default where the statement had none for its key.</summary>
    /// <param name="ct">Ends the waiting, not the statement, which may carry others.</param>
    /// <exception cref="CoalescerFullException">Too many wait already, or the service is stopping.</exception>
    /// <exception cref="TimeoutException">The statement was not answered in time; it may still be committed.</exception>
    public Task<TResult?> RunAsync(TRequest request, CancellationToken ct)
    {
        if (_options.Lanes == 0) return RunAloneAsync(request, ct);

        var waiting = new Waiting(request, _keyOf(request), Stopwatch.GetTimestamp());
        if (!_queue.Writer.TryWrite(waiting)) throw new CoalescerFullException();
        StartLane();
        return waiting.Task.WaitAsync(_options.Patience, ct);
    }

    /// <summary>Takes nothing new, and answers everyone who still waits: done within twice their patience, however the database is.</summary>
    public async ValueTask DisposeAsync()
    {
        _queue.Writer.TryComplete();
        for (var lane = 0; lane < _options.Lanes; lane++) await _freeLanes.WaitAsync();
        await ServeQueueAsync();   // who came in just before the queue was closed, and found no lane free
        if (_options.Lanes > 0) _freeLanes.Release(_options.Lanes);   // nothing starts any more: the queue is closed
    }

    private async Task<TResult?> RunAloneAsync(TRequest request, CancellationToken ct) =>
        (await _run([request], ct)).GetValueOrDefault(_keyOf(request));

    /// <summary>
    /// Where a lane is free, it starts on the caller's own thread: a lone request's statement is sent without a change of threads.
    /// The first statement so belongs to the caller's trace; those that follow carry others, and belong to none.
    /// </summary>
    private void StartLane()
    {
        if (!_freeLanes.Wait(0)) return;

        if (ExecutionContext.IsFlowSuppressed()) _ = RunLaneAsync();
        else using (ExecutionContext.SuppressFlow()) _ = RunLaneAsync();
    }

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
        while (_queue.Reader.Count > 0 && _freeLanes.Wait(0));   // who came in between the two found no lane free
    }

    /// <summary>Statement after statement, until nobody waits.</summary>
    private async Task ServeQueueAsync()
    {
        var batch = new Dictionary<TKey, List<Waiting>>();
        var next = new Queue<Waiting>();   // came too early: their key was on board already
        while (next.Count > 0 || _queue.Reader.Count > 0)
        {
            for (var count = next.Count; count > 0; count--) Board(next.Dequeue());
            while (batch.Count < _options.MaximumBatch && _queue.Reader.TryRead(out var waiting)) Board(waiting);
            if (batch.Count > 0) await FlushAsync([.. batch.Values]);
            batch.Clear();
        }

        void Board(Waiting waiting)
        {
            if (!IsInTime(waiting)) return;
            if (batch.TryAdd(waiting.Key, [waiting])) return;
            if (_options.ShareEqualKeys) batch[waiting.Key].Add(waiting);
            else next.Enqueue(waiting);
        }
    }

    /// <summary>False where the caller has been told that it took too long: it must not be begun after that.</summary>
    private bool IsInTime(Waiting waiting) => Stopwatch.GetElapsedTime(waiting.Since) < _options.Patience - TimersStep;

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
                if (alike.Exists(IsInTime)) await FlushAsync([alike]);
        }
        catch (Exception e)
        {
            foreach (var alike in batch)
                foreach (var waiting in alike) waiting.TrySetException(e);
        }
    }

    private sealed class Waiting(TRequest request, TKey key, long since) : TaskCompletionSource<TResult?>(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        public TRequest Request => request;

        public TKey Key => key;

        public long Since => since;
    }
}
