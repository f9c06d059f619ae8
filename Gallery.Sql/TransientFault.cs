using System.Net.Sockets;
using Npgsql;

namespace Gallery.Sql;

/// <summary>Which failures are worth one more try. Npgsql's own <c>IsTransient</c> is no guide: it counts time-outs, and leaves out a changed plan.</summary>
internal static class TransientFault
{
    /// <summary>Whether the same statement may well succeed at once, on a connection that is new.</summary>
    public static bool IsWorthOneMoreTry(NpgsqlException fault) => fault switch
    {
        PostgresException
        {
            SqlState: PostgresErrorCodes.SerializationFailure or PostgresErrorCodes.DeadlockDetected or PostgresErrorCodes.ReadOnlySqlTransaction
            or PostgresErrorCodes.AdminShutdown or PostgresErrorCodes.CrashShutdown or ['0', '8', ..],
        } => true,
        // A migration changed a column under a prepared statement.
        PostgresException { SqlState: PostgresErrorCodes.FeatureNotSupported, Routine: "RevalidateCachedQuery" } => true,
        PostgresException => false,
        // A pooled connection that the server, or something between, has ended meanwhile. Refused and unreachable are not among these.
        { InnerException: IOException { InnerException: not SocketException { SocketErrorCode: SocketError.TimedOut } } } => true,
        _ => false,
    };
}
