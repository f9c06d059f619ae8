using System.Diagnostics.Metrics;
using Gallery.Sql;
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

    // Requests and connections; statements and the pool; the service's own; the runtime.
    private static readonly string[] Meters = ["Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel", "Npgsql", "Gallery.*", "System.Runtime"];

    // Half of all requests take less than 5 ms, where OpenTelemetry's own buckets begin.
    private static readonly ExplicitBucketHistogramConfiguration Seconds = new() { Boundaries = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] };

    private static readonly Meter Build = new("Gallery.Build");

    static TelemetrySetup() => Build.CreateObservableGauge(
        "gallery.build.info", () => new Measurement<int>(1, new("version", Release.Version), new("commit", Release.Commit)), description: "Always 1. Its labels say which build runs.");

    /// <exception cref="SettingsException"><c>GALLERY_METRICS</c>, <c>GALLERY_METRICS_URL</c> or a collector's setting is invalid.</exception>
    public static void AddGalleryTelemetry(this WebApplicationBuilder builder, IConfiguration settings)
    {
        var scraped = MetricsEndpoint.IsOn(settings);
        var metricsUrl = MetricsEndpoint.FindUrl(settings);
        var collected = HasCollector(settings);
        if (!scraped && !collected) return;

        // OpenTelemetry reads the host's configuration, which does not include .env.
        builder.Configuration[ExportTimeout] = "2000";   // milliseconds by default, so that a hanging collector does not delay the shut-down
        builder.Configuration.AddInMemoryCollection(settings.AsEnumerable().Where(setting => setting.Key.StartsWith(Prefix, StringComparison.Ordinal)));
        var telemetry = builder.Services.AddOpenTelemetry()
            .ConfigureResource(resource => resource
                .Clear()
                .AddService("gallery", serviceVersion: Release.Full)
                .AddTelemetrySdk()
                .AddEnvironmentVariableDetector())   // last, so that OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES win
            .WithMetrics(metrics =>
            {
                metrics.AddMeter(Meters);
                metrics.AddView(instrument => instrument.Name is "http.server.request.duration" or "db.client.operation.duration" ? Seconds : null);
                if (scraped) metrics.AddPrometheusExporter();
            });
        if (metricsUrl is not null) builder.Services.AddHostedService(services => new MetricsServer(metricsUrl, services.GetRequiredService<MeterProvider>()));
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
            throw new SettingsException($"{Protocol} takes grpc or http/protobuf.");
        return true;
    }
}
