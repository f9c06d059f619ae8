using System.Threading.RateLimiting;
using Gallery.Sql.Database;

namespace Gallery.Service.Limits;

/// <summary>The places of exports, or of imports: one of each service key, and two in all. So no key keeps out the others.</summary>
internal sealed class Places : IDisposable
{
    public const int AtOnce = 2;   // each keeps a connection and a processor of the database busy

    private const int Waiting = 8;

    private readonly PartitionedRateLimiter<Caller> _places = PartitionedRateLimiter.CreateChained(
        PartitionedRateLimiter.Create<Caller, string>(caller => caller.Name is { } name
            ? RateLimitPartition.GetConcurrencyLimiter(name, _ => Turns.Options(1, Waiting))
            : RateLimitPartition.GetNoLimiter("")),   // without credentials all callers are one
        PartitionedRateLimiter.Create<Caller, string>(_ => RateLimitPartition.GetConcurrencyLimiter("", _ => Turns.Options(AtOnce, Waiting))));

    /// <summary>A place, which its disposal frees. Null if none became free in time.</summary>
    public async Task<IDisposable?> FindAsync(Caller caller, CancellationToken ct)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(ct);
        patience.CancelAfter(GalleryDatabase.Patience);
        try
        {
            var place = await _places.AcquireAsync(caller, 1, patience.Token);
            if (place.IsAcquired) return place;
            place.Dispose();
            return null;
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return null;
        }
    }

    public void Dispose() => _places.Dispose();
}
