using Dapper;
using Npgsql;

namespace Gallery.Sql.Migrations;

/// <summary>
/// Behind a pooler in transaction mode two clients share the server's sessions, so a session's lock is granted to both.
/// It shows: a transaction of the second client takes the first one's server session away.
/// </summary>
internal static class TransactionPooler
{
    /// <returns>The server's process that serves the first connection, and no other client.</returns>
    /// <exception cref="MigrationException">There is a pooler in transaction mode.</exception>
    public static async Task<int> RefuseAsync(NpgsqlConnection first, NpgsqlConnection second, CancellationToken ct)
    {
        var before = await ReadServerProcessAsync(first, ct);

        // More than once, because other clients' traffic may hand the two different sessions for a moment.
        for (var look = 0; look < 3; look++)
        {
            if (await ReadServerProcessAsync(second, ct) == before)
                Refuse();

            await using var transaction = await second.BeginTransactionAsync(ct);
            var others = await ReadServerProcessAsync(second, ct);
            if (others == before || await ReadServerProcessAsync(first, ct) != before)
                Refuse();
        }

        return before;
    }

    private static Task<int> ReadServerProcessAsync(NpgsqlConnection connection, CancellationToken ct) =>
        connection.ExecuteScalarAsync<int>(new CommandDefinition("select pg_backend_pid()", cancellationToken: ct));

    private static void Refuse() => throw new MigrationException(ExitCode.Connection, """
        this connection goes through a pooler in transaction mode, where the migration lock would be granted to two runs at once.
        nothing was changed.
        next: use the session pooler, port 5432 on the same host at Supabase, or the direct connection.
        """);
}
