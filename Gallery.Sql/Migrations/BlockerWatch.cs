using Dapper;
using Npgsql;

namespace Gallery.Sql.Migrations;

/// <summary>Looks, while a script runs, who keeps it waiting: after the time-out nobody can tell any more.</summary>
internal sealed class BlockerWatch : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop;
    private readonly Task _watching;
    private string _blocker = "who held it could not be seen";

    private BlockerWatch(MigratorSession session, CancellationToken ct)
    {
        _stop = CancellationTokenSource.CreateLinkedTokenSource(ct);
        _watching = WatchAsync(session, _stop.Token);
    }

    public static BlockerWatch Start(MigratorSession session, CancellationToken ct) => new(session, ct);

    /// <summary>Who was seen last. What they were running is not told: it may quote a row.</summary>
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
            select string_agg(format('blocked by pid %s (%s as %s, %s, its transaction began %s ago)',
                                     a.pid,
                                     coalesce(nullif(a.application_name, ''), 'unnamed'),
                                     a.usename,
                                     coalesce(a.state, 'state hidden'),
                                     coalesce(date_trunc('second', clock_timestamp() - a.xact_start)::text, 'at a time hidden')), ', ')
            from pg_stat_activity a
            where a.pid = any(pg_blocking_pids(@Pid))
            """;

        try
        {
            while (true)
            {
                await Task.Delay(200, ct);
                if (await session.Onlooker.ExecuteScalarAsync<string?>(new CommandDefinition(sql, new { Pid = session.ServerProcess }, cancellationToken: ct)) is { } seen)
                    _blocker = seen;
            }
        }
        catch (Exception e) when (e is OperationCanceledException or NpgsqlException or InvalidOperationException)
        {
            // Stopped, or the server went away; the script's own connection tells the latter.
        }
    }
}
