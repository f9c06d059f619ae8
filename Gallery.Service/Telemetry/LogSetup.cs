using Gallery.Sql.Database;
using Microsoft.Extensions.Logging.Console;

namespace Gallery.Service.Telemetry;

/// <summary>One line an entry on standard output, UTC; of the framework only what is wrong.</summary>
internal static class LogSetup
{
    private const string Format = "GALLERY_LOG_FORMAT";
    private const string Level = "GALLERY_LOG_LEVEL";
    private const string Time = "yyyy-MM-dd'T'HH:mm:ss.fff'Z'";

    /// <exception cref="SettingsException"><c>GALLERY_LOG_FORMAT</c> or <c>GALLERY_LOG_LEVEL</c> is no word that it takes.</exception>
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
            case var other:
                throw new SettingsException($"{Format} is \"{other}\"; it takes text or json.");
        }

        var least = settings.Find(Level) switch
        {
            null or "info" => LogLevel.Information,
            "debug" => LogLevel.Debug,
            "warning" => LogLevel.Warning,
            "error" => LogLevel.Error,
            var other => throw new SettingsException($"{Level} is \"{other}\"; it takes debug, info, warning or error."),
        };
        if (settings.Find(Level) is not null) logging.SetMinimumLevel(least);
        logging.AddFilter("Microsoft", least > LogLevel.Warning ? least : LogLevel.Warning);
        logging.AddFilter("Microsoft.Extensions.Hosting", LogLevel.None);   // why it did not start is Program's one line
        // Else each request has an Activity and a logging scope, for lines that are filtered out: RequestIds gives it its trace id for less.
        logging.AddFilter("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.None);
    }
}
