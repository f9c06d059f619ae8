using System.Reflection;
using Gallery.Service.Health;
using Gallery.Sql.Coalescing;
using Gallery.Sql.Database;
using OpenTelemetry;
using OpenTelemetry.Logs;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Gallery.Service.Telemetry;

/// <summary>Traces and metrics, by OpenTelemetry's own settings (<c>OTEL_…</c>). Without a setting for it, nothing is registered.</summary>
internal static class TelemetrySetup
{
    private const string Prefix = "OTEL_";
    private const string Collector = "OTEL_EXPORTER_OTLP_ENDPOINT";
    private const string Protocol = "OTEL_EXPORTER_OTLP_PROTOCOL";
    private const string ExportTimeout = "OTEL_EXPORTER_OTLP_TIMEOUT";
    private const string Disabled = "OTEL_SDK_DISABLED";

    // Requests and connections; statements and the pool; shared statements; the database's state; deletion by age; counting of visits; the runtime.
    private static readonly string[] Meters =
        ["Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel", "Npgsql", CoalescerMetrics.MeterName, Readiness.MeterName, "Gallery.Retention", "Gallery.Visits", "System.Runtime"];

    /// <exception cref="SettingsException"><c>GALLERY_METRICS</c> or a collector's setting is invalid.</exception>
    public static void AddGalleryTelemetry(this WebApplicationBuilder builder, IConfiguration settings)
    {
        var scraped = MetricsEndpoint.IsOn(settings);
        var collected = HasCollector(settings);
        if (!scraped && !collected) return;

        // OpenTelemetry reads the host's configuration, which does not include .env.
        builder.Configuration[ExportTimeout] = "2000";   // milliseconds by default, so that a hanging collector does not delay the shut-down
        builder.Configuration.AddInMemoryCollection(settings.AsEnumerable().Where(setting => setting.Key.StartsWith(Prefix, StringComparison.Ordinal)));
        var telemetry = builder.Services.AddOpenTelemetry()
            .ConfigureResource(resource => resource
                .Clear()
                .AddService("gallery", serviceVersion: typeof(TelemetrySetup).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion)
                .AddTelemetrySdk()
                .AddEnvironmentVariableDetector())   // last, so that OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES win
            .WithMetrics(metrics =>
            {
                metrics.AddMeter(Meters);
                if (scraped) metrics.AddPrometheusExporter();
            });
        if (!collected) return;

        telemetry
            .WithTracing(traces => traces
                .AddAspNetCoreInstrumentation(requests => requests.Filter = http => http.Request.Path.StartsWithSegments("/v1"))   // not the probes
                .AddSource("Npgsql")
                .AddProcessor(new SpanTags()))
            .UseOtlpExporter();
        builder.Logging.AddFilter<OpenTelemetryLoggerProvider>(null, LogLevel.None);   // the exporter also enables logs, which go to standard output only
    }

    /// <summary>False if <c>OTEL_SDK_DISABLED</c> turns OpenTelemetry off.</summary>
    public static bool IsEnabled(IConfiguration settings) => !string.Equals(settings.Find(Disabled), "true", StringComparison.OrdinalIgnoreCase);

    // OpenTelemetry ignores an invalid setting, and nothing would ever arrive.
    private static bool HasCollector(IConfiguration settings)
    {
        if (!IsEnabled(settings) || settings.Find(Collector) is not { } endpoint) return false;
        if (!Uri.TryCreate(endpoint, UriKind.Absolute, out var uri) || (uri.Scheme != Uri.UriSchemeHttp && uri.Scheme != Uri.UriSchemeHttps))
            throw new SettingsException($"{Collector} is not an http:// or https:// URL. Set the collector's, such as http://localhost:4317.");   // not quoted, because it may contain a password
        if (settings.Find(Protocol) is { } protocol and not ("grpc" or "http/protobuf"))
            throw new SettingsException($"{Protocol} is \"{protocol}\"; it takes grpc or http/protobuf.");
        return true;
    }
}
