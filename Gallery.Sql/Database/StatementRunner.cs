using System.Data.Common;
using System.Diagnostics;
using Dapper;
using Npgsql;
using Polly;

namespace Gallery.Sql.Database;

/// <summary>How every repository runs a statement: a connection of the pool's, one more try where that is safe and may help, and a bound on the waiting.</summary>
internal sealed class StatementRunner
{
    private readonly NpgsqlDataSource? _database;
    private readonly NpgsqlConnection? _connection;
    private readonly ResiliencePipeline _repeatable = ResiliencePipeline.Empty;
    private readonly ResiliencePipeline _notRepeatable = ResiliencePipeline.Empty;

    public StatementRunner(NpgsqlDataSource database)
    {
        _database = database;
        _repeatable = RetryPolicy.OneMoreTry(database, TransientFault.IsWorthOneMoreTry);
        _notRepeatable = RetryPolicy.OneMoreTry(database, TransientFault.IsWithoutEffect);
    }

    /// <summary>Runs on this connection alone, and once: for one that is just being opened.</summary>
    public StatementRunner(NpgsqlConnection connection) => _connection = connection;

    /// <summary>One statement and its rows.</summary>
    /// <inheritdoc cref="RunAsync" path="/param[@name='isRepeatable']"/>
    /// <param name="read">Reads all rows; begins anew where the statement is run twice.</param>
    /// <inheritdoc cref="RunAsync" path="/exception"/>
    public Task<T> QueryAsync<T>(
        string sql, object parameters, bool isRepeatable, Func<DbDataReader, CancellationToken, Task<T>> read, CancellationToken ct, long? since = null) =>
        RunAsync(isRepeatable, async (connection, token) =>
        {
            await using var reader = await connection.ExecuteReaderAsync(new CommandDefinition(sql, parameters, cancellationToken: token));
            return await read(reader, token);
        }, ct, since);

    /// <param name="isRepeatable">
    /// Whether a second run, after a first one whose answer was lost with its connection, leaves and answers the same: what that run did can not be known.
    /// </param>
    /// <param name="run">One round trip; begins anew where it is run twice.</param>
    /// <param name="since">When those who wait for it began to, by <see cref="Stopwatch.GetTimestamp"/>; now where it is left out.</param>
    /// <exception cref="NotBegunException">It came to its turn later than <see cref="GalleryDatabase.Patience"/> after that.</exception>
    /// <exception cref="TimeoutException">There was no answer within <see cref="GalleryDatabase.Patience"/>; the statement ends by itself.</exception>
    public Task<T> RunAsync<T>(bool isRepeatable, Func<NpgsqlConnection, CancellationToken, Task<T>> run, CancellationToken ct, long? since = null)
    {
        if (_connection is not null) return run(_connection, ct);

        var begin = since ?? Stopwatch.GetTimestamp();
        var wasBegun = false;
        return (isRepeatable ? _repeatable : _notRepeatable).ExecuteAsync(async token =>
        {
            await using var connection = await _database!.OpenConnectionAsync(token);
            // Not waited for any more: begun now, it might undo what its caller has done since it was told so.
            if (Stopwatch.GetElapsedTime(begin) >= GalleryDatabase.Patience) throw wasBegun ? new TimeoutException() : new NotBegunException();
            wasBegun = true;
            return await run(connection, token);
        }, ct).AsTask().WaitAsync(GalleryDatabase.Patience, ct);
    }
}
