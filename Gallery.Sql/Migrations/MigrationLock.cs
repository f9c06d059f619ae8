using System.Data;
using System.Diagnostics;
using Dapper;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Gallery.Sql.Migrations;

/// <summary>
/// Allows one run at a time per database. The session that runs the scripts holds the lock, so no other run can start while
/// a killed run's statement still executes on the server.
/// </summary>
internal static class MigrationLock
{
    /// <summary>The lock's key as SQL, which the psql bundle uses too. Advisory locks are per database.</summary>
    public const string Key = "hashtextextended('gallery_migrations', 0)";

    /// <summary>Connects, runs <paramref name="work"/> under the lock, and releases the lock.</summary>
    /// <exception cref="MigrationException">Another run held the lock for all of <paramref name="wait"/>, or the work failed.</exception>
    public static async Task<T> HoldAsync<T>(
        NpgsqlConnectionStringBuilder target, TimeSpan wait, ILogger log, Func<MigratorSession, Task<T>> work, CancellationToken ct)
    {
        await using var session = await MigratorSession.OpenAsync(target, log, ct);
        await AcquireAsync(session.Connection, wait, log, ct);
        try
        {
            return await work(session);
        }
        finally
        {
            // A pooler in session mode may keep the server session, and with it the lock, after this run.
            if (session.Connection.State == ConnectionState.Open)
                await session.Connection.ExecuteAsync($"select pg_advisory_unlock({Key})");
        }
    }

    private static async Task AcquireAsync(NpgsqlConnection connection, TimeSpan wait, ILogger log, CancellationToken ct)
    {
        // Polls, because a blocking wait would deadlock with "create index concurrently". The waiting statement would hold a
        // snapshot, and the index waits for all snapshots to end.
        // language=PostgreSQL
        const string sql = $"select pg_try_advisory_lock({Key})";

        var waited = Stopwatch.StartNew();
        for (var first = true; ; first = false)
        {
            if (await connection.ExecuteScalarAsync<bool>(new CommandDefinition(sql, cancellationToken: ct)))
                return;

            if (first)
                log.WaitingForLock(await DescribeHolderAsync(connection, ct));
            if (waited.Elapsed >= wait)
            {
                throw new MigrationException(ExitCode.LockHeld, $"""
                    another run of the migrator holds the lock: {await DescribeHolderAsync(connection, ct)}. Waited {wait.TotalSeconds:0} s.
                    nothing was changed.
                    next: run again when it has finished, or wait longer with --wait-lock.
                    """);
            }

            await Task.Delay(Random.Shared.Next(100, 300), ct);
        }
    }

    private static async Task<string> DescribeHolderAsync(NpgsqlConnection connection, CancellationToken ct) =>
        await FindHolderAsync(connection, ct) ?? "a session that has just ended";

    /// <summary>What looks half done is not, while the run that does it is under way.</summary>
    /// <exception cref="MigrationException">Another session holds the lock.</exception>
    public static async Task ThrowIfUnderWayAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        if (await FindHolderAsync(connection, ct) is { } holder)
        {
            throw new MigrationException(ExitCode.LockHeld, $"""
                a run of the migrator is under way: {holder}.
                nothing was changed.
                next: run again when it has finished.
                """);
        }
    }

    /// <summary>The other session that holds the lock. Null if there is none.</summary>
    public static async Task<string?> FindHolderAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        // language=PostgreSQL
        const string sql = $"""
            select format('%s as %s from %s, pid %s, since %s UTC',
                          coalesce(nullif(a.application_name, ''), 'an unnamed session'),
                          a.usename,
                          coalesce(host(a.client_addr), 'an unknown address'),
                          a.pid,
                          coalesce(to_char(a.backend_start at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS'), '?'))
            from pg_locks l
            join pg_stat_activity a on a.pid = l.pid
            where l.locktype = 'advisory'
              and l.granted
              and l.pid <> pg_backend_pid()
              and l.objsubid = 1        -- taken with one 64-bit key, which pg_locks shows in two halves
              and l.database = (select d.oid from pg_database d where d.datname = current_database())
              and ((l.classid::bigint << 32) | l.objid::bigint) = {Key}
            """;

        return await connection.ExecuteScalarAsync<string?>(new CommandDefinition(sql, cancellationToken: ct));
    }
}
