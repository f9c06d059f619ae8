using Dapper;
using Npgsql;

namespace Gallery.Sql.Migrations;

/// <summary>Records which sessions block a running script. After a lock time-out, PostgreSQL no longer shows them.</summary>
internal sealed class BlockerWatch : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop;
    private readonly Task _watching;
    private string _blocker = "the blocking session is unknown";

    private BlockerWatch(MigratorSession session, CancellationToken ct)
    {
        _stop = CancellationTokenSource.CreateLinkedTokenSource(ct);
        _watching = WatchAsync(session, _stop.Token);
    }

    public static BlockerWatch Start(MigratorSession session, CancellationToken ct) => new(session, ct);

    /// <summary>Returns the last blocker seen, without its query, which may quote a row.</summary>
    public async Task<string> StopAsync()
    {
        await _stop.CancelAsync();
        await _watching;
        return _blocker;
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _stop.Dispose();
    }

    private async Task WatchAsync(MigratorSession session, CancellationToken ct)
    {
        // language=PostgreSQL
        const string sql = """
            select string_agg(format('blocked by pid %s (%s as %s, %s, transaction open for %s)',
                                     a.pid,
                                     coalesce(nullif(a.application_name, ''), 'unnamed'),
                                     a.usename,
                                     coalesce(a.state, 'state unknown'),
                                     coalesce(date_trunc('second', clock_timestamp() - a.xact_start)::text, 'an unknown time')), ', ')
            from pg_stat_activity a
            where a.pid = any(pg_blocking_pids(@Pid))
            """;

        try
        {
            while (true)
            {
                await Task.Delay(200, ct);
                if (await session.Observer.ExecuteScalarAsync<string?>(new CommandDefinition(sql, new { Pid = session.ServerProcess }, cancellationToken: ct)) is { } seen)
                    _blocker = seen;
            }
        }
        catch (Exception e) when (e is OperationCanceledException or NpgsqlException or InvalidOperationException)
        {
            // Stopped, or the connection was lost. The script's own connection reports a loss.
        }
    }
}
