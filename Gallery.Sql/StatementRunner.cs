using System.Data.Common;
using Dapper;
using Npgsql;

namespace Gallery.Sql;

/// <summary>How every repository runs a statement: a connection of the pool's, one more try where that may help, and a bound on the waiting.</summary>
internal sealed class StatementRunner
{
    private readonly NpgsqlDataSource? _database;
    private readonly NpgsqlConnection? _connection;

    public StatementRunner(NpgsqlDataSource database) => _database = database;

    /// <summary>Runs on this connection alone, and once: for one that is just being opened.</summary>
    public StatementRunner(NpgsqlConnection connection) => _connection = connection;

    /// <param name="sql">May be run twice, where the first run's connection is lost: whether it was committed can not be known.</param>
    /// <param name="read">Reads all rows; begins anew where the statement is run twice.</param>
    /// <exception cref="TimeoutException">There was no answer within <see cref="GalleryDatabase.Patience"/>; the statement ends by itself.</exception>
    public Task<T> QueryAsync<T>(string sql, object parameters, Func<DbDataReader, CancellationToken, Task<T>> read, CancellationToken ct) =>
        _connection is not null
            ? QueryAsync(_connection, sql, parameters, read, ct)
            : TryTwiceAsync(_database!, sql, parameters, read, ct).WaitAsync(GalleryDatabase.Patience, ct);

    private static async Task<T> TryTwiceAsync<T>(
        NpgsqlDataSource database, string sql, object parameters, Func<DbDataReader, CancellationToken, Task<T>> read, CancellationToken ct)
    {
        try
        {
            await using var connection = await database.OpenConnectionAsync(ct);
            return await QueryAsync(connection, sql, parameters, read, ct);
        }
        catch (NpgsqlException e) when (TransientFault.IsWorthOneMoreTry(e))
        {
            if (e.SqlState is not (PostgresErrorCodes.SerializationFailure or PostgresErrorCodes.DeadlockDetected))
                database.Clear();   // the others in the pool are no better
            await using var connection = await database.OpenConnectionAsync(ct);
            return await QueryAsync(connection, sql, parameters, read, ct);
        }
    }

    private static async Task<T> QueryAsync<T>(
        NpgsqlConnection connection, string sql, object parameters, Func<DbDataReader, CancellationToken, Task<T>> read, CancellationToken ct)
    {
        await using var reader = await connection.ExecuteReaderAsync(new CommandDefinition(sql, parameters, cancellationToken: ct));
        return await read(reader, ct);
    }
}
