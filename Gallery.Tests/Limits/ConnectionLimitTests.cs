using System.Diagnostics;
using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using Gallery.Service.Limits;
using Gallery.Tests.Observability;
using Gallery.Tests.Service;

namespace Gallery.Tests.Limits;

public sealed class ConnectionLimitTests(TestService other) : IClassFixture<TestService>
{
    private const string Alive = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";
    private const string Ready = "GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    private const string List = "GET /v1/gallery/ HTTP/1.1\r\nHost: localhost\r\n\r\n";
    private const string HalfASave = "POST /v1/gallery/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n";

    [Fact]
    public async Task While_all_connections_are_busy_probes_are_answered_and_all_else_is_503()
    {
        await using var service = await LimitedService.StartAsync(other.Database, "GALLERY_MAX_CONNECTIONS=2");
        using var first = await KeepBusyAsync(service);
        using var second = await KeepBusyAsync(service);
        foreach (var probe in new[] { Alive, Ready })
        {
            var answer = await service.SendAsync(probe);
            Assert.Equal((200, "close"), (answer!.Status, answer.Find("Connection")));
        }

        var refused = await service.SendAsync(List);
        Assert.Equal((503, "too_many_connections", "close"), (refused!.Status, refused.Problem, refused.Find("Connection")));
        Assert.NotNull(refused.Find("Retry-After"));
        Assert.Equal(503, (await service.SendAsync("GET /page/app.js HTTP/1.1\r\nHost: localhost\r\n\r\n"))!.Status);

        await EndAsync(first);
        await EndAsync(second);
        while ((await service.SendAsync(List))!.Status != 200) await Task.Delay(20, TestContext.Current.CancellationToken);   // until they count as idle
        Assert.Empty(service.Log);
    }

    [Theory]
    [InlineData("")]                                         // never a request
    [InlineData("GET /livez HTTP/1.1\r\nHost: loc")]         // never a whole one
    [InlineData(Alive)]                                      // one, and then no more
    public async Task A_new_connection_replaces_the_one_that_has_been_idle_longest(string sent)
    {
        await using var service = await LimitedService.StartAsync(other.Database, "GALLERY_MAX_CONNECTIONS=2");
        using var oldest = await HoldAsync(service, sent);
        if (sent == Alive) Assert.Equal(200, (await oldest.ReadAsync())!.Status);
        using var used = await service.ConnectAsync();
        Assert.Equal(200, await AskAsync(used, List));
        using var next = await service.ConnectAsync();

        Assert.Equal(200, await AskAsync(next, List));
        Assert.Equal(200, await AskAsync(used, List));
        Assert.Equal(200, await AskAsync(next, List));
        Assert.DoesNotContain("200", await oldest.ReadToEndAsync(), StringComparison.Ordinal);
        Assert.Empty(service.Log);
    }

    [Theory]
    [InlineData("")]
    [InlineData("\r\n\r\n")]
    public async Task A_connection_that_begins_no_request_is_ended_when_headers_would_be(string sent)
    {
        await using var service = await LimitedService.StartAsync(other.Database, "GALLERY_HEADERS_TIMEOUT=1");
        var watch = Stopwatch.StartNew();
        using var silent = await HoldAsync(service, sent);

        Assert.Equal("", await silent.ReadToEndAsync());
        Assert.InRange(watch.Elapsed.TotalSeconds, 0.9, 15);
        Assert.Equal(200, (await service.SendAsync("\r\n\r\n" + Alive))!.Status);
    }

    [Fact]
    public async Task Those_who_hold_extra_connections_open_keep_no_probe_out()
    {
        await using var service = await LimitedService.StartAsync(other.Database, "GALLERY_MAX_CONNECTIONS=1");
        using var busy = await KeepBusyAsync(service);
        var held = new List<RawConnection>();
        try
        {
            for (var i = 0; i < ConnectionLimit.Extra * 3; i++)
            {
                held.Add(await HoldAsync(service, i % 2 == 0 ? "" : "GET /livez HTTP/1.1\r\nHost: loc"));
                if (i % ConnectionLimit.Extra == 0) Assert.Equal(200, (await service.SendAsync(Alive))!.Status);
            }

            Assert.Equal(200, (await service.SendAsync(Alive))!.Status);
            Assert.Equal(200, (await service.SendAsync(Ready))!.Status);
        }
        finally
        {
            held.ForEach(connection => connection.Dispose());
            await EndAsync(busy);
        }
    }

    [Fact]
    public async Task An_address_has_its_share_and_this_machine_may_have_all()
    {
        if (FindOwnAddress() is not { } address)
        {
            Assert.Skip("This machine has no address but loopback.");
            return;
        }

        await using var service = await ObservedService.StartAsync(
            other.Database.ConnectionString, "http://0.0.0.0:0", ["GALLERY_MAX_CONNECTIONS_PER_ADDRESS=2", "GALLERY_ALLOW_ANONYMOUS=true"]);
        var port = service.Api.Address.Port;
        var (near, far) = (new Uri($"http://127.0.0.1:{port}"), new Uri($"http://{address}:{port}"));
        using var first = await RawConnection.OpenAsync(far);
        Assert.Equal(200, await AskAsync(first, List));
        using var second = await RawConnection.OpenAsync(far);
        Assert.Equal(200, await AskAsync(second, List));
        using var third = await RawConnection.OpenAsync(far);
        Assert.Equal(503, await AskAsync(third, List));
        using var local = await RawConnection.OpenAsync(near);
        Assert.Equal(200, await AskAsync(local, List));
        using var probe = await RawConnection.OpenAsync(far);
        Assert.Equal(200, await AskAsync(probe, Alive));
    }

    private static async Task<RawConnection> HoldAsync(LimitedService service, string sent)
    {
        var connection = await service.ConnectAsync();
        await connection.SendAsync(sent);
        return connection;
    }

    /// <summary>A connection with a request whose body does not come. The service asks for it, so the request has begun.</summary>
    private static async Task<RawConnection> KeepBusyAsync(LimitedService service)
    {
        var connection = await HoldAsync(service, HalfASave);
        Assert.Equal(100, (await connection.ReadAsync())!.Status);
        return connection;
    }

    /// <summary>Sends the body, and takes the answer, so that the service stops without a request.</summary>
    private static async Task EndAsync(RawConnection busy)
    {
        await busy.SendAsync(new string('x', 100));
        Assert.Equal(400, (await busy.ReadAsync())!.Status);
    }

    private static async Task<int?> AskAsync(RawConnection connection, string request)
    {
        await connection.SendUntilRefusedAsync(request, times: 1);
        return (await connection.ReadAsync())?.Status;
    }

    private static IPAddress? FindOwnAddress() => NetworkInterface.GetAllNetworkInterfaces()
        .Where(network => network.OperationalStatus == OperationalStatus.Up)
        .SelectMany(network => network.GetIPProperties().UnicastAddresses)
        .Select(unicast => unicast.Address)
        .FirstOrDefault(address => address.AddressFamily == AddressFamily.InterNetwork && !IPAddress.IsLoopback(address));
}
