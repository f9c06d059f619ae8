using Gallery.Service.Access;
using Gallery.Sql.Database;
using Gallery.Tests.Service;
using Gallery.Tests.Settings;
using Microsoft.Extensions.DependencyInjection;

namespace Gallery.Tests.Access;

/// <summary>What a browser is told about calls from other pages.</summary>
public sealed class CorsTests(AccessFixture fixture) : IClassFixture<AccessFixture>
{
    private const string Page = "https://app.example.com";

    [Theory]
    [InlineData("POST", "authorization,content-type")]
    [InlineData("DELETE", "authorization")]
    [InlineData("GET", "x-api-key,if-none-match,traceparent,x-request-id")]
    public async Task A_preflight_of_a_listed_page_is_let_in_without_credentials(string method, string headers)
    {
        await using var service = await fixture.StartAsync($"GALLERY_CORS_ORIGINS=https://APP.example.com:443/, http://localhost:3000");

        var answer = await PreflightAsync(service.Api, Page, method, headers);

        Assert.Equal(204, answer.Status);
        Assert.Equal(Page, Header(answer, "Access-Control-Allow-Origin"));
        Assert.Contains(method, Header(answer, "Access-Control-Allow-Methods"), StringComparison.Ordinal);
        var allowed = Header(answer, "Access-Control-Allow-Headers")!.Split(',').Select(name => name.Trim().ToLowerInvariant());
        Assert.Empty(headers.Split(',').Except(allowed));
        Assert.Null(Header(answer, "Access-Control-Allow-Credentials"));
    }

    [Theory]
    [InlineData("https://app.example.com.evil.example")]
    [InlineData("http://app.example.com")]
    [InlineData("https://app.example.com:8443")]
    [InlineData("null")]
    public async Task A_page_that_is_not_listed_is_let_in_nowhere(string origin)
    {
        await using var service = await fixture.StartAsync($"GALLERY_CORS_ORIGINS={Page}");

        Assert.Null(Header(await PreflightAsync(service.Api, origin, "GET", "authorization"), "Access-Control-Allow-Origin"));
        Assert.Null(Header(await service.Api.GetAsync("/v1/gallery/", ("Origin", origin), ("X-API-Key", GuardedService.Key)), "Access-Control-Allow-Origin"));
    }

    [Fact]
    public async Task A_listed_page_may_read_answers_and_refusals_and_their_headers()
    {
        await using var service = await fixture.StartAsync($"GALLERY_CORS_ORIGINS={Page}");

        foreach (var answer in new[]
        {
            await service.Api.GetAsync("/v1/gallery/", ("Origin", Page), ("X-API-Key", GuardedService.Key)),
            await service.Api.GetAsync("/v1/gallery/", ("Origin", Page)),
        })
        {
            Assert.Equal(Page, Header(answer, "Access-Control-Allow-Origin"));
            Assert.Equal(["ETag", "Link", "Location", "Retry-After", "X-Request-Id"], Header(answer, "Access-Control-Expose-Headers")!.Split(',').Select(name => name.Trim()).Order());
        }
    }

    [Fact]
    public async Task Without_the_setting_there_is_no_cors()
    {
        var answer = await PreflightAsync(fixture.Api("HS256"), Page, "GET", "authorization");

        Assert.Equal(405, answer.Status);
        Assert.Null(Header(answer, "Access-Control-Allow-Origin"));
    }

    [Theory]
    [InlineData("*")]
    [InlineData("https://*.example.com")]
    [InlineData("app.example.com")]
    [InlineData("https://app.example.com/gallery")]
    [InlineData("ftp://app.example.com")]
    [InlineData("null")]
    public void What_is_no_origin_is_refused_at_start(string origin)
    {
        var error = Assert.Throws<SettingsException>(() => new ServiceCollection().AddGalleryCors(Given.Settings($"GALLERY_CORS_ORIGINS={Page},{origin}")));

        Assert.Contains("GALLERY_CORS_ORIGINS", error.Message, StringComparison.Ordinal);
        Assert.Contains($"\"{origin}\"", error.Message, StringComparison.Ordinal);
    }

    private static Task<Answer> PreflightAsync(Api api, string origin, string method, string headers) =>
        api.SendAsync(HttpMethod.Options, $"/v1/gallery/{Guid.NewGuid()}/", null, ("Origin", origin), ("Access-Control-Request-Method", method), ("Access-Control-Request-Headers", headers));

    private static string? Header(Answer answer, string name) => answer.Headers.TryGetValues(name, out var values) ? string.Join(",", values) : null;
}
