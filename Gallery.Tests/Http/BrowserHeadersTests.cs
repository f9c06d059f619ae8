using System.Text.RegularExpressions;
using Gallery.Tests.Access;
using Gallery.Tests.Database;
using Gallery.Tests.Observability;
using Gallery.Tests.Service;

namespace Gallery.Tests.Http;

/// <summary>The headers of every answer that protect it in a browser.</summary>
public sealed partial class BrowserHeadersTests(TestService service, TestServer server) : IClassFixture<TestService>
{
    private readonly string _database = service.Database.ConnectionString;

    [Fact]
    public async Task Every_answer_has_them_failures_too()
    {
        var id = Guid.NewGuid();
        var api = service.Api;
        var saved = await api.SaveAsync(id);
        await using var guarded = await GuardedService.StartAsync(_database, GuardedService.Keys, "GALLERY_CORS_ORIGINS=https://app.example.com", "GALLERY_RATE_LIMIT=1");
        await using var empty = await server.CreateDatabaseAsync(migrated: false);
        await using var unready = await ObservedService.StartAsync(empty.ConnectionString);
        var key = ("X-API-Key", GuardedService.Key);

        var answers = new List<Answer>
        {
            saved,
            await api.GetAsync($"/v1/gallery/{id}/"),
            await api.GetAsync($"/v1/gallery/{id}/", ("If-None-Match", saved.ETag!)),
            await api.SendAsync(HttpMethod.Head, "/v1/gallery/"),
            await api.GetAsync("/v1/gallery/?limit=0"),
            await api.GetAsync("/nowhere"),
            await api.GetAsync("/livez"),
            await api.GetAsync("/metrics"),
            await api.GetAsync("/openapi/v1.json"),
            await api.GetAsync("/v1/gallery/", ("Host", "evil.example")),
            await api.PostAsync("/v1/gallery/", null, ("Sec-Fetch-Site", "cross-site")),
            await api.SendAsync(HttpMethod.Put, "/v1/gallery/"),
            await api.SendAsync(HttpMethod.Post, "/v1/gallery/", new StringContent("x")),
            await api.PostAsync("/v1/gallery/", new string(' ', 300_000)),
            await guarded.Api.SendAsync(HttpMethod.Options, "/v1/gallery/", null, ("Origin", "https://app.example.com"), ("Access-Control-Request-Method", "GET")),
            await guarded.Api.GetAsync("/v1/gallery/"),
            await guarded.Api.GetAsync("/v1/gallery/", key),
            await guarded.Api.GetAsync("/v1/gallery/", key),
            await unready.Api.GetAsync("/v1/gallery/"),   // an exception
            await unready.Api.GetAsync("/readyz"),
        };

        Assert.Superset(new HashSet<int> { 200, 201, 204, 304, 400, 401, 403, 404, 405, 413, 415, 429, 503 }, answers.Select(answer => answer.Status).ToHashSet());
        Assert.All(answers, answer =>
        {
            Assert.Equal(("same-origin", "nosniff", "no-referrer"), (Find(answer, "Cross-Origin-Resource-Policy"), Find(answer, "X-Content-Type-Options"), Find(answer, "Referrer-Policy")));
            Assert.Equal("frame-ancestors 'none'", Find(answer, "Content-Security-Policy"));
        });
    }

    [Fact]
    public async Task The_docs_page_is_not_framed_and_its_scripts_have_a_type_that_nosniff_accepts()
    {
        var page = await service.Api.GetAsync("/docs/");

        Assert.Equal("text/html", page.ContentHeaders.ContentType!.MediaType);
        Assert.EndsWith("; frame-ancestors 'none'", Find(page, "Content-Security-Policy"), StringComparison.Ordinal);
        Assert.NotEmpty(Sources().Matches(page.Text));
        foreach (Match source in Sources().Matches(page.Text))
        {
            var script = await service.Api.GetAsync(new Uri(new Uri(service.Api.Address, "/docs/"), source.Groups[1].Value).PathAndQuery);
            Assert.Matches("^(text|application)/javascript$", script.ContentHeaders.ContentType!.MediaType);
            Assert.Equal("nosniff", Find(script, "X-Content-Type-Options"));
        }
    }

    private static string? Find(Answer answer, string name) => answer.Headers.TryGetValues(name, out var values) ? string.Join(" and ", values) : null;

    [GeneratedRegex("<script[^>]* src=\"([^\"]+)\"")]
    private static partial Regex Sources();
}
