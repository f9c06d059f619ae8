using Npgsql;

namespace Gallery.Sql.Coalescing;

/// <summary>Which failures of a statement may be the fault of one request among those it carries, while the database is well.</summary>
internal static class RequestFault
{
    /// <remarks>
    /// Classes 22, 23 and 54: data exception, integrity violation, limit exceeded; XX: what PostgreSQL says of a damaged row or index;
    /// 55P03: a row's lock that did not come free. As FATAL they would end the connection for reasons of its own.
    /// </remarks>
    public static bool IsOfOne(Exception e) => e is PostgresException
    {
        InvariantSeverity: "ERROR",
        SqlState: ['2', '2' or '3', ..] or ['5', '4', ..] or ['X', 'X', ..] or PostgresErrorCodes.LockNotAvailable,
    };

    /// <summary>A row's lock that was not waited for any longer.</summary>
    public static bool IsOfHaste(Exception e) => e is PostgresException { SqlState: PostgresErrorCodes.LockNotAvailable };
}
