using System.Diagnostics;
using Gallery.Tests.Service;

namespace Gallery.Tests.Limits;

/// <summary>
/// What Kestrel keeps before there is a request: its own answers, without a body, and the connection's end after them.
/// </summary>
public sealed class HeaderLimitTests(TestService other) : IClassFixture<TestService>
{
    private const string Host = "Host: localhost\r\n";

    [Theory]
    [InlineData(100, 200)]
    [InlineData(101, 431)]
    public async Task So_many_headers_are_read_and_one_more_is_431(int headers, int status)
    {
        await using var service = await LimitedService.StartAsync(other.Database);
        var more = string.Concat(Enumerable.Range(2, headers - 1).Select(i => $"X-{i}: {i}\r\n"));

        AssertAnswer(status, await service.SendAsync($"GET /livez HTTP/1.1\r\n{Host}{more}\r\n"));
    }

    [Theory]
    [InlineData(2048, 200)]
    [InlineData(2049, 431)]
    public async Task So_many_bytes_of_headers_are_read_and_one_more_is_431(int bytes, int status)
    {
        await using var service = await LimitedService.StartAsync(other.Database, "GALLERY_MAX_HEADER_BYTES=2048");
        var header = "X-Long: ".PadRight(bytes - Host.Length - "\r\n".Length, 'x') + "\r\n";

        AssertAnswer(status, await service.SendAsync($"GET /livez HTTP/1.1\r\n{Host}{header}\r\n"));
    }

    [Theory]
    [InlineData(2048, 200)]
    [InlineData(2049, 414)]
    public async Task A_request_line_of_so_many_bytes_is_read_and_one_more_is_414(int bytes, int status)
    {
        await using var service = await LimitedService.StartAsync(other.Database, "GALLERY_MAX_REQUEST_LINE_BYTES=2048");
        var line = "GET /livez?".PadRight(bytes - " HTTP/1.1\r\n".Length, 'x') + " HTTP/1.1\r\n";

        AssertAnswer(status, await service.SendAsync($"{line}{Host}\r\n"));
    }

    [Fact]
    public async Task Headers_that_come_too_slowly_end_the_connection()
    {
        await using var service = await LimitedService.StartAsync(other.Database, "GALLERY_HEADERS_TIMEOUT=1");
        using var slow = await service.ConnectAsync();
        using var inTime = await service.ConnectAsync();
        var watch = Stopwatch.StartNew();
        await slow.SendAsync($"GET /livez HTTP/1.1\r\n{Host}X-Slow: ");
        await inTime.SendAsync($"GET /livez HTTP/1.1\r\n{Host}");
        await inTime.SendAsync("\r\n");
        Assert.Equal(200, (await inTime.ReadAsync())?.Status);

        var answer = slow.ReadAsync();
        while (!answer.IsCompleted)   // a byte now and then keeps it no longer
        {
            await slow.SendUntilRefusedAsync("x", times: 1);
            await Task.WhenAny(answer, Task.Delay(100));
        }

        AssertAnswer(408, await answer);
        Assert.InRange(watch.Elapsed.TotalSeconds, 1, 10);
        Assert.Empty(service.Log);
    }

    [Fact]
    public async Task A_connection_without_a_request_is_ended()
    {
        await using var service = await LimitedService.StartAsync(other.Database, "GALLERY_KEEP_ALIVE_TIMEOUT=1");
        using var silent = await service.ConnectAsync();
        using var used = await service.ConnectAsync();
        var watch = Stopwatch.StartNew();
        await used.SendAsync($"GET /livez HTTP/1.1\r\n{Host}\r\n");
        Assert.Equal(200, (await used.ReadAsync())?.Status);

        Assert.Equal("", await used.ReadToEndAsync());
        Assert.Equal("", await silent.ReadToEndAsync());
        Assert.InRange(watch.Elapsed.TotalSeconds, 1, 10);
    }

    [Theory]
    [InlineData("GET /livez HTTP/1.1\r\n\r\n")]                                                        // no Host
    [InlineData("GET /livez HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")]
    [InlineData("GET  /livez HTTP/1.1\r\nHost: a\r\n\r\n")]
    [InlineData("GET /livez HTTP/1.1\r\nHost: a\r\nX-Folded: a\r\n b\r\n\r\n")]
    [InlineData("POST /v1/gallery/ HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n")]
    [InlineData("POST /v1/gallery/ HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n")]
    [InlineData("GET /livez HTTP/1.1\r\nHost: a\r\nIf-Match: \"\u00ff\"\r\n\r\n")]                         // a byte that is not UTF-8
    [InlineData("GET /livez HTTP/1.1\r\nHost: a\r\nCookie: a=\u00e9\r\n\r\n")]
    [InlineData("GET /livez/%00 HTTP/1.1\r\nHost: a\r\n\r\n")]
    [InlineData("\0\u0001\u0002\r\n\r\n")]
    public async Task What_is_no_http_is_400(string request)
    {
        await using var service = await LimitedService.StartAsync(other.Database);

        AssertAnswer(400, await service.SendAsync(request));
    }

    [Fact]
    public async Task Http_2_is_not_spoken_in_clear_text()
    {
        await using var service = await LimitedService.StartAsync(other.Database);
        using var connection = await service.ConnectAsync();
        await connection.SendAsync("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u0004\0\0\0\0\0");

        // A frame of type 7, GOAWAY, with the error 13: use HTTP/1.1 (RFC 9113, section 7).
        var answer = await connection.ReadToEndAsync();
        Assert.Equal("\0\0\u0008\u0007\0\0\0\0\0\0\0\0\0\0\0\0\u000d", answer);
        Assert.Empty(service.Log);
    }

    /// <summary>Kestrel's refusals have no body, and nothing follows them on the connection.</summary>
    private static void AssertAnswer(int status, RawAnswer? answer)
    {
        Assert.Equal(status, answer?.Status);
        if (status == 200) return;
        Assert.Equal(("0", "close", ""), (answer!.Find("Content-Length"), answer.Find("Connection"), answer.Text));
    }
}
