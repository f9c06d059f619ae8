using System.Buffers.Binary;
using System.Net;
using System.Threading.RateLimiting;
using Gallery.Service.Access;
using Gallery.Service.Http;
using Microsoft.AspNetCore.RateLimiting;

namespace Gallery.Service.Limits;

/// <summary>
/// Limits each caller's requests per second. A burst may use a whole second's quota, and nobody queues. The framework drops the counter of
/// a caller that was idle for 10 s, so memory follows the active callers.
/// </summary>
internal static class RateLimit
{
    public static void Configure(RateLimiterOptions limiter, int requestsPerSecond)
    {
        limiter.GlobalLimiter = PartitionedRateLimiter.Create<HttpContext, Counted>(http => RateLimitPartition.GetTokenBucketLimiter(Counted.Of(http), _ => new()
        {
            TokenLimit = requestsPerSecond,
            TokensPerPeriod = requestsPerSecond,
            ReplenishmentPeriod = TimeSpan.FromSeconds(1),
        }));
        limiter.OnRejected = (context, _) => new(RefuseAsync(context, requestsPerSecond));
    }

    private static Task RefuseAsync(OnRejectedContext context, int requestsPerSecond)
    {
        var wait = context.Lease.TryGetMetadata(MetadataName.RetryAfter, out var after) ? after : TimeSpan.Zero;
        return Rejected(requestsPerSecond, Math.Max(1, (int)Math.Ceiling(wait.TotalSeconds))).ExecuteAsync(context.HttpContext);
    }

    public static ProblemResult Rejected(int requestsPerSecond, int retryAfterSeconds) => new(
        StatusCodes.Status429TooManyRequests,
        "rate_limited",
        $"The limit is {requestsPerSecond} requests a second. This one was not executed. Send it again later.",
        RetryAfterSeconds: retryAfterSeconds);

    /// <summary>Callers are counted by name, strangers by address.</summary>
    internal readonly record struct Counted(string? Name, UInt128 Address)
    {
        public static Counted Of(HttpContext http) =>
            http.Caller().Name is { } name ? new(name, default) : new(null, NetworkOf(http.Connection.RemoteIpAddress));
    }

    /// <summary>What counts as one address. IPv6 addresses count by /64, because one subscriber has all of it.</summary>
    public static UInt128 NetworkOf(IPAddress? address)
    {
        if (address is null) return default;   // a Unix socket has no address
        Span<byte> bytes = stackalloc byte[16];
        address.MapToIPv6().TryWriteBytes(bytes, out _);
        var whole = BinaryPrimitives.ReadUInt128BigEndian(bytes);
        return address.IsIPv4MappedToIPv6 || address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetwork ? whole : whole >> 64 << 64;
    }
}
