using Gallery.Tests.Database;
using Npgsql;

namespace Gallery.Tests.Observability;

/// <summary>Holds the table, so that statements wait until this is disposed.</summary>
internal sealed class TableLock : IAsyncDisposable
{
    private readonly TestDatabase _database;
    private readonly NpgsqlConnection _connection;

    private TableLock(TestDatabase database) => (_database, _connection) = (database, new NpgsqlConnection(database.ConnectionString));

    public static async Task<TableLock> TakeAsync(TestDatabase database)
    {
        var held = new TableLock(database);
        await held._connection.OpenAsync();
        await held._connection.BeginTransactionAsync();
        await using var command = new NpgsqlCommand("lock table gallery.image", held._connection);
        await command.ExecuteNonQueryAsync();
        return held;
    }

    /// <summary>Waits until a statement waits.</summary>
    public Task WaitForWaiterAsync() => _database.WaitForWaitersAsync();

    public ValueTask DisposeAsync() => _connection.DisposeAsync();   // rolls back
}
