using Gallery.Service.Access;
using Gallery.Service.Limits;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using OpenTelemetry.Metrics;

namespace Gallery.Service.Telemetry;

/// <summary>
/// Serves <c>/metrics</c>, and nothing else, on an address that the proxy in front does not reach. Its Kestrel is not the service's, so that callers who take
/// all connections there keep no scraper out.
/// </summary>
internal sealed class MetricsServer(string url, MeterProvider metrics) : IHostedService, IAsyncDisposable
{
    private const int MaximumConnections = 64;

    // So that silent connections soon leave their places to a scraper.
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(10);

    private WebApplication? _app;

    /// <exception cref="ServiceAddressException">The address is in use, or is not this machine's.</exception>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        var builder = WebApplication.CreateEmptyBuilder(new());   // reads no settings: ASPNETCORE_… are the service's
        builder.WebHost.UseKestrelCore().UseUrls(url).ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxConcurrentConnections = MaximumConnections;
            kestrel.Limits.KeepAliveTimeout = kestrel.Limits.RequestHeadersTimeout = Silence;
        });
        builder.Services.AddRoutingCore();
        builder.Services.Configure<SocketTransportOptions>(sockets => sockets.MaxReadBufferSize = LimitsSetup.ReadAheadBytes);
        _app = builder.Build();
        _app.Use((http, next) => IsRebound(http) ? NotFound(http) : next(http));
        _app.UseRouting();
        _app.MapPrometheusScrapingEndpoint(MetricsEndpoint.Path, metrics, configureBranchedPipeline: null, optionsName: null).DisableHttpMetrics();
        try
        {
            await _app.StartAsync(cancellationToken);
        }
        catch (Exception e) when (e is IOException or System.Net.Sockets.SocketException or InvalidOperationException)
        {
            throw new ServiceAddressException($"{MetricsEndpoint.UrlSetting} is {url}, and the service cannot listen there: {e.Message.TrimEnd('.')}. Set another address.", e);
        }
    }

    public Task StopAsync(CancellationToken cancellationToken) => _app?.StopAsync(cancellationToken) ?? Task.CompletedTask;

    public ValueTask DisposeAsync() => _app?.DisposeAsync() ?? ValueTask.CompletedTask;

    /// <summary>A page of another site, with a host name that resolves to this machine.</summary>
    private static bool IsRebound(HttpContext http) => LoopbackGuard.IsLoopback(http.Connection.LocalIpAddress) && !LoopbackGuard.IsOwnName(http.Request.Host);

    private static Task NotFound(HttpContext http)
    {
        http.Response.StatusCode = StatusCodes.Status404NotFound;
        return Task.CompletedTask;
    }
}
