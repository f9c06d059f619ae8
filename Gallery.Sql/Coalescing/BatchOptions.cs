using Gallery.Sql.Database;
using Microsoft.Extensions.Configuration;
using Npgsql;

namespace Gallery.Sql.Coalescing;

/// <summary>How requests share statements.</summary>
/// <param name="Lanes">Maximum statements at once. With 0 each request has its own statement.</param>
/// <param name="QueueLength">Maximum requests that wait for a statement. Further ones are rejected.</param>
public sealed record BatchOptions(int Lanes = 1, int QueueLength = BatchOptions.DefaultQueueLength)
{
    /// <summary>Less than a second of work.</summary>
    public const int DefaultQueueLength = 4096;

    private const string Setting = "GALLERY_COALESCING";

    /// <summary>Further statements at once while the others stall, for example at a row lock.</summary>
    public int SpareLanes { get; init; } = 2;

    /// <summary>Lanes stall if none has started or finished a statement for this long. A busy database is faster.</summary>
    public TimeSpan StalledAfter { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>Maximum requests in a statement.</summary>
    public int MaximumCount { get; init; } = 256;

    /// <summary>Maximum size of a statement's requests. A larger request has a statement for itself.</summary>
    public int MaximumBytes { get; init; } = 256 * 1024;

    /// <summary>Maximum size of the requests that wait for a statement. Further ones are rejected.</summary>
    public int MaximumQueuedBytes { get; init; } = 64 * 1024 * 1024;

    /// <summary>How long a request waits, the queue included.</summary>
    public TimeSpan Patience { get; init; } = GalleryDatabase.Patience;

    /// <exception cref="SettingsException"><c>GALLERY_COALESCING</c> is neither <c>on</c> (the default) nor <c>off</c>.</exception>
    public static BatchOptions From(IConfiguration settings, int queueLength) => settings.Find(Setting) switch
    {
        null or "on" => new(QueueLength: queueLength),
        "off" => new(Lanes: 0),
        _ => throw new SettingsException($"{Setting} takes on or off."),
    };

    /// <summary>
    /// Whether one request among several may have caused the failure. Classes 22, 23, 54 and XX are data, constraints, limits and damaged rows. Code 55P03 is a
    /// row lock that was not granted. Code 57014 is a statement that the server cancelled because it took too long.
    /// </summary>
    internal static bool IsFaultOfOne(Exception e) => e is NotStartedException or PostgresException
    {
        InvariantSeverity: "ERROR",
        SqlState: ['2', '2' or '3', ..] or ['5', '4', ..] or ['X', 'X', ..] or PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.QueryCanceled,
    };
}

/// <summary>The queue is full, or the service is stopping. A later try may succeed.</summary>
public sealed class CoalescerFullException() : Exception("The queue is full, or closed.");

/// <summary>
/// A failure of a statement with several requests. Each caller gets a separate exception, because a stack trace grows with each caller that throws it. They share
/// the cause, <see cref="Exception.InnerException"/>.
/// </summary>
public sealed class SharedFaultException(Exception cause) : Exception(cause.Message, cause);
