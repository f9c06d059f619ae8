using System.Diagnostics;
using Gallery.Tests.Database;
using Gallery.Tests.Reliability;
using Npgsql;

namespace Gallery.Tests.Service;

/// <summary>Without TLS a process reads its database's answers on the sockets' threads, and blocks none of them.</summary>
[Collection<UnderLoad>]
public sealed class SocketThreadsTests(TestServer server)
{
    private const int Callers = 100;

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan AtOnce = TimeSpan.FromSeconds(1);   // a thread would be blocked for 2 s, as long as Npgsql waits for a connection
    private static readonly TimeSpan Outage = TimeSpan.FromSeconds(4);
    private static readonly TimeSpan Recovery = TimeSpan.FromSeconds(30);   // at most, on a machine that is busy with other tests

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task While_the_database_hangs_those_who_ask_nothing_of_it_are_answered_at_once(bool callersGoAway)
    {
        await using var database = await server.CreateDatabaseAsync(migrated: true);
        var connection = new NpgsqlConnectionStringBuilder(database.ConnectionString);
        await using var valve = await Valve.OpenAsync(connection.Host!, connection.Port);
        (connection.Host, connection.Port, connection.SslMode) = ("127.0.0.1", valve.Port, SslMode.Disable);
        await using var service = new ServiceProcess("http://127.0.0.1:0", dotEnv: null, $"DATABASE_URL={connection.ConnectionString}");
        var address = await service.WaitForServingAsync();
        using var api = new Api(address);
        await WaitUntilAllAreAnsweredAsync(api);

        valve.Silence();
        using var callers = new Api(address);
        var asked = AskAllAsync(callers);
        var slow = 0;
        for (var watch = Stopwatch.StartNew(); watch.Elapsed < Outage; await Task.Delay(Pause))
        {
            if (callersGoAway && watch.Elapsed > Outage / 8) callers.Dispose();
            using var newcomer = new Api(address);   // on whichever thread its socket falls
            var since = Stopwatch.StartNew();
            Assert.Equal(200, (await newcomer.GetAsync("/livez")).Status);
            if (since.Elapsed > AtOnce) slow++;
        }

        Assert.InRange(slow, 0, 1);   // one for a machine that is busy with other tests
        if (callersGoAway) await Assert.ThrowsAnyAsync<Exception>(() => asked);
        else Assert.All(await asked, answer => Assert.Equal(503, answer.Status));
        valve.Open();
        for (var watch = Stopwatch.StartNew(); (await api.GetAsync("/readyz")).Status != 200; Assert.InRange(watch.Elapsed, TimeSpan.Zero, Recovery)) await Task.Delay(Pause);
        await WaitUntilAllAreAnsweredAsync(api);
    }

    /// <summary>A process that has just started, or whose connections were lost, is slow beside other tests.</summary>
    private static async Task WaitUntilAllAreAnsweredAsync(Api api)
    {
        var answers = await AskAllAsync(api);
        for (var watch = Stopwatch.StartNew(); watch.Elapsed < Recovery && answers.Any(answer => answer.Status == 503);) answers = await AskAllAsync(api);
        Assert.All(answers, answer => Assert.InRange(answer.Status, 200, 201));
    }

    private static Task<Answer[]> AskAllAsync(Api api) =>
        Task.WhenAll(Enumerable.Range(0, Callers).Select(i => i % 2 == 0 ? api.GetAsync($"/v1/gallery/?user_id=user_{i}") : api.SaveAsync(Guid.NewGuid())));
}
