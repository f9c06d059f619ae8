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
    public async Task WaitForWaiterAsync()
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (await _database.FindAsync<long>($"select count(*) from pg_stat_activity where datname = '{_database.Name}' and wait_event_type = 'Lock'") == 0)
            await Task.Delay(10, patience.Token);
    }

    public ValueTask DisposeAsync() => _connection.DisposeAsync();   // rolls back
}
