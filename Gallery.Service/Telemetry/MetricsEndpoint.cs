using Gallery.Service.Access;
using Gallery.Service.Http;
using Gallery.Service.Limits;
using Gallery.Sql.Database;

namespace Gallery.Service.Telemetry;

/// <summary><c>/metrics</c> in Prometheus' text format. Callers without access get 404.</summary>
internal static class MetricsEndpoint
{
    public const string Path = "/metrics";
    public const string UrlSetting = "GALLERY_METRICS_URL";

    private const string Setting = "GALLERY_METRICS";

    /// <summary>The address that alone serves the metrics, or null.</summary>
    /// <exception cref="SettingsException">It is no address, or contradicts <c>GALLERY_METRICS</c>.</exception>
    public static string? FindUrl(IConfiguration settings)
    {
        if (settings.Find(UrlSetting)?.Trim() is not { } url) return null;
        if (settings.Find(Setting) is not null)
            throw new SettingsException($"{Setting} and {UrlSetting} are both set. Remove one of them.");
        return !url.Contains(';', StringComparison.Ordinal) && ServiceAddress.IsUsable(url)
            ? url
            : throw new SettingsException($"{UrlSetting} takes one address, http://host:port.");
    }

    /// <exception cref="SettingsException"><c>GALLERY_METRICS</c> has an unknown value.</exception>
    public static bool IsOn(IConfiguration settings) => FindAudience(settings) is not "off" && TelemetrySetup.IsEnabled(settings);

    public static void MapMetrics(this WebApplication app, IConfiguration settings)
    {
        if (!IsOn(settings) || FindUrl(settings) is not null) return;
        var isOpen = FindAudience(settings) == "on";
        var metrics = app.MapPrometheusScrapingEndpoint(
            Path,
            meterProvider: null,
            configureBranchedPipeline: branch => branch.Use((http, next) =>
            {
                if (isOpen || IsOfThisMachine(http)) return next(http);
                http.Response.StatusCode = StatusCodes.Status404NotFound;
                return Task.CompletedTask;
            }),
            optionsName: null)
            .AllowAnonymous()         // access is decided above, and credentials do not matter here
            .DisableRateLimiting()
            .WithMetadata(new Probe());
        metrics.Finally(route => route.Metadata.Add(new HttpMethodMetadata([HttpMethods.Get, HttpMethods.Head])));
    }

    /// <summary>
    /// A proxy on this machine also connects from loopback, but adds headers. So does a browser with another site's page, whose host name resolves to
    /// this machine (DNS rebinding).
    /// </summary>
    private static bool IsOfThisMachine(HttpContext http) =>
        LoopbackGuard.IsLoopback(http.Connection.RemoteIpAddress)
        && LoopbackGuard.IsOwnName(http.Request.Host)
        && !PublicUrl.IsProxied(http.Request);

    private static string FindAudience(IConfiguration settings) => settings.Find(Setting) switch
    {
        null => "loopback",
        "off" or "loopback" or "on" => settings.Find(Setting)!,
        _ => throw new SettingsException($"{Setting} takes off, loopback or on."),
    };
}
