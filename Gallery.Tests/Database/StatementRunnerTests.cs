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

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_caller_who_leaves_costs_no_connection(bool isWithin)
    {
        var runner = new StatementRunner(_source);
        var before = await runner.QueryAsync<int>("select pg_backend_pid()", Stopwatch.GetTimestamp(), Ct);
        using var caller = new CancellationTokenSource();
        await using (await LockAsync())
        {
            Task running = isWithin
                ? runner.QueryWithinAsync<int>("select 1 from held", GalleryDatabase.Patience, Stopwatch.GetTimestamp(), caller.Token)
                : runner.QueryAsync<int>("select 1 from held", Stopwatch.GetTimestamp(), caller.Token);
            await _database.WaitForWaitersAsync(request: running);
            await caller.CancelAsync();
            Assert.False(running.IsCompleted, "The call ended before its statement, so it is no longer counted.");
        }

        Assert.Equal(before, await runner.QueryAsync<int>("select pg_backend_pid()", Stopwatch.GetTimestamp(), Ct));
    }

    [Fact]
    public async Task A_statement_whose_caller_left_before_its_connection_came_is_not_sent()
    {
        using var caller = new CancellationTokenSource();
        Task late;
        await using (await _source.OpenConnectionAsync(Ct))
        {
            late = new StatementRunner(_source).QueryAsync<int>("create table started ()", Stopwatch.GetTimestamp(), caller.Token);
            await caller.CancelAsync();
        }

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => late);
        Assert.Null(await _database.FindAsync<string>("select to_regclass('started')::text"));
    }

    [Fact]
    public async Task A_place_is_free_when_its_statement_has_ended_and_not_when_its_caller_gave_up()
    {
        using var places = new SemaphoreSlim(1);
        await using (await LockAsync())
        {
            Task running;
            await using (await _source.OpenConnectionAsync(Ct))
            {
                running = new StatementRunner(_source, places: places).QueryAsync<int>("select 1 from held", Stopwatch.GetTimestamp(), Ct);
                await Task.Delay(GalleryDatabase.Patience * 0.6, Ct);   // so that the statement may run longer than its caller waits
            }

            await Assert.ThrowsAsync<TimeoutException>(() => running);
            Assert.Equal(0, places.CurrentCount);
        }

        Assert.True(await places.WaitAsync(TimeSpan.FromSeconds(10), Ct));
    }

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <summary>Locks a table, so that statements wait for it until the result is disposed.</summary>
    private async Task<NpgsqlConnection> LockAsync()
    {
        await _database.ExecuteAsync("create table held ()");
        var connection = new NpgsqlConnection(_database.ConnectionString);
        await connection.OpenAsync(Ct);
        await using var command = new NpgsqlCommand("begin; lock table held", connection);
        await command.ExecuteNonQueryAsync(Ct);
        return connection;
    }

    /// <summary>For a caller that has waited for half of its patience already.</summary>
    private Task<IReadOnlyList<int>> RunAsync(string sql) => new StatementRunner(_source).ReadAsync<int>(
        sql, _ => _ => 0, isRepeatable: true, Stopwatch.GetTimestamp() - (long)(GalleryDatabase.Patience.TotalSeconds / 2 * Stopwatch.Frequency), CancellationToken.None);
}
