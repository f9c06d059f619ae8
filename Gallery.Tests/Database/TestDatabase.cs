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

    public async ValueTask DisposeAsync() => await server.ExecuteAsync($"drop database if exists {name} with (force)");
}
