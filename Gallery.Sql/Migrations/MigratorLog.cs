using Microsoft.Extensions.Logging;

namespace Gallery.Sql.Migrations;

internal static partial class MigratorLog
{
    [LoggerMessage(1, LogLevel.Information, "{Target}")]
    public static partial void Connected(this ILogger log, string target);

    [LoggerMessage(8, LogLevel.Information, "settings: the environment and {DotEnv}")]
    public static partial void DotEnvRead(this ILogger log, string dotEnv);

    [LoggerMessage(2, LogLevel.Information, "waiting for {Holder}, which holds the migration lock")]
    public static partial void WaitingForLock(this ILogger log, string holder);

    [LoggerMessage(3, LogLevel.Information, "applied {Script} in {Milliseconds} ms")]
    public static partial void Applied(this ILogger log, string script, long milliseconds);

    [LoggerMessage(4, LogLevel.Information, "{Script}: {Severity}: {Text}")]
    public static partial void Notice(this ILogger log, string script, string severity, string text);

    [LoggerMessage(5, LogLevel.Warning, "{Script} got no lock within {Timeout} and was rolled back: {Blocker}. Retry {Attempt} of {Attempts} in {Delay} ms")]
    public static partial void LockTimedOut(
        this ILogger log, string script, string timeout, string blocker, int attempt, int attempts, int delay);

    [LoggerMessage(6, LogLevel.Information, "done: {Count} applied now, {Total} in total")]
    public static partial void Summary(this ILogger log, int count, int total);

    [LoggerMessage(7, LogLevel.Information, "a newer release has applied {Scripts}; this release runs beside them")]
    public static partial void NewerScripts(this ILogger log, string scripts);
}
