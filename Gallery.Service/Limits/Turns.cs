using System.Threading.RateLimiting;
using Gallery.Sql.Coalescing;
using Gallery.Sql.Database;

namespace Gallery.Service.Limits;

/// <summary>
/// Turns for costly requests. A user has one that runs and some that wait, so that no user keeps out the others. Service keys have no limit of this kind.
/// </summary>
/// <param name="waiting">How many requests of a user wait.</param>
internal sealed class UserTurns(int waiting = 1) : IDisposable
{
    /// <summary>The turns of requests that repeat a statement until nothing is left to do.</summary>
    public const string Repeating = "repeating";

    private readonly KeyedTurns<string> _turns = new(waiting);

    /// <inheritdoc cref="Turns.TakeAsync"/>
    public async Task<IDisposable?> TakeAsync(Caller caller, CancellationToken ct) => caller.UserId is { } user ? await _turns.TakeAsync(user, ct) : null;

    public void Dispose() => _turns.Dispose();
}

/// <summary>Turns for costly requests. Of each key one runs and some wait.</summary>
internal sealed class KeyedTurns<TKey>(int waiting) : IDisposable
    where TKey : notnull
{
    private readonly PartitionedRateLimiter<TKey> _turns = PartitionedRateLimiter.Create<TKey, TKey>(key => RateLimitPartition.GetConcurrencyLimiter(key, _ => Turns.Options(1, waiting)));

    /// <inheritdoc cref="Turns.TakeAsync"/>
    public Task<IDisposable> TakeAsync(TKey key, CancellationToken ct) => Turns.WaitAsync(token => _turns.AcquireAsync(key, cancellationToken: token), ct);

    public void Dispose() => _turns.Dispose();
}

/// <summary>Turns for the requests of all callers, oldest first.</summary>
internal sealed class Turns(int atOnce, int waiting) : IDisposable
{
    private static readonly TimeSpan MaximumWait = TimeSpan.FromSeconds(1);

    private readonly ConcurrencyLimiter _turns = new(Options(atOnce, waiting));

    /// <summary>Waits for a turn, which lasts until the result is disposed.</summary>
    /// <exception cref="CoalescerFullException">Too many wait already, or those before took too long.</exception>
    public Task<IDisposable> TakeAsync(CancellationToken ct) => WaitAsync(token => _turns.AcquireAsync(cancellationToken: token), ct);

    public void Dispose() => _turns.Dispose();

    internal static ConcurrencyLimiterOptions Options(int atOnce, int waiting) =>
        new() { PermitLimit = atOnce, QueueLimit = waiting, QueueProcessingOrder = QueueProcessingOrder.OldestFirst };

    internal static async Task<IDisposable> WaitAsync(Func<CancellationToken, ValueTask<RateLimitLease>> take, CancellationToken ct)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(ct);
        patience.CancelAfter(MaximumWait);
        try
        {
            var turn = await take(patience.Token);
            return turn.IsAcquired ? turn : throw new CoalescerFullException();
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            throw new CoalescerFullException();
        }
    }
}
