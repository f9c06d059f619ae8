using System.Diagnostics;
using Gallery.Sql.Database;
using Npgsql;

namespace Gallery.Tests.Database;

/// <summary>How a statement fails that comes too late.</summary>
public sealed class StatementRunnerTests(TestServer server) : IAsyncLifetime
{
    private TestDatabase _database = null!;
    private NpgsqlDataSource _source = null!;

    public async ValueTask InitializeAsync()
    {
        _database = await server.CreateDatabaseAsync(migrated: false);
        _source = _database.CreateSource(maximumPoolSize: 1);
        await using var warm = await _source.OpenConnectionAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _source.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Fact]
    public async Task A_statement_whose_connection_came_too_late_is_not_started()
    {
        Task<IReadOnlyList<int>> late;
        await using (await _source.OpenConnectionAsync())
        {
            late = RunAsync("create table started ()");
            await Task.Delay(GalleryDatabase.Patience * 0.7);
        }

        await Assert.ThrowsAsync<NotStartedException>(() => late);
        Assert.Null(await _database.FindAsync<string>("select to_regclass('started')::text"));
    }

    [Fact]
    public async Task A_statement_that_was_sent_once_is_not_reported_as_not_started()
    {
        // The server ends the connection after most of the time, and a second try would be too late.
        var seconds = (GalleryDatabase.Patience * 0.6).TotalSeconds;
        var fault = await Assert.ThrowsAnyAsync<Exception>(() => RunAsync($"select pg_sleep({seconds}), pg_terminate_backend(pg_backend_pid())"));

        Assert.IsNotType<NotStartedException>(fault);
    }

    /// <summary>For a caller that has waited for half of its patience already.</summary>
    private Task<IReadOnlyList<int>> RunAsync(string sql) => new StatementRunner(_source).ReadAsync<int>(
        sql, _ => _ => 0, isRepeatable: true, Stopwatch.GetTimestamp() - (long)(GalleryDatabase.Patience.TotalSeconds / 2 * Stopwatch.Frequency), CancellationToken.None);
}
