using System.Net.Sockets;
using Npgsql;

namespace Gallery.Sql.Database;

/// <summary>Which failures are worth one more try. Npgsql's own <c>IsTransient</c> is no guide: it counts time-outs, and leaves out a changed plan.</summary>
internal static class TransientFault
{
    /// <summary>
    /// Whether the same statement may well succeed at once, on a connection that is new. It may have been committed the first time, and its
    /// answer lost: not for a statement whose second run would then answer otherwise.
    /// </summary>
    public static bool IsWorthOneMoreTry(NpgsqlException fault) => IsWithoutEffect(fault) || fault switch
    {
        // A server's words; but a pooler in between says the same of a statement that it no longer waits for.
        PostgresException { SqlState: PostgresErrorCodes.AdminShutdown or PostgresErrorCodes.CrashShutdown or ['0', '8', ..] } => true,
        PostgresException => false,
        // A pooled connection that the server, or something between, has ended meanwhile. Refused and unreachable are not among these.
        { InnerException: IOException { InnerException: not SocketException { SocketErrorCode: SocketError.TimedOut } } } => true,
        _ => false,
    };

    /// <summary>Whether the same statement may well succeed at once, and is sure to have changed nothing the first time: safe for every statement.</summary>
    public static bool IsWithoutEffect(NpgsqlException fault) => fault switch
    {
        PostgresException
        {
            SqlState: PostgresErrorCodes.SerializationFailure or PostgresErrorCodes.DeadlockDetected or PostgresErrorCodes.ReadOnlySqlTransaction
            or PostgresErrorCodes.CannotConnectNow,
        } => true,
        // A migration changed a column under a prepared statement.
        PostgresException { SqlState: PostgresErrorCodes.FeatureNotSupported, Routine: "RevalidateCachedQuery" } => true,
        _ => false,
    };
}
