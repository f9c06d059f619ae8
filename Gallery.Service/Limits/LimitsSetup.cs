using Microsoft.AspNetCore.HttpOverrides;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Gallery.Service.Limits;

/// <summary>Where each limit is kept: by Kestrel before there is a request, by middleware once there is.</summary>
internal static class LimitsSetup
{
    /// <summary>How much Kestrel reads of a connection that nobody asks for yet, so what each can cost. A request's line and headers have to fit.</summary>
    public const int ReadAheadBytes = 64 * 1024;

    // A stall of this length is the network's; Kestrel counts whole seconds.
    private static readonly TimeSpan DataRateGrace = TimeSpan.FromSeconds(5);

    public static void AddLimits(this WebApplicationBuilder builder, ServiceLimits limits)
    {
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.ConfigureEndpointDefaults(endpoint => endpoint.Protocols = HttpProtocols.Http1);   // one request a connection at a time: connections bound requests
            kestrel.Limits.MaxConcurrentConnections = limits.Connections;
            kestrel.Limits.MaxRequestBodySize = BodyLimit.Framed(limits.BodyBytes);
            kestrel.Limits.MaxRequestBufferSize = ReadAheadBytes;
            kestrel.Limits.MaxRequestHeaderCount = limits.Headers;
            kestrel.Limits.MaxRequestHeadersTotalSize = limits.HeaderBytes;
            kestrel.Limits.MaxRequestLineSize = limits.RequestLineBytes;
            kestrel.Limits.RequestHeadersTimeout = limits.HeadersTimeout;
            kestrel.Limits.KeepAliveTimeout = limits.KeepAliveTimeout;
            kestrel.Limits.MinRequestBodyDataRate = kestrel.Limits.MinResponseDataRate = new MinDataRate(limits.DataRate, DataRateGrace);
        });
        builder.Logging.AddFilter("Microsoft.AspNetCore.Server.Kestrel.Connections", LogLevel.Error);   // a line for each connection too many would be a flood
        builder.Logging.AddFilter("Microsoft.AspNetCore.Http.Timeouts", LogLevel.None);                 // its stack trace; ProblemExceptionHandler has the line
        builder.Configuration["ForwardedHeaders_Enabled"] = "false";   // the framework's own switch would believe anybody
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = limits.ShutdownTimeout);
        builder.Services.AddRequestTimeouts(timeouts => timeouts.DefaultPolicy = new()
        {
            Timeout = limits.RequestTimeout,
            WriteTimeoutResponse = _ => throw new RequestTimeoutException(),
        });
        if (limits.RequestsPerSecond > 0) builder.Services.AddRateLimiter(limiter => RateLimit.Configure(limiter, limits.RequestsPerSecond));
    }

    /// <summary>Before all that looks at the caller's address.</summary>
    public static void UseTrustedProxies(this WebApplication app, ServiceLimits limits)
    {
        if (limits.TrustedProxies.Count > 0) app.UseForwardedHeaders(Forwarded(limits.TrustedProxies));
    }

    /// <summary>After authentication, since callers are counted by name.</summary>
    public static void UseLimits(this WebApplication app, ServiceLimits limits)
    {
        if (limits.RequestsPerSecond > 0) app.UseRateLimiter();
        app.UseWhen(MayTakeLong, branch => branch.UseRequestTimeouts());
        app.Use(BodyLimit.TakeStrayAsync);
    }

    /// <summary>
    /// Not a read: it waits for a statement, which has a bound of its own, and then sends what may be a large page to a slow
    /// network, which Kestrel's data rate bounds. So the requests that are most frequent have no timer.
    /// </summary>
    private static bool MayTakeLong(HttpContext http) => !(HttpMethods.IsGet(http.Request.Method) || HttpMethods.IsHead(http.Request.Method)) || BodyLimit.MayCome(http);

    private static ForwardedHeadersOptions Forwarded(IReadOnlyList<System.Net.IPNetwork> proxies)
    {
        var options = new ForwardedHeadersOptions
        {
            ForwardedHeaders = ForwardedHeaders.All,   // address, scheme, host and path prefix
            ForwardLimit = null,                       // as many proxies as are trusted
        };
        options.KnownProxies.Clear();
        options.KnownIPNetworks.Clear();
        foreach (var proxy in proxies) options.KnownIPNetworks.Add(proxy);
        return options;
    }
}

/// <summary>The request as a whole took longer than it may; what it has begun may still be done.</summary>
internal sealed class RequestTimeoutException() : Exception("The request took longer than GALLERY_REQUEST_TIMEOUT.");
