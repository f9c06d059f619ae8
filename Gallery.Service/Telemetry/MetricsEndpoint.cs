using System.Net;
using Gallery.Service.Http;
using Gallery.Sql.Database;

namespace Gallery.Service.Telemetry;

/// <summary><c>/metrics</c>, in Prometheus' text format. To whom it is not open, it is not there.</summary>
internal static class MetricsEndpoint
{
    private const string Setting = "GALLERY_METRICS";
    private const string Path = "/metrics";

    /// <exception cref="SettingsException"><c>GALLERY_METRICS</c> is no word that it takes.</exception>
    public static bool IsOn(IConfiguration settings) => FindAudience(settings) is not "off" && TelemetrySetup.IsEnabled(settings);

    public static void MapMetrics(this WebApplication app, IConfiguration settings)
    {
        if (!IsOn(settings)) return;
        var isOpen = FindAudience(settings) == "on";
        app.MapPrometheusScrapingEndpoint(
            Path,
            meterProvider: null,
            configureBranchedPipeline: branch => branch.Use((http, next) =>
            {
                if (isOpen || IsOfThisMachine(http)) return next(http);
                http.Response.StatusCode = StatusCodes.Status404NotFound;
                return Task.CompletedTask;
            }),
            optionsName: null)
            .AllowAnonymous()         // who may ask is said above, and a user's token opens nothing here
            .DisableRateLimiting();
    }

    /// <summary>A proxy on this machine passes on what others ask, and says so.</summary>
    private static bool IsOfThisMachine(HttpContext http) =>
        http.Connection.RemoteIpAddress is { } address && IPAddress.IsLoopback(address)
        && !PublicUrl.IsProxied(http.Request);

    private static string FindAudience(IConfiguration settings) => settings.Find(Setting) switch
    {
        null => "loopback",
        "off" or "loopback" or "on" => settings.Find(Setting)!,
        var other => throw new SettingsException($"{Setting} is \"{other}\"; it takes off, loopback or on."),
    };
}
