using System.Buffers.Binary;
using System.Net;
using System.Threading.RateLimiting;
using Gallery.Service.Access;
using Gallery.Service.Http;
using Microsoft.AspNetCore.RateLimiting;

namespace Gallery.Service.Limits;

/// <summary>
/// So many requests a second for each caller, a second's worth of them at once; nobody queues. The framework drops the count of a
/// caller who has been away for 10 s, so memory follows the callers there are.
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

    /// <summary>Who is counted as one: a caller by name, else an address; of IPv6 the /64, which is one subscriber's to choose from.</summary>
    internal readonly record struct Counted(string? Name, UInt128 Address)
    {
        public static Counted Of(HttpContext http) =>
            http.Caller().Name is { } name ? new(name, default) : new(null, Mask(http.Connection.RemoteIpAddress));

        private static UInt128 Mask(IPAddress? address)
        {
            if (address is null) return default;   // a Unix socket has none
            Span<byte> bytes = stackalloc byte[16];
            address.MapToIPv6().TryWriteBytes(bytes, out _);
            var whole = BinaryPrimitives.ReadUInt128BigEndian(bytes);
            return address.IsIPv4MappedToIPv6 || address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetwork ? whole : whole >> 64 << 64;
        }
    }
}
