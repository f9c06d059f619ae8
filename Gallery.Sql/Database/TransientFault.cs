using System.Net.Sockets;
using Npgsql;

namespace Gallery.Sql.Database;

/// <summary>Which failures to retry. Npgsql's <c>IsTransient</c> does not fit: it includes time-outs, and excludes a changed plan.</summary>
internal static class TransientFault
{
    /// <summary>
    /// Whether the statement would probably succeed on a new connection. The first run may have committed and lost its answer, so this is not for
    /// statements that would then answer differently.
    /// </summary>
    public static bool IsWorthOneMoreTry(NpgsqlException fault) => IsWithoutEffect(fault) || fault switch
    {
        // A server rolls back before it sends these. A pooler sends them for a statement that may still commit.
        PostgresException { SqlState: PostgresErrorCodes.AdminShutdown or PostgresErrorCodes.CrashShutdown or ['0', '8', ..] } => true,
        PostgresException => false,
        // The server or the network ended a pooled connection. Refused and unreachable are not included.
        { InnerException: IOException { InnerException: not SocketException { SocketErrorCode: SocketError.TimedOut } } } => true,
        _ => false,
    };

    /// <summary>Whether it is unknown if the write committed, because its connection ended or it timed out.</summary>
    public static bool MayHaveCommitted(Exception fault) => fault switch
    {
        NotStartedException => false,
        PostgresException { SqlState: PostgresErrorCodes.CannotConnectNow or ['2', '8', ..] or ['3', 'D', ..] or ['5', '3', ..] } => false,   // not connected
        PostgresException { InvariantSeverity: "ERROR" } or NpgsqlException { InnerException: SocketException } => false,                     // rolled back; not connected
        NpgsqlException or TimeoutException or IOException => true,
        _ => false,
    };

    /// <summary>Whether the statement would probably succeed, and certainly changed nothing the first time. Safe for every statement.</summary>
    public static bool IsWithoutEffect(NpgsqlException fault) => fault switch
    {
        PostgresException
        {
            SqlState: PostgresErrorCodes.SerializationFailure or PostgresErrorCodes.DeadlockDetected or PostgresErrorCodes.ReadOnlySqlTransaction
            or PostgresErrorCodes.CannotConnectNow,
        } => true,
        // Every insert expects its key to be there, so only a race with another transaction gets here. The second run sees what that one did.
        _ when IsUniqueViolation(fault) => true,
        // A row that the statement saw was deleted meanwhile, and the second run does not see it.
        PostgresException { SqlState: PostgresErrorCodes.ForeignKeyViolation } => true,
        // A migration changed a column under a prepared statement.
        PostgresException { SqlState: PostgresErrorCodes.FeatureNotSupported, Routine: "RevalidateCachedQuery" } => true,
        _ => false,
    };

    /// <summary>Whether a statement that ran took too long. It may still commit.</summary>
    public static bool HasTimedOut(Exception fault) =>
        fault is (TimeoutException and not NotStartedException) or NpgsqlException { InnerException: TimeoutException } or PostgresException { SqlState: PostgresErrorCodes.QueryCanceled };

    /// <summary>Another transaction held a lock for longer than <c>lock_timeout</c>. The statement changed nothing.</summary>
    public static bool IsLocked(Exception fault) => fault is PostgresException { SqlState: PostgresErrorCodes.LockNotAvailable };

    /// <summary>Another transaction has just inserted the same key.</summary>
    public static bool IsUniqueViolation(Exception fault) => fault is PostgresException { SqlState: PostgresErrorCodes.UniqueViolation };

    /// <summary>The database accepts reads only: a standby, or a primary whose disk is full.</summary>
    public static bool IsReadOnly(Exception fault) => fault is PostgresException { SqlState: PostgresErrorCodes.ReadOnlySqlTransaction };

    /// <summary>
    /// A prepared statement is on another server session, or another statement has its name there. Only a pooler in transaction mode that
    /// <c>GALLERY_POOLER</c> does not mention does this.
    /// </summary>
    public static bool IsOfTransactionPooler(Exception fault) => fault is PostgresException
    {
        SqlState: PostgresErrorCodes.DuplicatePreparedStatement or PostgresErrorCodes.InvalidSqlStatementName or PostgresErrorCodes.InvalidBinaryRepresentation,
    } or PostgresException { SqlState: PostgresErrorCodes.ProtocolViolation, Routine: "exec_bind_message" };
}
