using Dapper;
using Npgsql;

namespace Gallery.Sql.Migrations;

/// <summary>
/// Detects a pooler in transaction mode. Its clients share server sessions, so two runs could hold the same session's lock.
/// The sign: a transaction of one client takes over the other client's server session.
/// </summary>
internal static class TransactionPooler
{
    /// <returns>The server process of the first connection.</returns>
    /// <exception cref="MigrationException">The connection goes through a pooler in transaction mode.</exception>
    public static async Task<int> ThrowIfPresentAsync(NpgsqlConnection first, NpgsqlConnection second, CancellationToken ct)
    {
        if (await FindServerProcessAsync(first, second, ct) is { } process) return process;
        throw new MigrationException(ExitCode.Connection, """
            this connection goes through a pooler in transaction mode, where two runs could hold the migration lock at once.
            nothing was changed.
            next: connect directly or through a session pooler (at Supabase: port 5432 of the same host).
            """);
    }

    /// <returns>The server process of the first connection. Null if a pooler in transaction mode is present.</returns>
    public static async Task<int?> FindServerProcessAsync(NpgsqlConnection first, NpgsqlConnection second, CancellationToken ct)
    {
        var before = await ReadServerProcessAsync(first, ct);

        // Three times, because other clients' traffic may hide the pooler for a moment.
        for (var attempt = 0; attempt < 3; attempt++)
        {
            if (await ReadServerProcessAsync(second, ct) == before) return null;

            await using var transaction = await second.BeginTransactionAsync(ct);
            var others = await ReadServerProcessAsync(second, ct);
            if (others == before || await ReadServerProcessAsync(first, ct) != before) return null;
        }

        return before;
    }

    private static Task<int> ReadServerProcessAsync(NpgsqlConnection connection, CancellationToken ct) =>
        connection.ExecuteScalarAsync<int>(new CommandDefinition("select pg_backend_pid()", cancellationToken: ct));
}
