using System.IO.Compression;
using System.Text.Json.Nodes;
using Gallery.Tests.Limits;
using Gallery.Tests.Service;

namespace Gallery.Tests.Http;

/// <summary>Which answers are compressed.</summary>
public sealed class JsonCompressionTests(TestService service) : IClassFixture<TestService>
{
    [Theory]
    [InlineData("br", "br")]
    [InlineData("gzip", "gzip")]
    [InlineData("gzip, deflate, br, zstd", "br")]   // a browser's
    [InlineData("br;q=0, gzip", "gzip")]
    [InlineData("zstd", null)]
    [InlineData("identity", null)]
    public async Task A_list_is_compressed_as_its_caller_accepts(string accepted, string? coding)
    {
        var user = $"user_{Guid.NewGuid():N}";
        var ids = Enumerable.Range(0, 50).Select(_ => Guid.NewGuid()).ToList();
        foreach (var id in ids) await service.Api.SaveAsync(id, user, refinedPrompt: "A vibrant sunset over mountains");

        var (response, bytes) = await GetAsync(service.Api.Address, $"/v1/gallery/?user_id={user}", accepted);

        Assert.Equal(coding, response.Content.Headers.ContentEncoding.SingleOrDefault());
        Assert.Equal(["Accept-Encoding"], response.Headers.Vary);
        Assert.InRange(bytes.Length, coding is null ? 15_000 : 1_000, coding is null ? 30_000 : 7_000);
        await using Stream plain = coding switch
        {
            "br" => new BrotliStream(new MemoryStream(bytes), CompressionMode.Decompress),
            "gzip" => new GZipStream(new MemoryStream(bytes), CompressionMode.Decompress),
            _ => new MemoryStream(bytes),
        };
        var page = await JsonNode.ParseAsync(plain, cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal(ids.Order(), page!["data"]!.AsArray().Select(image => (Guid)image!["image_id"]!).Order());
    }

    [Fact]
    public async Task An_answer_with_an_etag_is_not_compressed()
    {
        var id = Guid.NewGuid();
        await service.Api.SaveAsync(id, refinedPrompt: new string('x', 10_000));

        var (response, bytes) = await GetAsync(service.Api.Address, $"/v1/gallery/{id}/", "gzip, br");

        Assert.Empty(response.Content.Headers.ContentEncoding);
        Assert.False(response.Headers.ETag!.IsWeak);
        Assert.InRange(bytes.Length, 10_000, 11_000);
    }

    [Fact]
    public async Task A_list_is_compressed_behind_a_proxy_with_tls()
    {
        await using var limited = await LimitedService.StartAsync(service.Database, "GALLERY_TRUSTED_PROXIES=127.0.0.1");

        var (response, _) = await GetAsync(limited.Api.Address, "/v1/gallery/", "br", ("X-Forwarded-For", "192.0.2.1"), ("X-Forwarded-Proto", "https"));

        Assert.Equal(["br"], response.Content.Headers.ContentEncoding);
    }

    private static async Task<(HttpResponseMessage Response, byte[] Bytes)> GetAsync(Uri address, string path, string accepted, params (string, string)[] headers)
    {
        using var http = new HttpClient { BaseAddress = address };
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        foreach (var (name, value) in headers.Prepend(("Accept-Encoding", accepted))) request.Headers.TryAddWithoutValidation(name, value);
        var response = await http.SendAsync(request, TestContext.Current.CancellationToken);
        return (response, await response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
    }
}
