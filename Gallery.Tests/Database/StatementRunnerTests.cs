using System.Diagnostics;
using Gallery.Sql;
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

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Its_caller_goes_on_in_the_pool_when_the_answer_was_read_elsewhere(bool isAnswer)
    {
        var answer = new TaskCompletionSource<int>();
        var socketsThread = new Thread(() =>
        {
            Thread.Sleep(100);   // until it is waited for
            if (isAnswer) answer.SetResult(1);
            else answer.SetException(new InvalidOperationException());
        });

        Assert.True(await IsInPoolAfterAsync(RunAsync(() =>
        {
            socketsThread.Start();
            return answer.Task;
        })));
        socketsThread.Join();
    }

    private static async Task<bool> IsInPoolAfterAsync(Task statement)
    {
        await statement.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);   // and without the test's own context
        return Thread.CurrentThread.IsThreadPoolThread;
    }

    /// <summary>For a caller who has waited for half of the patience before.</summary>
    private Task<int> RunAsync(Func<Task<int>> run) =>
        new StatementRunner(_source).RunAsync(
            isRepeatable: true, (_, _) => run(), CancellationToken.None, Stopwatch.GetTimestamp() - (long)(GalleryDatabase.Patience.TotalSeconds / 2 * Stopwatch.Frequency));
}
