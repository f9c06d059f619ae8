using Gallery.Service.Http;
using Microsoft.AspNetCore.HttpOverrides;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace Gallery.Service.Limits;

/// <summary>Applies the limits: Kestrel's before there is a request, middleware's afterwards.</summary>
internal static class LimitsSetup
{
    /// <summary>How much Kestrel reads ahead on each connection. A request's line and headers must fit.</summary>
    public const int ReadAheadBytes = 64 * 1024;

    // Networks stall this long. Kestrel counts whole seconds.
    private static readonly TimeSpan DataRateGrace = TimeSpan.FromSeconds(5);

    public static void AddLimits(this WebApplicationBuilder builder, ServiceLimits limits)
    {
        builder.Services.Configure<SocketTransportOptions>(sockets => sockets.MaxReadBufferSize = ReadAheadBytes);   // 1 MB by default, whatever Kestrel's own limit is
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            var connections = kestrel.ApplicationServices.GetRequiredService<ConnectionLimit>();
            kestrel.ConfigureEndpointDefaults(endpoint =>
            {
                endpoint.Protocols = HttpProtocols.Http1;   // one request at a time per connection, so the connection limit also limits requests
                endpoint.Use(next => connection => connections.HoldAsync(connection, next));
            });
            kestrel.Limits.MaxConcurrentConnections = limits.Connections + (2 * ConnectionLimit.Extra);   // those that are ending count here
            kestrel.Limits.MaxRequestBodySize = BodyLimit.Framed(limits.BodyBytes);
            kestrel.Limits.MaxRequestBufferSize = ReadAheadBytes;
            kestrel.Limits.MaxRequestHeaderCount = limits.Headers;
            kestrel.Limits.MaxRequestHeadersTotalSize = limits.HeaderBytes;
            kestrel.Limits.MaxRequestLineSize = limits.RequestLineBytes;
            kestrel.Limits.RequestHeadersTimeout = limits.HeadersTimeout;
            kestrel.Limits.KeepAliveTimeout = limits.KeepAliveTimeout;
            kestrel.Limits.MinRequestBodyDataRate = kestrel.Limits.MinResponseDataRate = new MinDataRate(limits.DataRate, DataRateGrace);
        });
        builder.Services.AddSingleton<ConnectionLimit>();
        builder.Services.AddSingleton<LineStream>();
        builder.Services.AddKeyedSingleton(UserTurns.Repeating, (_, _) => new UserTurns());
        builder.Services.AddKeyedSingleton(UserTurns.Short, (_, _) => new UserTurns(waiting: 64, atOnce: 8));
        builder.Services.AddSingleton(_ => new WaitingBytes());
        builder.Logging.AddFilter("Microsoft.AspNetCore.Server.Kestrel.Connections", LogLevel.Error);   // otherwise one line per refused connection
        builder.Logging.AddFilter("Microsoft.AspNetCore.Http.Timeouts", LogLevel.None);                 // ProblemExceptionHandler logs these without a stack trace
        builder.Configuration["ForwardedHeaders_Enabled"] = "false";   // the framework's own switch would trust anyone
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = limits.DrainTime + limits.ShutdownTimeout);
        builder.Services.AddRequestTimeouts(timeouts => timeouts.DefaultPolicy = new()
        {
            Timeout = limits.RequestTimeout,
            WriteTimeoutResponse = _ => throw new RequestTimeoutException(),
        });
        if (limits.RequestsPerSecond > 0) builder.Services.AddRateLimiter(limiter => RateLimit.Configure(limiter, limits.RequestsPerSecond));
    }

    /// <summary>Must come before anything that reads the caller's address.</summary>
    public static void UseTrustedProxies(this WebApplication app, ServiceLimits limits)
    {
        if (limits.TrustedProxies.Count > 0) app.UseForwardedHeaders(Forwarded(limits.TrustedProxies));
    }

    /// <summary>Must come before credentials are checked, because a refused connection must cost little.</summary>
    public static void UseConnectionLimit(this WebApplication app) => app.Use(app.Services.GetRequiredService<ConnectionLimit>().AnswerAsync);

    /// <summary>Must come after authentication, because callers are counted by name.</summary>
    public static void UseLimits(this WebApplication app, ServiceLimits limits)
    {
        if (limits.RequestsPerSecond > 0) app.UseRateLimiter();
        app.UseWhen(MayTakeLong, branch => branch.UseRequestTimeouts());
        app.Use(BodyLimit.TakeStrayAsync);
        app.UseMiddleware<AnswerBuffer>();
        app.Use(PercentEncoding.CheckAsync);
        app.Use(QueryParameters.CheckNamesAsync);
    }

    /// <summary>
    /// Reads need no timer. Their statements have a time-out, the wait for events has a maximum, and Kestrel's data rate limits the sending of a large page.
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

/// <summary>The whole request timed out. What it started may still be completed.</summary>
internal sealed class RequestTimeoutException() : Exception("The request took longer than GALLERY_REQUEST_TIMEOUT.");
