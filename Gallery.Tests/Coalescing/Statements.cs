using System.Threading.Channels;
using Gallery.Sql.Coalescing;
using Gallery.Sql.Database;

namespace Gallery.Tests.Coalescing;

/// <summary>A database that answers when it is told to: ten times the key.</summary>
internal sealed class Statements
{
    public const int Bad = 666;
    public const int Away = 503;
    public const int Unknown = 404;
    public const int Locked = 423;   // not free in company; alone not answered before it is unstuck
    public const int AlsoLocked = 424;
    public const int LockedLonger = 425;   // likewise, but not before it is unstuck at last
    public const int Late = 408;     // not begun in company
    public const int Stuck = 599;    // not answered before it is unstuck

    private readonly Channel<int> _sent = Channel.CreateUnbounded<int>();
    private readonly Channel<int> _mayAnswer = Channel.CreateUnbounded<int>();
    private readonly TaskCompletionSource _isUnstuck = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _isUnstuckAtLast = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>In half a minute all are answered, or fail: so what should have been answered fails its test, instead of holding it up for good.</summary>
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
        int lanes = 1, int spareLanes = 0, int maximumBatch = 256, int queueLength = 100, bool shareEqualKeys = false, TimeSpan? patience = null,
        TimeSpan stalledAfter = default) =>
        new(
            "test",
            key => key,
            RunAsync,
            new CoalescerOptions(
                lanes, spareLanes, stalledAfter, maximumBatch, queueLength, patience ?? TimeSpan.FromSeconds(30), shareEqualKeys,
                e => e is FormatException or NotFreeException, e => e is NotFreeException));

    /// <summary>Makes a request whose statement is on its way when this returns.</summary>
    public async Task<Task<int>> SendAsync(Coalescer<int, int, int> coalescer, int key)
    {
        var request = coalescer.RunAsync(key, CancellationToken.None);
        await SentAsync();
        return request;
    }

    /// <summary>Waits until one more statement is on its way.</summary>
    public async Task SentAsync() => await _sent.Reader.ReadAsync();

    /// <summary>Counts what is sent from here on.</summary>
    public void Forget()
    {
        while (_sent.Reader.TryRead(out _)) { }
    }

    public void Unstick() => _isUnstuck.TrySetResult();

    public void UnstickAtLast() => _isUnstuckAtLast.TrySetResult();

    public void Answer() => _mayAnswer.Writer.TryWrite(0);

    private async Task<Dictionary<int, int>> RunAsync(IReadOnlyList<int> keys, StatementTerms terms, CancellationToken ct)
    {
        lock (Sent) Sent.Add(string.Join(' ', keys));
        _sent.Writer.TryWrite(0);
        var isLocked = keys.Any(key => key is Locked or AlsoLocked or LockedLonger);
        if (keys.Contains(LockedLonger) && !terms.InCompany) await _isUnstuckAtLast.Task;
        else if (keys.Contains(Stuck) || (isLocked && !terms.InCompany)) await _isUnstuck.Task;
        else if (!Answers) await _mayAnswer.Reader.ReadAsync(ct);
        if (keys.Contains(Away)) throw new TimeoutException();
        if (keys.Contains(Bad)) throw new FormatException();
        if (isLocked && terms.InCompany) throw new NotFreeException();
        if (terms.InCompany && keys.Contains(Late)) throw new NotBegunException();
        return keys.Where(key => key != Unknown).ToDictionary(key => key, key => key * 10);
    }

    private sealed class NotFreeException : Exception;
}
