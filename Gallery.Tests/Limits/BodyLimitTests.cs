using System.IO.Compression;
using System.Text;
using Gallery.Tests.Service;

namespace Gallery.Tests.Limits;

/// <summary>How much of a body is read, where one is taken and where none is. The default's own bound is in CreateImageBoundsTests.</summary>
public sealed class BodyLimitTests(TestService other) : IClassFixture<TestService>
{
    private const string Json = "Host: localhost\r\nContent-Type: application/json\r\n";
    private const string NoEnd = "Host: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";

    private readonly Api _api = other.Api;

    [Theory]
    [InlineData(2048, false, 201)]
    [InlineData(2048, true, 201)]
    [InlineData(2049, false, 413)]
    [InlineData(2049, true, 413)]
    public async Task A_save_takes_as_many_bytes_as_the_setting_says_and_not_one_more(int bytes, bool chunked, int status)
    {
        await using var service = await LimitedService.StartAsync(other.Database, "GALLERY_MAX_BODY_BYTES=2048");

        var answer = await SendAsync(service.Api, HttpMethod.Post, "/v1/gallery/", Save(Guid.NewGuid()).PadRight(bytes), chunked);

        Assert.Equal(status, answer.Status);
        if (status == 413) Assert.Equal("body_too_large", answer.Problem);
        if (status == 413) Assert.Contains("2,048 bytes", (string?)answer.Body["message"], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("DELETE", "/v1/gallery/{id}/", false)]
    [InlineData("DELETE", "/v1/gallery/{id}/", true)]
    [InlineData("DELETE", "/v1/gallery/{id}/permanent/", false)]
    [InlineData("DELETE", "/v1/gallery/{id}/permanent/", true)]
    [InlineData("POST", "/v1/gallery/{id}/restore/", false)]
    [InlineData("POST", "/v1/gallery/{id}/restore/", true)]
    [InlineData("GET", "/v1/gallery/{id}/", false)]
    [InlineData("GET", "/v1/gallery/", true)]
    [InlineData("GET", "/livez", true)]
    public async Task Where_no_body_is_taken_4_kilobytes_are_passed_over_and_one_byte_more_is_413_before_anything_is_done(string method, string path, bool chunked)
    {
        var id = Guid.NewGuid();
        var saved = await _api.SaveAsync(id);
        path = path.Replace("{id}", $"{id}", StringComparison.Ordinal);

        var tooLarge = await SendAsync(_api, new HttpMethod(method), path, new string('x', 4097), chunked);
        Assert.Equal((413, "body_too_large"), (tooLarge.Status, tooLarge.Problem));
        Assert.Equal(saved.ETag, (await _api.GetAsync($"/v1/gallery/{id}/")).ETag);

        var taken = await SendAsync(_api, new HttpMethod(method), path, new string('x', 4096), chunked);
        Assert.Equal(200, taken.Status);
    }

    [Theory]
    [InlineData("DELETE /v1/gallery/8d76bd3a-053e-4bb5-a2ab-ce147e53f40c/", 413)]
    [InlineData("GET /readyz", 413)]
    [InlineData("POST /v1/gallery/", 415)]          // no content type
    [InlineData("PUT /v1/gallery/", 405)]
    [InlineData("POST /nowhere", 404)]
    public async Task A_body_without_an_end_is_answered_and_soon_no_longer_read(string request, int status)
    {
        await using var service = await LimitedService.StartAsync(other.Database);
        using var connection = await service.ConnectAsync();
        await connection.SendAsync($"{request} HTTP/1.1\r\n{NoEnd}1\r\nx\r\n");
        var chunk = $"10000\r\n{new string('x', 65_536)}\r\n";

        var sent = await connection.SendUntilRefusedAsync(chunk, times: 1000);

        Assert.InRange(sent, 0, 32 * 1024 * 1024);   // the two ends' socket buffers hold most of it
        Assert.Equal(status, (await connection.ReadAsync())?.Status);
        Assert.Empty(service.Log);
    }

    [Fact]
    public async Task A_length_that_is_too_large_is_refused_without_being_asked_for()
    {
        await using var service = await LimitedService.StartAsync(other.Database);
        using var connection = await service.ConnectAsync();
        await connection.SendAsync($"POST /v1/gallery/ HTTP/1.1\r\n{Json}Content-Length: 262145\r\nExpect: 100-continue\r\n\r\n");

        var answer = await connection.ReadAsync();

        Assert.Equal((413, "body_too_large"), (answer?.Status, answer?.Problem));
    }

    [Fact]
    public async Task A_length_that_is_taken_is_asked_for()
    {
        await using var service = await LimitedService.StartAsync(other.Database);
        var body = Save(Guid.NewGuid());
        using var connection = await service.ConnectAsync();
        await connection.SendAsync($"POST /v1/gallery/ HTTP/1.1\r\n{Json}Content-Length: {body.Length}\r\nExpect: 100-continue\r\n\r\n");

        Assert.Equal(100, (await connection.ReadAsync())?.Status);
        await connection.SendAsync(body);
        Assert.Equal(201, (await connection.ReadAsync())?.Status);
    }

    [Theory]
    [InlineData("Content-Length: 1000\r\n\r\n")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n200\r\n")]
    public async Task Half_a_body_saves_nothing_and_disturbs_nobody(string framing)
    {
        await using var service = await LimitedService.StartAsync(other.Database);
        var id = Guid.NewGuid();
        using (var connection = await service.ConnectAsync())
            await connection.SendAsync($"POST /v1/gallery/ HTTP/1.1\r\n{Json}{framing}{Save(id)}");

        Assert.Equal(404, (await service.Api.GetAsync($"/v1/gallery/{id}/")).Status);
        Assert.Empty(service.Log);
    }

    [Theory]
    [InlineData("zz\r\n")]
    [InlineData("-1\r\n")]
    [InlineData("1\r\nxx\r\n")]
    [InlineData("fffffffffffffffff\r\n")]
    public async Task A_chunk_that_is_none_is_400(string chunk)
    {
        await using var service = await LimitedService.StartAsync(other.Database);

        var answer = await service.SendAsync($"POST /v1/gallery/ HTTP/1.1\r\n{Json}Transfer-Encoding: chunked\r\n\r\n{chunk}");

        Assert.Equal((400, "bad_request"), (answer?.Status, answer?.Problem));
        Assert.Empty(service.Log);
    }

    [Fact]
    public async Task Chunks_that_are_framing_for_the_most_part_are_413()
    {
        await using var service = await LimitedService.StartAsync(other.Database, "GALLERY_MAX_BODY_BYTES=2048");
        var crumbs = string.Concat(Enumerable.Repeat("1\r\n \r\n", 2048));

        var answer = await service.SendAsync($"POST /v1/gallery/ HTTP/1.1\r\n{Json}Transfer-Encoding: chunked\r\n\r\n{crumbs}0\r\n\r\n");

        Assert.Equal((413, "body_too_large"), (answer?.Status, answer?.Problem));
    }

    [Fact]
    public async Task A_compressed_body_is_not_unpacked()
    {
        using var packed = new MemoryStream();
        await using (var gzip = new GZipStream(packed, CompressionLevel.SmallestSize, leaveOpen: true)) await gzip.WriteAsync(new byte[100_000_000]);
        Assert.InRange(packed.Length, 1, 200_000);   // within what a body may have
        using var bomb = new ByteArrayContent(packed.ToArray());
        bomb.Headers.Add("Content-Type", "application/json");
        bomb.Headers.Add("Content-Encoding", "gzip");

        var answer = await _api.SendAsync(HttpMethod.Post, "/v1/gallery/", bomb);

        Assert.Equal((415, "unsupported_media_type"), (answer.Status, answer.Problem));
    }

    private static string Save(Guid id) => $$"""{"user_id":"u","image_url":"{{Api.UrlOf(id)}}"}""";

    private static Task<Answer> SendAsync(Api api, HttpMethod method, string path, string body, bool chunked) =>
        api.SendAsync(method, path, new StringContent(body, Encoding.UTF8, "application/json"), chunked ? [("Transfer-Encoding", "chunked")] : []);
}
