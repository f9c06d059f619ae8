using System.Threading.Channels;
using Gallery.Sql.Coalescing;
using Gallery.Sql.Database;
using Npgsql;

namespace Gallery.Tests.Coalescing;

/// <summary>A fake database that answers on request, with ten times the key.</summary>
internal sealed class Statements
{
    public const int Bad = 666;
    public const int Away = 503;
    public const int Locked = 423;         // fails with others in its statement; alone it waits until Unstick
    public const int AlsoLocked = 424;
    public const int LockedLonger = 425;   // waits until UnstickAtLast
    public const int Late = 408;           // is not started
    public const int Contended = 409;      // two results say that it must run again
    public const int Stuck = 599;              // waits until Unstick

    private int _contended;
    private readonly Channel<int> _sent = Channel.CreateUnbounded<int>();
    private readonly Channel<int> _mayAnswer = Channel.CreateUnbounded<int>();
    private readonly TaskCompletionSource _isUnstuck = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _isUnstuckAtLast = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Releases everything after half a minute, so that a test fails instead of hanging.</summary>
    public Statements() => new CancellationTokenSource(TimeSpan.FromSeconds(30)).Token.Register(() =>
    {
        Unstick();
        UnstickAtLast();
        _mayAnswer.Writer.TryComplete();
        _sent.Writer.TryComplete();
    });

    /// <summary>Whether each is answered at once.</summary>
    public bool Answers { get; init; }

    public List<string> Sent { get; } = [];

    public Coalescer<int, int, int> Coalesce(
        int lanes = 1, int spareLanes = 0, int maximumCount = 256, int queueLength = 100, bool sharesEqualKeys = false, TimeSpan? patience = null,
        TimeSpan stalledAfter = default, Func<int, int>? bytesOf = null, int maximumQueuedBytes = int.MaxValue) =>
        new(
            "test",
            key => key,
            RunAsync,
            new BatchOptions(lanes, queueLength)
            {
                SpareLanes = spareLanes,
                StalledAfter = stalledAfter,
                MaximumCount = maximumCount,
                MaximumBytes = 1000,
                MaximumQueuedBytes = maximumQueuedBytes,
                Patience = patience ?? TimeSpan.FromSeconds(30),
            },
            bytesOf,
            result => result == 10 * Contended && Interlocked.Increment(ref _contended) < 3,
            sharesEqualKeys);

    /// <summary>Makes a request, and returns after its statement was sent.</summary>
    public async Task<Task<int>> SendAsync(Coalescer<int, int, int> coalescer, int key)
    {
        var request = coalescer.RunAsync(key, CancellationToken.None);
        await SentAsync();
        return request;
    }

    /// <summary>Waits until one more statement was sent.</summary>
    public async Task SentAsync() => await _sent.Reader.ReadAsync();

    /// <summary>Counts the statements sent from now on.</summary>
    public void Forget()
    {
        while (_sent.Reader.TryRead(out _)) { }
    }

    public void Unstick() => _isUnstuck.TrySetResult();

    public void UnstickAtLast() => _isUnstuckAtLast.TrySetResult();

    public void Answer() => _mayAnswer.Writer.TryWrite(0);

    /// <summary>PostgreSQL's error with this SQLSTATE.</summary>
    public static PostgresException Error(string sqlState) => new("", "ERROR", "ERROR", sqlState);

    private async Task<IReadOnlyList<int>> RunAsync(IReadOnlyList<int> keys, long since)
    {
        lock (Sent) Sent.Add(string.Join(' ', keys));
        _sent.Writer.TryWrite(0);
        var isLocked = keys.Any(key => key is Locked or AlsoLocked or LockedLonger);
        var isAlone = keys.Count == 1;
        if (keys.Contains(LockedLonger) && isAlone) await _isUnstuckAtLast.Task;
        else if (keys.Contains(Stuck) || (isLocked && isAlone)) await _isUnstuck.Task;
        else if (!Answers) await _mayAnswer.Reader.ReadAsync();
        if (keys.Contains(Away)) throw new TimeoutException();
        if (keys.Contains(Bad)) throw Error(PostgresErrorCodes.CheckViolation);
        if (isLocked && !isAlone) throw Error(PostgresErrorCodes.LockNotAvailable);
        if (keys.Contains(Late)) throw new NotStartedException();
        return [.. keys.Select(key => key * 10)];
    }
}
