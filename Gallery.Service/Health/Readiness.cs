using System.Diagnostics.Metrics;
using Dapper;
using Gallery.Sql.Database;
using Gallery.Sql.Migrations;
using Npgsql;
using Polly;

namespace Gallery.Service.Health;

/// <summary>Whether the database can serve. Callers at the same moment share one check, because anyone may ask, as often as they like.</summary>
internal sealed partial class Readiness
{
    public const string MeterName = "Gallery.Database";

    private const string ReadOnly = "the database is read-only. Writes answer 503 database_read_only until it accepts them again.";

    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Repeat = TimeSpan.FromMinutes(1);

    private readonly NpgsqlDataSource _database;
    private readonly NpgsqlConnectionStringBuilder _connection;
    private readonly TimeProvider _clock;
    private readonly ILogger<Readiness> _log;
    private readonly Lock _lock = new();
    private readonly ResiliencePipeline _retry;
    private Task<IReadOnlyList<string>> _asked = Task.FromResult<IReadOnlyList<string>>([]);
    private volatile bool _isReady;
    private volatile bool _isReadOnly;
    private volatile bool _isUp;
    private volatile int _pending;
    private bool _isPoolerChecked;
    private long? _poolerSeenAt;
    private string? _logged = "";   // the last reason; null is ready
    private long _loggedAt;

    public Readiness(NpgsqlDataSource database, TimeProvider clock, ILogger<Readiness> log, IMeterFactory meters)
    {
        (_database, _clock, _log, _connection) = (database, clock, log, new(database.ConnectionString));
        _retry = RetryPolicy.OneMoreTry(database, TransientFault.IsWorthOneMoreTry);
        // The factory ends with the service, and the gauges with it. WatchAsync keeps them current.
        var meter = meters.Create(MeterName);
        meter.CreateObservableGauge("gallery.ready", () => _isReady ? 1 : 0, description: "1 if the database is reachable and has all migrations, by the last look at it.");
        meter.CreateObservableGauge("gallery.database.up", () => _isUp ? 1 : 0, description: "1 if the database answered the last look at it.");
        meter.CreateObservableGauge("gallery.database.writable", () => _isReady && !_isReadOnly ? 1 : 0, description: "1 if the database accepts writes, by the last look at it.");
        meter.CreateObservableGauge("gallery.migrations.pending", () => _pending, "{script}", "Migrations that the database lacks, by the last look that it answered.");
    }

    /// <summary>Whether the database accepted reads only at the last check.</summary>
    public bool IsReadOnly => _isReadOnly;

    /// <summary>Whether the database lacked migrations when it last answered.</summary>
    public bool IsPending => _pending > 0;

    /// <summary>Reports a request's failure. If the reason concerns readiness, the database is checked again.</summary>
    public void Note(Exception fault)
    {
        var isPooler = TransientFault.IsOfTransactionPooler(fault);
        if (isPooler)
            lock (_lock) _poolerSeenAt = _clock.GetTimestamp();
        if (isPooler || (TransientFault.IsReadOnly(fault) && !_isReadOnly))
            _ = ListPendingAsync(CancellationToken.None).ContinueWith(static asked => _ = asked.Exception, TaskScheduler.Default);   // AskAsync logs it
    }

    /// <summary>The scripts that are pending, in order.</summary>
    /// <exception cref="DatabaseUnusableException">The database cannot store every text.</exception>
    /// <exception cref="TimeoutException">There was no answer within <see cref="GalleryDatabase.Patience"/>.</exception>
    public async Task<IReadOnlyList<string>> ListPendingAsync(CancellationToken ct)
    {
        Task<IReadOnlyList<string>> asked;
        lock (_lock) asked = _asked = _asked.IsCompleted ? AskAsync() : _asked;
        return await asked.WaitAsync(GalleryDatabase.Patience, ct);
    }

    /// <summary>Asks again and again until the stop, so that the log and the gauges are right even if nobody else asks. Never throws.</summary>
    public async Task WatchAsync(CancellationToken ct)
    {
        while (!ct.IsCancellationRequested)
        {
            await ((Task)ListPendingAsync(ct)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);   // AskAsync logs it
            await Task.Delay(_isReady ? Interval : Pause, _clock, ct).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task<IReadOnlyList<string>> AskAsync()
    {
        var isConnected = false;
        try
        {
            await using (var connection = await _database.OpenConnectionAsync())
            {
                isConnected = true;
                if (connection.PostgresParameters.GetValueOrDefault("server_encoding") is { } encoding and not "UTF8")
                    throw new DatabaseUnusableException(
                        $"The database {connection.Database} is encoded in {encoding}, which cannot store every text. Create one with: create database … template template0 encoding 'UTF8'.");
            }

            var pending = await _retry.ExecuteAsync(token => new ValueTask<IReadOnlyList<string>>(Migrator.ListPendingAsync(_database, token)));
            _isReadOnly = await _retry.ExecuteAsync(ReadIsReadOnlyAsync);
            (_isUp, _pending) = (true, pending.Count);
            await ThrowIfBehindPoolerAsync();
            _isReady = pending.Count == 0;
            Log(!_isReady ? $"The database lacks the migrations {string.Join(", ", pending)}. Run the migrator." : _isReadOnly ? ReadOnly : null);
            return pending;
        }
        catch (Exception e) when (e is not ObjectDisposedException)   // the service has stopped
        {
            _isReady = false;
            _isUp = e is DatabaseUnusableException || (isConnected && e.GetBaseException() is PostgresException);   // it answered, but not as it should
            Log((e as DatabaseUnusableException ?? DatabaseUnusableException.Of(e, _connection, isConnected)).Message);
            throw;
        }
    }

    private async ValueTask<bool> ReadIsReadOnlyAsync(CancellationToken ct)
    {
        await using var connection = await _database.OpenConnectionAsync(ct);
        return await connection.ExecuteScalarAsync<bool>(new CommandDefinition("select current_setting('transaction_read_only')::boolean", cancellationToken: ct));
    }

    /// <summary>
    /// Behind a transaction pooler, the name of a prepared statement may belong to a different statement. So the service must not serve. This looks for the pooler
    /// once, and afterwards relies on the failures of requests.
    /// </summary>
    private async Task ThrowIfBehindPoolerAsync()
    {
        if (_connection.MaxAutoPrepare == 0) return;   // nothing is prepared

        lock (_lock)
            if (_poolerSeenAt is { } at && _clock.GetElapsedTime(at) < Repeat) Throw();
        if (_isPoolerChecked || _connection.MaxPoolSize < 2) return;

        await using var first = await _database.OpenConnectionAsync();
        await using var second = await _database.OpenConnectionAsync();
        if (await TransactionPooler.FindServerProcessAsync(first, second, CancellationToken.None) is null) Throw();
        _isPoolerChecked = true;

        void Throw() => throw new DatabaseUnusableException(
            $"PostgreSQL at {_connection.DescribeServers()} is behind a pooler in transaction mode. Set GALLERY_POOLER=transaction, or use a session pooler's port (at Supabase 5432).");
    }

    /// <summary>Logs each change, and once a minute a reason that remains. One call at a time.</summary>
    private void Log(string? reason)
    {
        if (reason == _logged && (reason is null || _clock.GetElapsedTime(_loggedAt) < Repeat)) return;

        (_logged, _loggedAt) = (reason, _clock.GetTimestamp());
        if (reason is null) LogReady();
        else if (_isReady) LogReadyWith(reason);
        else LogNotReady(reason);
    }

    [LoggerMessage(LogLevel.Information, "Ready: the database is reachable and has all migrations")]
    private partial void LogReady();

    [LoggerMessage(LogLevel.Warning, "Ready, but {Reason}")]
    private partial void LogReadyWith(string reason);

    [LoggerMessage(LogLevel.Warning, "Not ready: {Reason}")]
    private partial void LogNotReady(string reason);
}
