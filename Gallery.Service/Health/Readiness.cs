using Gallery.Sql.Database;
using Gallery.Sql.Migrations;
using Npgsql;
using Polly;

namespace Gallery.Service.Health;

/// <summary>Whether the database can serve. It is asked once at a time, for all callers who ask meanwhile: anybody may ask, as often as they like.</summary>
internal sealed partial class Readiness(NpgsqlDataSource database, TimeProvider clock, ILogger<Readiness> log)
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Repeat = TimeSpan.FromMinutes(1);

    private readonly Lock _lock = new();
    private readonly ResiliencePipeline _retry = RetryPolicy.OneMoreTry(database, TransientFault.IsWorthOneMoreTry);
    private Task<IReadOnlyList<string>> _asked = Task.FromResult<IReadOnlyList<string>>([]);
    private string? _logged = "";   // the last reason; null is ready
    private long _loggedAt;

    /// <summary>The scripts that are pending, in order.</summary>
    /// <exception cref="DatabaseUnusableException">The database cannot store every text.</exception>
    /// <exception cref="TimeoutException">There was no answer within <see cref="GalleryDatabase.Patience"/>.</exception>
    public async Task<IReadOnlyList<string>> ListPendingAsync(CancellationToken ct)
    {
        Task<IReadOnlyList<string>> asked;
        lock (_lock) asked = _asked = _asked.IsCompleted ? AskAsync() : _asked;
        return await asked.WaitAsync(GalleryDatabase.Patience, ct);
    }

    /// <summary>Asks until the database is ready, so that the log has the reason even if nobody asks. Never throws.</summary>
    public async Task WaitAsync(CancellationToken ct)
    {
        while (_logged is not null && !ct.IsCancellationRequested)
        {
            await ((Task)ListPendingAsync(ct)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);   // AskAsync logs it
            if (_logged is not null) await Task.Delay(Pause, clock, ct).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task<IReadOnlyList<string>> AskAsync()
    {
        var isConnected = false;
        try
        {
            await using (var connection = await database.OpenConnectionAsync())
            {
                isConnected = true;
                if (connection.PostgresParameters.GetValueOrDefault("server_encoding") is { } encoding and not "UTF8")
                    throw new DatabaseUnusableException(
                        $"The database {connection.Database} is encoded in {encoding}, which cannot store every text. Create one with: create database … template template0 encoding 'UTF8'.");
            }

            var pending = await _retry.ExecuteAsync(token => new ValueTask<IReadOnlyList<string>>(Migrator.ListPendingAsync(database, token)));
            Log(pending.Count == 0 ? null : $"The database lacks the migrations {string.Join(", ", pending)}. Run the migrator.");
            return pending;
        }
        catch (Exception e) when (e is not ObjectDisposedException)   // the service has stopped
        {
            Log((e as DatabaseUnusableException ?? DatabaseUnusableException.Of(e, new NpgsqlConnectionStringBuilder(database.ConnectionString), isConnected)).Message);
            throw;
        }
    }

    /// <summary>Logs a change, and a reason that remains once a minute. One call at a time.</summary>
    private void Log(string? reason)
    {
        if (reason == _logged && (reason is null || clock.GetElapsedTime(_loggedAt) < Repeat)) return;

        (_logged, _loggedAt) = (reason, clock.GetTimestamp());
        if (reason is null) LogReady();
        else LogNotReady(reason);
    }

    [LoggerMessage(LogLevel.Information, "Ready: the database is reachable and has all migrations")]
    private partial void LogReady();

    [LoggerMessage(LogLevel.Warning, "Not ready: {Reason}")]
    private partial void LogNotReady(string reason);
}
