using System.Threading.RateLimiting;
using Gallery.Service.Limits;
using Gallery.Sql.Database;

namespace Gallery.Service.History;

/// <summary>Places of requests that wait for events. Each holds one of the service's connections.</summary>
internal sealed class FeedPlaces : IDisposable
{
    private const int AtOnce = 256;
    private const int OfOneUser = 16;

    private readonly PartitionedRateLimiter<Caller> _places = PartitionedRateLimiter.CreateChained(
        PartitionedRateLimiter.Create<Caller, string>(caller => caller.UserId is { } user ? Places(user, OfOneUser) : RateLimitPartition.GetNoLimiter("")),
        PartitionedRateLimiter.Create<Caller, string>(_ => Places("", AtOnce)));

    /// <summary>A place until the result is disposed, if one is free.</summary>
    public RateLimitLease TryTake(Caller caller) => _places.AttemptAcquire(caller);

    public void Dispose() => _places.Dispose();

    private static RateLimitPartition<string> Places(string key, int count) =>
        RateLimitPartition.GetConcurrencyLimiter(key, _ => Turns.Options(count, waiting: 0));
}
