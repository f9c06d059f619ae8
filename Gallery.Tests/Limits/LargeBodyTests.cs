using System.Buffers;
using System.Net.Http.Headers;
using System.Text;
using Gallery.Service.Limits;
using Gallery.Tests.Service;

namespace Gallery.Tests.Limits;

/// <summary>Bodies of more than 64 KB: who may send one, and what it costs.</summary>
public sealed class LargeBodyTests(TestService other) : IClassFixture<TestService>
{
    private const string Find = "POST /v1/gallery/batch/find/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100000\r\nExpect: 100-continue\r\n\r\n";

    [Fact]
    public async Task Eight_large_batches_arrive_at_once_and_slow_ones_keep_out_no_small_one_and_lose_their_places()
    {
        await using var service = await LimitedService.StartAsync(other.Database, "GALLERY_REQUEST_TIMEOUT=60", "GALLERY_SHUTDOWN_TIMEOUT=61", "GALLERY_MIN_DATA_RATE=1");
        var slow = new List<RawConnection>();
        for (var i = 0; i < 8; i++)
        {
            slow.Add(await service.ConnectAsync());
            await slow[i].SendAsync(Find);
            Assert.Equal(100, (await slow[i].ReadAsync())?.Status);   // it has its place
        }

        using var ninth = await service.ConnectAsync();
        await ninth.SendAsync(Find);
        var small = await service.Api.PostAsync("/v1/gallery/batch/find/", $$"""{"image_ids":["{{Guid.NewGuid()}}"]}""");
        var refused = await ninth.ReadAsync();

        Assert.Equal(200, small.Status);
        Assert.Equal((503, "overloaded", "close"), (refused!.Status, refused.Problem, refused.Find("Connection")));
        Assert.NotNull(refused.Find("Retry-After"));
        foreach (var connection in slow)
        {
            Assert.Equal((408, "request_timeout"), (await connection.ReadAsync()) is { } late ? (late.Status, late.Problem) : default);
            connection.Dispose();
        }
    }

    [Fact]
    public async Task Large_bodies_leave_no_garbage()
    {
        var body = new byte[4 * 1024 * 1024];
        Array.Fill(body, (byte)' ');
        Encoding.UTF8.GetBytes($$"""{"image_ids":["{{Guid.NewGuid()}}"]}""").CopyTo(body, 0);
        await SendAsync();
        var least = long.MaxValue;   // because other tests allocate at the same time
        for (var i = 0; i < 10; i++)
        {
            var before = GC.GetTotalAllocatedBytes();
            await SendAsync();
            least = Math.Min(least, GC.GetTotalAllocatedBytes() - before);
        }

        Assert.InRange(least, 0, body.Length / 2);

        async Task SendAsync()
        {
            var content = new ByteArrayContent(body) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };
            Assert.Equal(200, (await other.Api.SendAsync(HttpMethod.Post, "/v1/gallery/batch/find/", content)).Status);
        }
    }

    [Fact]
    public void A_body_has_the_bytes_that_came_however_it_grew()
    {
        var sent = new byte[300_000];
        Random.Shared.NextBytes(sent);
        foreach (var (capacity, part) in new[] { (0, 1000), (0, 70_000), (65_536, 4096), (65_537, 4096), (300_000, 300_000) })
        {
            using var body = new ReceivedBody(capacity);
            foreach (var bytes in sent.Chunk(part)) body.Add(new ReadOnlySequence<byte>(bytes), sent.Length);

            Assert.True(body.Bytes.Span.SequenceEqual(sent), $"{capacity}, {part}");
        }
    }

    [Theory]
    [InlineData("POST /v1/gallery/ HTTP/1.1\r\nContent-Type: text/plain\r\nContent-Length: 100000", 415, "close")]
    [InlineData("POST /nowhere HTTP/1.1\r\nTransfer-Encoding: chunked", 404, "close")]
    [InlineData("POST /nowhere HTTP/1.1\r\nContent-Length: 1", 404, null)]
    public async Task A_large_body_that_is_not_read_closes_its_connection(string head, int status, string? connection)
    {
        await using var service = await LimitedService.StartAsync(other.Database);

        var answer = await service.SendAsync($"{head}\r\nHost: localhost\r\n\r\n");

        Assert.Equal((status, connection), (answer!.Status, answer.Find("Connection")));
    }

    [Theory]
    [InlineData("POST /nowhere HTTP/1.1\r\nTransfer-Encoding: chunked", 12, 404)]
    [InlineData("POST /v1/gallery/batch/find/ HTTP/1.1\r\nContent-Type: text/plain\r\nContent-Length: 20971520", 20, 415)]
    [InlineData("POST /v1/gallery/import/ HTTP/1.1\r\nContent-Type: text/plain\r\nContent-Length: 25165824", 24, 415)]
    public async Task A_body_that_is_refused_can_be_sent_to_its_end(string head, int megabytes, int status)
    {
        await using var service = await LimitedService.StartAsync(other.Database);
        using var connection = await service.ConnectAsync();
        await connection.SendAsync($"{head}\r\nHost: localhost\r\n\r\n");
        var isChunked = head.EndsWith("chunked", StringComparison.Ordinal);
        var part = isChunked ? $"10000\r\n{new string('x', 65_536)}\r\n" : new string('x', 65_536);

        Assert.Equal(16 * megabytes * part.Length, await connection.SendUntilRefusedAsync(part, times: 16 * megabytes));
        if (isChunked) await connection.SendAsync("0\r\n\r\n");
        Assert.Equal(status, (await connection.ReadAsync())?.Status);
    }
}
