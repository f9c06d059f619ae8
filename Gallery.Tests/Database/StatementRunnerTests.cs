using System.Diagnostics;
using Gallery.Sql.Database;
using Npgsql;

namespace Gallery.Tests.Database;

/// <summary>What a caller is told of a statement that comes to nothing.</summary>
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
    public async Task One_that_was_begun_and_is_too_late_for_another_try_is_not_told_as_not_begun()
    {
        var runs = 0;
        await Assert.ThrowsAsync<TimeoutException>(() => RunAsync(async () =>
        {
            runs++;
            await Task.Delay(GalleryDatabase.Patience / 2);
            throw new NpgsqlException("The connection was lost.", new IOException());
        }));

        Assert.Equal(1, runs);
    }

    [Fact]
    public async Task One_whose_connection_came_too_late_is_told_as_not_begun()
    {
        var runs = 0;
        Task<int> late;
        await using (await _source.OpenConnectionAsync())
        {
            late = RunAsync(() => Task.FromResult(runs++));
            await Task.Delay(GalleryDatabase.Patience * 0.7);
        }

        await Assert.ThrowsAsync<NotBegunException>(() => late);
        Assert.Equal(0, runs);
    }

    /// <summary>For a caller who has waited for half of the patience before.</summary>
    private Task<int> RunAsync(Func<Task<int>> run) =>
        new StatementRunner(_source).RunAsync(
            isRepeatable: true, (_, _) => run(), CancellationToken.None, Stopwatch.GetTimestamp() - (long)(GalleryDatabase.Patience.TotalSeconds / 2 * Stopwatch.Frequency));
}
