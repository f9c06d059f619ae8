using System.Threading.RateLimiting;
using Gallery.Service.Access;
using Gallery.Sql.Coalescing;
using Gallery.Sql.Database;

namespace Gallery.Service.Limits;

/// <summary>
/// Turns for requests. One or a few requests of a user run at once and some wait, so that no user keeps out the others. Service keys have no limit of this kind.
/// </summary>
/// <param name="waiting">How many requests of a user wait.</param>
/// <param name="atOnce">How many requests of a user run.</param>
internal sealed class UserTurns(int waiting = 1, int atOnce = 1) : IDisposable
{
    /// <summary>The turns of requests that repeat a statement until nothing is left to do.</summary>
    public const string Repeating = "repeating";

    /// <summary>The turns of short requests that have no other turns.</summary>
    public const string Short = "short";

    private const long MostBytes = 32 * 1024 * 1024;

    private readonly KeyedTurns<string> _turns = new(waiting, atOnce);
    private long _bytes;

    /// <inheritdoc cref="Turns.TakeAsync"/>
    /// <param name="bytes">What the request holds while it waits. All requests that wait for these turns may hold 32 MB together.</param>
    public async Task<IDisposable?> TakeAsync(Caller caller, CancellationToken ct, int bytes = 0)
    {
        if (caller.UserId is not { } user) return null;
        if (_turns.TryTake(user) is { } turn) return turn;   // takes no bytes, so users who wait do not block others
        try
        {
            return Interlocked.Add(ref _bytes, bytes) <= MostBytes || bytes == 0 ? await _turns.TakeAsync(user, ct) : throw new CoalescerFullException();
        }
        finally
        {
            Interlocked.Add(ref _bytes, -bytes);
        }
    }

    public void Dispose() => _turns.Dispose();
}

/// <summary>Turns for costly requests. One or a few requests of a key run at once and some wait.</summary>
internal sealed class KeyedTurns<TKey>(int waiting, int atOnce = 1) : IDisposable
    where TKey : notnull
{
    private readonly PartitionedRateLimiter<TKey> _turns = PartitionedRateLimiter.Create<TKey, TKey>(key => RateLimitPartition.GetConcurrencyLimiter(key, _ => Turns.Options(atOnce, waiting)));

    /// <summary>A turn that is free. Null if there is none.</summary>
    public IDisposable? TryTake(TKey key) => _turns.AttemptAcquire(key) is { IsAcquired: true } turn ? turn : null;

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

internal static class TurnsExtensions
{
    /// <summary>Each request of these routes takes a turn of its user. It ends before the answer is sent, so a slow reader keeps nobody waiting.</summary>
    /// <param name="kind">Such as <see cref="UserTurns.Short"/>.</param>
    public static TRoutes TakesTurns<TRoutes>(this TRoutes routes, string kind)
        where TRoutes : IEndpointConventionBuilder =>
        routes.AddEndpointFilter(async (context, next) =>
        {
            using var turn = await context.HttpContext.TakeTurnAsync(kind, context.HttpContext.RequestAborted);
            return await next(context);
        });

    /// <inheritdoc cref="UserTurns.TakeAsync"/>
    public static Task<IDisposable?> TakeTurnAsync(this HttpContext http, string kind, CancellationToken ct) =>
        http.RequestServices.GetRequiredKeyedService<UserTurns>(kind).TakeAsync(http.Caller(), ct, http.Features.Get<ReceivedBody>()?.Capacity ?? 0);
}
