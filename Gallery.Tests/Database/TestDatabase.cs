using Dapper;
using Gallery.Sql.Database;
using Gallery.Tests.Settings;
using Npgsql;

namespace Gallery.Tests.Database;

/// <summary>A database for one test or one class of tests.</summary>
public sealed class TestDatabase(TestServer server, string name, string connectionString) : IAsyncDisposable
{
    public string Name => name;

    public string ConnectionString => connectionString;

    /// <summary>A pool like the service's, with default settings.</summary>
    public NpgsqlDataSource CreateSource(int maximumPoolSize = 20) =>
        GalleryDatabase.Create(new NpgsqlConnectionStringBuilder(connectionString) { Pooling = true, MaxPoolSize = maximumPoolSize }, Given.Settings());

    public async Task<T?> FindAsync<T>(string sql, object? parameters = null)
    {
        await using var connection = new NpgsqlConnection(connectionString);
        return await connection.ExecuteScalarAsync<T>(sql, parameters);
    }

    public async Task<IReadOnlyList<T>> ListAsync<T>(string sql, object? parameters = null)
    {
        await using var connection = new NpgsqlConnection(connectionString);
        return (await connection.QueryAsync<T>(sql, parameters)).AsList();
    }

    public async Task ExecuteAsync(string sql, object? parameters = null)
    {
        await using var connection = new NpgsqlConnection(connectionString);
        await connection.ExecuteAsync(sql, parameters);
    }

    /// <summary>Makes it accept reads only, or writes again. The setting holds for new sessions, so the old ones end.</summary>
    /// <param name="value"><c>on</c> or <c>off</c>.</param>
    public async Task SetReadOnlyAsync(string value)
    {
        await server.ExecuteAsync($"alter database {name} set default_transaction_read_only = {value}");
        await server.ExecuteAsync($"select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = '{name}'");
    }

    /// <summary>Waits until this many statements wait for a lock, at most for half a minute.</summary>
    /// <param name="request">Whose statement has to wait: it cannot end before.</param>
    public async Task WaitForWaitersAsync(int count = 1, Task? request = null)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (await FindAsync<int>("select count(*)::int from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'") < count)
        {
            if (request is { IsCompleted: true }) await request;   // its exception says why
            Assert.False(request is { IsCompleted: true }, "The request ended, and did not wait for a lock.");
            await Task.Delay(5, patience.Token);
        }
    }

    public async ValueTask DisposeAsync() => await server.ExecuteAsync($"drop database if exists {name} with (force)");
}
