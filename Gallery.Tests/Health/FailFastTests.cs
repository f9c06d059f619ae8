using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Gallery.Tests.Database;
using Gallery.Tests.Service;
using Npgsql;

namespace Gallery.Tests.Health;

/// <summary>How soon callers and balancers are told, and how soon all is well again.</summary>
public sealed class FailFastTests(TestServer server)
{
    private static readonly TimeSpan Answered = TimeSpan.FromSeconds(3 + 3);   // 3 are promised; the others are for a machine that is busy with other tests
    private static readonly TimeSpan Turned = TimeSpan.FromSeconds(5 + 3);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task With_far_more_requests_than_connections_each_is_503_within_3_s_and_readiness_turns_and_turns_back_within_5(bool silent)
    {
        await using var database = await server.CreateDatabaseAsync(migrated: true);
        var connection = new NpgsqlConnectionStringBuilder(database.ConnectionString);
        await using var valve = await Valve.OpenAsync(connection.Host!, connection.Port);
        (connection.Host, connection.Port) = ("127.0.0.1", valve.Port);
        var (service, source, api) = await TestService.StartAsync(connection.ConnectionString);
        await using (source)
        await using (service)
        using (api)
        {
            await Task.WhenAll(Enumerable.Range(0, 200).Select(i => AskAsync(api, i)));   // warm, the client too
            if (silent) valve.Silence();
            else valve.Shut();

            var watch = Stopwatch.StartNew();
            await Task.WhenAll(Enumerable.Range(0, 200).Select(async i =>
            {
                var since = Stopwatch.StartNew();
                var answer = await AskAsync(api, i);
                Assert.Equal(503, answer.Status);
                Assert.NotNull(answer.Headers.RetryAfter);
                Assert.InRange(since.Elapsed, TimeSpan.Zero, Answered);
            }));
            Assert.Equal(503, (await api.GetAsync("/readyz")).Status);
            if (!silent) Assert.InRange(watch.Elapsed, TimeSpan.Zero, Turned);

            valve.Open();
            watch.Restart();
            while ((await api.GetAsync("/readyz")).Status != 200) Assert.InRange(watch.Elapsed, TimeSpan.Zero, Turned);
            Assert.InRange(watch.Elapsed, TimeSpan.Zero, Turned);
            Assert.All(await Task.WhenAll(Enumerable.Range(0, 200).Select(i => AskAsync(api, i))), answer => Assert.InRange(answer.Status, 200, 201));
        }
    }

    [Theory]
    [InlineData("primary")]
    [InlineData("read-write")]
    [InlineData("any")]
    public async Task Of_two_hosts_the_one_that_is_away_is_passed_over(string target)
    {
        await using var database = await server.CreateDatabaseAsync(migrated: true);
        using var away = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        away.Bind(new IPEndPoint(IPAddress.Loopback, 0));   // ours, and not listening
        var connection = new NpgsqlConnectionStringBuilder(database.ConnectionString);
        connection.Host = $"127.0.0.1:{((IPEndPoint)away.LocalEndPoint!).Port},{connection.Host}:{connection.Port}";
        connection.TargetSessionAttributes = target;
        var (service, source, api) = await TestService.StartAsync(connection.ConnectionString);
        await using (source)
        await using (service)
        using (api)
        {
            Assert.Equal(200, (await api.GetAsync("/readyz")).Status);
            Assert.Equal(201, (await api.SaveAsync(Guid.NewGuid())).Status);
        }
    }

    private static Task<Answer> AskAsync(Api api, int i) => (i % 4) switch
    {
        0 => api.GetAsync("/v1/gallery/"),
        1 => api.SaveAsync(Guid.NewGuid()),
        2 => api.GetAsync("/v1/gallery/deleted/"),
        _ => api.GetAsync("/v1/gallery/?user_id=user_123"),
    };
}
