using System.Diagnostics;
using System.Text;
using Gallery.Tests.Reliability;
using Gallery.Tests.Service;

namespace Gallery.Tests.Fuzzing;

/// <summary>Clients that send a byte now and then to keep a connection open.</summary>
public sealed class SlowClientTests(TestService service) : IClassFixture<TestService>
{
    private const int Clients = 50;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);

    private readonly Api _api = service.Api;

    [Theory]
    [InlineData("headers", "GET /livez HTTP/1.1\r\nHost: localhost\r\nX: ")]
    [InlineData("body", "POST /v1/gallery/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n")]
    public async Task Slow_clients_are_cut_off_in_time_and_others_do_not_wait_for_them(string what, string beginning)
    {
        var slow = Enumerable.Range(0, Clients).Select(_ => BeSlowAsync(beginning)).ToList();
        var served = 0;
        var slowest = TimeSpan.Zero;
        while (!slow.TrueForAll(client => client.IsCompleted))
        {
            var watch = Stopwatch.StartNew();
            Assert.Equal(200, (await _api.GetAsync("/livez")).Status);
            slowest = watch.Elapsed > slowest ? watch.Elapsed : slowest;
            served++;
            await Task.WhenAny(Task.WhenAll(slow), Task.Delay(Pause));
        }

        Assert.All(await Task.WhenAll(slow), status => Assert.Contains(status, new int?[] { 408, null }));
        Assert.True(served > 1);
        Assert.InRange(slowest, TimeSpan.Zero, TimeSpan.FromSeconds(10));
        Figures.Add($"wire: slow {what}", "slow clients at once", Clients);
        Figures.Add($"wire: slow {what}", "requests of others meanwhile, failed", 0);
    }

    /// <summary>The status of the answer; null if the connection was closed without one.</summary>
    private async Task<int?> BeSlowAsync(string beginning)
    {
        using var connection = await RawConnection.OpenAsync(_api.Address);
        var watch = Stopwatch.StartNew();
        await connection.SendAsync(Encoding.ASCII.GetBytes(beginning));
        var reading = connection.ReadAsync();
        while (!reading.IsCompleted)
        {
            Assert.True(watch.Elapsed < Patience, "A slow client was served for a minute.");
            await connection.SendAsync("x"u8.ToArray());
            await Task.WhenAny(reading, Task.Delay(Pause));
        }

        return (await reading).Status;
    }
}
