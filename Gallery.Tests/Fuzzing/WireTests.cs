using System.Text;
using Gallery.Tests.Reliability;
using Gallery.Tests.Service;

namespace Gallery.Tests.Fuzzing;

/// <summary>Bytes that no HTTP client sends.</summary>
public sealed class WireTests(TestService service) : IClassFixture<TestService>
{
    private const string End = "Host: localhost\r\nConnection: close\r\n\r\n";

    private readonly Api _api = service.Api;

    public static TheoryData<string> Pages => [.. ApiDocument.Committed.Operations.Where(operation => operation.Method == "GET").Select(operation => operation.Path)];

    [Theory]
    [MemberData(nameof(Pages))]
    public async Task Head_sends_the_status_of_get_and_no_byte_after_the_headers(string path)
    {
        foreach (var target in new[] { path.Replace("{imageId}", $"{await SaveAsync()}", StringComparison.Ordinal), path.Replace("{imageId}", $"{Guid.NewGuid()}", StringComparison.Ordinal), $"{path}?limit=x" })
        {
            var get = await _api.GetAsync(target);
            var head = await RawConnection.AskAsync(_api.Address, $"HEAD {target} HTTP/1.1\r\n{End}");

            Assert.Equal((get.Status, ""), (head.Status, head.Rest));
        }
    }

    [Theory]
    [InlineData("GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n", 400)]
    [InlineData("GET /livez HTTP/1.1\r\nHost: a\r\n" + End, 400)]
    [InlineData("GET /livez HTTP/1.1\r\nX: a\rX-Injected: 1\r\n" + End, 400)]
    [InlineData("GET /livez HTTP/1.1\r\nX: a\0b\r\n" + End, 400)]
    [InlineData("GET /livez HTTP/1.1\r\nX : a\r\n" + End, 400)]
    [InlineData("GET /livez HTTP/1.1\r\nX\r\n" + End, 400)]
    [InlineData("GET /livez HTTP/1.1\r\nX: a\r\n folded\r\n" + End, 400)]
    [InlineData("GET /livez HTTP/1.1\r\n: a\r\n" + End, 400)]
    [InlineData("GET /livez HTTP/1.1\r\nX\u200b: a\r\n" + End, 400)]
    [InlineData("GET /v1/gallery/%00/ HTTP/1.1\r\n" + End, 400)]
    [InlineData("GET /v1/gallery/\0/ HTTP/1.1\r\n" + End, 400)]
    [InlineData("GET /v1/gal lery/ HTTP/1.1\r\n" + End, 400)]
    [InlineData("GET /v1/gallery/\U0001F305/ HTTP/1.1\r\n" + End, 400)]
    [InlineData("GET v1/gallery/ HTTP/1.1\r\n" + End, 400)]
    [InlineData("GET /v1/gallery/\r\nX-Injected: 1 HTTP/1.1\r\n" + End, 400)]
    [InlineData("GET /livez HTTP/9.9\r\n" + End, 505)]
    [InlineData("GET /livez\r\n\r\n", 400)]
    [InlineData("G\0T /livez HTTP/1.1\r\n" + End, 400)]
    [InlineData("\u0016\u0003\u0001 a handshake of TLS\r\n\r\n", 400)]
    [InlineData("POST /v1/gallery/ HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: -1\r\n" + End, 400)]
    [InlineData("POST /v1/gallery/ HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 1e3\r\n" + End, 400)]
    [InlineData("POST /v1/gallery/ HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 2\r\nContent-Length: 3\r\n" + End + "{}", 400)]
    [InlineData("POST /v1/gallery/ HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 99999999999999999999\r\n" + End, 400)]
    [InlineData("POST /v1/gallery/ HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 1099511627776\r\n" + End, 413)]
    [InlineData("POST /v1/gallery/ HTTP/1.1\r\nContent-Type: application/json\r\nTransfer-Encoding: gzip\r\n" + End, 400)]
    [InlineData("POST /v1/gallery/ HTTP/1.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n" + End + "x\r\n", 400)]
    [InlineData("POST /v1/gallery/ HTTP/1.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n" + End + "ffffffffffffffff\r\n", 400)]
    [InlineData("POST /v1/gallery/ HTTP/1.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n" + End + "2\r\n{}{}\r\n0\r\n\r\n", 400)]
    [InlineData("POST /v1/gallery/ HTTP/1.1\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: 1000\r\n" + End, 415)]
    public async Task What_is_no_request_is_refused_before_it_is_read_on(string bytes, int status)
    {
        var answer = await RawConnection.AskAsync(_api.Address, bytes);

        Assert.Equal(status, answer.Status);
        Assert.DoesNotContain(answer.Head, line => line.StartsWith("X-Injected", StringComparison.OrdinalIgnoreCase));
        await IsWellAsync(nameof(What_is_no_request_is_refused_before_it_is_read_on));
    }

    [Theory]
    [InlineData(98, 10, 200)]
    [InlineData(99, 10, 431)]
    [InlineData(10_000, 1, 431)]
    [InlineData(3, 16_000, 431)]
    public async Task A_hundred_headers_of_32_kilobytes_are_taken_and_no_more(int count, int length, int status)
    {
        var headers = string.Concat(Enumerable.Range(0, count).Select(i => $"X-{i}: {new string('x', length)}\r\n"));

        Assert.Equal(status, (await RawConnection.AskAsync(_api.Address, $"GET /livez HTTP/1.1\r\n{headers}{End}")).Status);
        await IsWellAsync(nameof(A_hundred_headers_of_32_kilobytes_are_taken_and_no_more));
    }

    [Fact]
    public async Task A_target_of_more_than_8_kilobytes_is_414() =>
        Assert.Equal(414, (await RawConnection.AskAsync(_api.Address, $"GET /v1/gallery/?user_id={new string('x', 9_000)} HTTP/1.1\r\n{End}")).Status);

    [Theory]
    [InlineData("Content-Length: 1000\r\n", "", true)]
    [InlineData("Content-Length: 1000\r\n", "", false)]
    [InlineData("Transfer-Encoding: chunked\r\n", "100\r\n", true)]
    [InlineData("Transfer-Encoding: chunked\r\n", "100\r\n", false)]
    public async Task Half_a_body_leaves_nothing_behind_even_if_it_is_a_whole_object(string framing, string chunk, bool waits)
    {
        var id = Guid.NewGuid();
        using (var connection = await RawConnection.OpenAsync(_api.Address))
        {
            await connection.SendAsync(Encoding.UTF8.GetBytes(
                $$"""POST /v1/gallery/ HTTP/1.1{{"\r\n"}}Content-Type: application/json{{"\r\n"}}{{framing}}{{End}}{{chunk}}{"user_id":"u","image_url":"{{Api.UrlOf(id)}}"}"""));
            connection.EndSending();
            if (waits) Assert.Contains((await connection.ReadAsync()).Status, new int?[] { 400, null });
        }

        await IsWellAsync(nameof(Half_a_body_leaves_nothing_behind_even_if_it_is_a_whole_object));
        Assert.Equal("image_not_found", (await _api.GetAsync($"/v1/gallery/{id}/")).Problem);
    }

    [Fact]
    public async Task A_body_without_an_end_is_cut_off_at_the_bound()
    {
        using var connection = await RawConnection.OpenAsync(_api.Address);
        await connection.SendAsync(Encoding.UTF8.GetBytes($"POST /v1/gallery/ HTTP/1.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n{End}"));
        var reading = connection.ReadAsync();
        var chunk = Encoding.UTF8.GetBytes($"10000\r\n{new string(' ', 65_536)}\r\n");
        var sent = 0;
        while (!reading.IsCompleted && sent < 100_000_000 && await connection.SendAsync(chunk)) sent += chunk.Length;

        Assert.Equal(413, (await reading).Status);
        Assert.True(sent < 100_000_000, $"{sent} bytes were taken");
    }

    [Theory]
    [InlineData("application/json", 413)]
    [InlineData("text/plain", 415)]
    public async Task A_client_that_sends_far_too_much_gets_its_answer_and_is_told_that_the_connection_closes(string type, int status)
    {
        const int length = 16_000_000;
        using var connection = await RawConnection.OpenAsync(_api.Address);
        await connection.SendAsync(Encoding.ASCII.GetBytes($"POST /v1/gallery/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: {type}\r\nContent-Length: {length}\r\n\r\n"));

        Assert.True(await connection.SendAsync(Encoding.ASCII.GetBytes(new string(' ', length))));
        var answer = await connection.ReadAsync();

        Assert.Equal(status, answer.Status);
        Assert.Contains("Connection: close", answer.Head);
    }

    private async Task<Guid> SaveAsync()
    {
        var id = Guid.NewGuid();
        await _api.SaveAsync(id);
        return id;
    }

    private async Task IsWellAsync(string test)
    {
        Assert.Equal(200, (await _api.GetAsync("/livez")).Status);
        Figures.Add($"wire: {test.Replace('_', ' ')}", "inputs tried", 1);
    }
}
