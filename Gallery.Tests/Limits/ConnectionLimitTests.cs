using Gallery.Tests.Service;

namespace Gallery.Tests.Limits;

public sealed class ConnectionLimitTests(TestService other) : IClassFixture<TestService>
{
    private const string Request = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";

    [Fact]
    public async Task So_many_connections_are_served_and_one_more_is_closed_until_one_is_free()
    {
        await using var service = await LimitedService.StartAsync(other.Database, "GALLERY_MAX_CONNECTIONS=2");
        using var first = await service.ConnectAsync();
        Assert.Equal(200, await AskAsync(first));
        using (var second = await service.ConnectAsync())
        {
            Assert.Equal(200, await AskAsync(second));
            using var third = await service.ConnectAsync();
            Assert.Null(await AskAsync(third));
            Assert.Equal(200, await AskAsync(first));
        }

        int? status = null;
        while (status is null)   // until the second's end has got there
        {
            using var next = await service.ConnectAsync();
            status = await AskAsync(next);
        }

        Assert.Equal(200, status);
        Assert.Empty(service.Log);
    }

    private static async Task<int?> AskAsync(RawConnection connection)
    {
        await connection.SendUntilRefusedAsync(Request, times: 1);
        return (await connection.ReadAsync())?.Status;
    }
}
