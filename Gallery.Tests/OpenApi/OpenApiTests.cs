using System.IO.Compression;
using System.Text.RegularExpressions;
using Gallery.Tests.Readme;
using Gallery.Tests.Service;

namespace Gallery.Tests.OpenApi;

public sealed partial class OpenApiTests(TestService service) : IClassFixture<TestService>
{
    private readonly Api _api = service.Api;

    [Fact]
    public async Task The_document_is_the_committed_one() =>
        Repository.AssertCommitted((await _api.GetAsync("/openapi/v1.json")).Text, "Gallery.Service", "OpenApi", "v1.json");

    [Fact]
    public async Task Every_operation_has_a_summary_an_example_for_each_answer_and_its_problems_declared()
    {
        var document = (await _api.GetAsync("/openapi/v1.json")).Body;
        var operations = document["paths"]!.AsObject().SelectMany(path => path.Value!.AsObject()).Select(operation => operation.Value!).ToList();

        Assert.All(operations, operation =>
        {
            Assert.NotNull(operation["summary"]);
            foreach (var (status, response) in operation["responses"]!.AsObject())
            {
                Assert.Equal(status is "204" or "304", response!["content"] is null);
                foreach (var (type, content) in response["content"]?.AsObject() ?? [])
                {
                    Assert.Contains(type, status[0] == '2' ? new[] { "application/json", "application/x-ndjson", "text/csv" } : ["application/problem+json"]);
                    Assert.NotNull(content!["example"]);
                }
            }

            Assert.NotNull(operation["responses"]!["500"]);
        });
    }

    [Fact]
    public async Task The_documents_own_request_example_is_taken()
    {
        var document = (await _api.GetAsync("/openapi/v1.json")).Body;
        var example = document["paths"]!["/v1/gallery/"]!["post"]!["requestBody"]!["content"]!["application/json"]!["example"]!;

        Assert.Equal(201, (await _api.PostAsync("/v1/gallery/", example.ToJsonString())).Status);
    }

    [Theory]
    [InlineData("/openapi/v1.json")]
    [InlineData("/docs/")]
    public async Task The_document_and_its_page_answer_HEAD(string path)
    {
        var head = await _api.SendAsync(HttpMethod.Head, path);

        Assert.Equal((200, ""), (head.Status, head.Text));
        Assert.Equal((await _api.GetAsync(path)).ContentHeaders.ContentType, head.ContentHeaders.ContentType);
    }

    [Fact]
    public async Task The_document_is_made_once_and_revalidated()
    {
        var first = await _api.GetAsync("/openapi/v1.json");
        var before = Environment.CpuUsage.TotalTime;
        for (var i = 0; i < 100; i++) Assert.Equal(first.ETag, (await _api.GetAsync("/openapi/v1.json")).ETag);

        // The service runs in this process, and beside it other tests. To generate the document 100 times takes over 10 s.
        Assert.InRange((Environment.CpuUsage.TotalTime - before).TotalSeconds, 0, 5);
        Assert.Equal("public, max-age=300", first.Headers.CacheControl!.ToString());
        Assert.Equal(304, (await _api.GetAsync("/openapi/v1.json", ("If-None-Match", first.ETag!))).Status);
    }

    [Fact]
    public async Task The_document_is_compressed()
    {
        var whole = await _api.GetAsync("/openapi/v1.json");
        using var http = new HttpClient { BaseAddress = _api.Address, DefaultRequestHeaders = { AcceptEncoding = { new("gzip") } } };
        var bytes = await http.GetByteArrayAsync("/openapi/v1.json", TestContext.Current.CancellationToken);
        using var text = new StreamReader(new GZipStream(new MemoryStream(bytes), CompressionMode.Decompress));

        Assert.Equal(whole.Text, await text.ReadToEndAsync(TestContext.Current.CancellationToken));
        Assert.InRange(bytes.Length, 1, whole.Text.Length / 5);
    }

    [Fact]
    public async Task The_docs_page_loads_its_own_assets_only()
    {
        var page = await _api.GetAsync("/docs/");

        Assert.Equal(200, page.Status);
        Assert.StartsWith("default-src 'self';", page.Headers.GetValues("Content-Security-Policy").Single(), StringComparison.Ordinal);
        Assert.DoesNotMatch(Foreign(), page.Text);
        foreach (Match source in Sources().Matches(page.Text))
            Assert.Equal(200, (await _api.GetAsync(new Uri(new Uri(_api.Address, "/docs/"), source.Groups[1].Value).PathAndQuery)).Status);
    }

    [GeneratedRegex("(src|href)=\"(https?:)?//", RegexOptions.IgnoreCase)]
    private static partial Regex Foreign();

    [GeneratedRegex("<script[^>]* src=\"([^\"]+)\"")]
    private static partial Regex Sources();
}
