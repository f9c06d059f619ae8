using Gallery.Sql.Database;
using Microsoft.Extensions.Logging.Console;

namespace Gallery.Service.Telemetry;

/// <summary>Logs to standard output, one line per entry, in UTC. The framework logs warnings and errors only.</summary>
internal static class LogSetup
{
    private const string Format = "GALLERY_LOG_FORMAT";
    private const string Level = "GALLERY_LOG_LEVEL";
    private const string Time = "yyyy-MM-dd'T'HH:mm:ss.fff'Z'";

    /// <exception cref="SettingsException"><c>GALLERY_LOG_FORMAT</c> or <c>GALLERY_LOG_LEVEL</c> has an unknown value.</exception>
    public static void AddGalleryLogging(this ILoggingBuilder logging, IConfiguration settings)
    {
        logging.ClearProviders();
        switch (settings.Find(Format))
        {
            case null or "text":
                logging.AddSimpleConsole(console =>
                {
                    console.SingleLine = true;
                    console.UseUtcTimestamp = true;
                    console.TimestampFormat = $"{Time} ";
                    console.ColorBehavior = LoggerColorBehavior.Disabled;
                });
                break;
            case "json":
                logging.AddJsonConsole(console =>
                {
                    console.UseUtcTimestamp = true;
                    console.TimestampFormat = Time;
                });
                break;
            default:
                throw new SettingsException($"{Format} takes text or json.");
        }

        var least = settings.Find(Level) switch
        {
            null or "info" => LogLevel.Information,
            "debug" => LogLevel.Debug,
            "warning" => LogLevel.Warning,
            "error" => LogLevel.Error,
            _ => throw new SettingsException($"{Level} takes debug, info, warning or error."),
        };
        if (settings.Find(Level) is not null) logging.SetMinimumLevel(least);
        logging.AddFilter("Microsoft", least > LogLevel.Warning ? least : LogLevel.Warning);
        foreach (var category in new[] { AccessLog.Category, Audit.Category }) logging.AddFilter(category, LogLevel.Information);   // never hidden by the level

        logging.AddFilter("Microsoft.Extensions.Hosting", LogLevel.None);   // Program prints why the start failed, in one line
        // Otherwise each request gets an Activity and a logging scope for lines that are filtered out. RequestIds makes the trace id instead.
        logging.AddFilter("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.None);
    }
}
