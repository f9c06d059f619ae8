using Gallery.Service.Access;
using Gallery.Sql.Database;
using Gallery.Tests.Observability;
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
    [InlineData("PATCH", "authorization,content-type,if-match,prefer,idempotency-key")]
    [InlineData("PUT", "baggage,tracestate,sentry-trace,apikey,x-client-info,cache-control,x-requested-with,x-of-tomorrow")]
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

    [Theory]
    [InlineData("https://pr-7.example.app", true)]
    [InlineData("https://a.b.example.app", true)]
    [InlineData("https://pr-7.test.example:8443", true)]
    [InlineData("https://example.app", false)]
    [InlineData("https://evil-example.app", false)]
    [InlineData("https://evilexample.app", false)]
    [InlineData("https://pr-7.example.app.evil.example", false)]
    [InlineData("https://evil.example/.example.app", false)]
    [InlineData("https://evil.example#.example.app", false)]
    [InlineData("https://pr-7.example.app@evil.example", false)]
    [InlineData("https://evil.example@pr-7.example.app", false)]
    [InlineData("https://evil.example:x@pr-7.example.app", false)]
    [InlineData("http://pr-7.example.app", false)]
    [InlineData("https://pr-7.example.app:8443", false)]
    [InlineData("https://pr-7.example.app:443", false)]
    [InlineData("https://pr-7.test.example", false)]
    [InlineData("https://pr-7.example.app.", false)]
    [InlineData("https://pr-7.example.app/", false)]
    [InlineData("https://pr-7.example.app/path", false)]
    [InlineData("https://PR-7.example.app", false)]
    [InlineData("https://.example.app", false)]
    [InlineData("https://*.example.app", false)]
    [InlineData("https://pr-7.example.app,https://evil.example", false)]
    [InlineData("null", false)]
    [InlineData("", false)]
    public async Task A_pattern_stands_for_every_subdomain_with_its_scheme_and_port(string origin, bool isAllowed)
    {
        await using var service = await fixture.StartAsync("GALLERY_CORS_ORIGINS=https://*.example.app https://*.test.example:8443");

        var preflight = await PreflightAsync(service.Api, origin, "POST", "authorization");
        var answer = await service.Api.GetAsync("/v1/gallery/", ("Origin", origin), ("X-API-Key", GuardedService.Key));

        Assert.Equal(isAllowed ? origin : null, Header(preflight, "Access-Control-Allow-Origin"));
        Assert.Equal(isAllowed ? origin : null, Header(answer, "Access-Control-Allow-Origin"));
        Assert.Equal("Origin", Header(answer, "Vary"));
    }

    [Theory]
    [InlineData(100, true)]
    [InlineData(4_000, false)]   // a name has at most 253 characters
    public async Task An_origin_that_is_too_long_to_be_one_is_not_repeated(int labels, bool isAllowed)
    {
        await using var service = await fixture.StartAsync("GALLERY_CORS_ORIGINS=https://*.example.app");
        var origin = $"https://{string.Concat(Enumerable.Repeat("a.", labels))}example.app";

        Assert.Equal(isAllowed ? origin : null, Header(await service.Api.GetAsync("/livez", ("Origin", origin)), "Access-Control-Allow-Origin"));
    }

    [Theory]
    [InlineData(1_000, 20, true)]
    [InlineData(8_000, 20, false)]
    [InlineData(20, 8_000, false)]
    public async Task A_preflight_for_names_of_more_than_1_KB_is_refused(int headers, int method, bool isAllowed)
    {
        await using var service = await fixture.StartAsync($"GALLERY_CORS_ORIGINS={Page}");

        var answer = await PreflightAsync(service.Api, Page, new string('M', method), new string('x', headers));

        Assert.Equal((isAllowed ? 204 : 405, isAllowed ? Page : null), (answer.Status, Header(answer, "Access-Control-Allow-Origin")));
        Assert.InRange(answer.Headers.ToString().Length, 1, 2_048);
    }

    [Fact]
    public async Task A_refused_origin_is_logged_once_a_second_as_one_line_of_plain_text()
    {
        await using var service = await ObservedService.StartAsync(fixture.Database.ConnectionString, $"GALLERY_CORS_ORIGINS={Page}");
        await service.Api.GetAsync("/v1/gallery/", ("Origin", Page));
        await service.Api.GetAsync("/v1/gallery/");
        Assert.Empty(service.Lines("Gallery.Service.Access.CrossOriginGuard"));

        using (var connection = await Limits.RawConnection.OpenAsync(service.Api.Address))
        {
            await connection.SendAsync("OPTIONS / HTTP/1.1\r\nHost: localhost\r\nOrigin: https://evil.example\u001b[31m \u00e2\u0080\u00a8x\r\nAccess-Control-Request-Method: GET\r\nConnection: close\r\n\r\n");   // U+2028 in UTF-8
            await connection.ReadToEndAsync();
        }

        for (var i = 0; i < 20; i++) await service.Api.GetAsync("/v1/gallery/", ("Origin", "https://evil.example"));

        var lines = service.Lines("Gallery.Service.Access.CrossOriginGuard");
        Assert.InRange(lines.Count, 1, 20);
        Assert.StartsWith("Pages of a malformed origin may not call", lines[0], StringComparison.Ordinal);
        Assert.All(lines, line => Assert.DoesNotContain(line, character => character is < ' ' or > '~'));
    }

    [Fact]
    public async Task A_listed_page_may_read_answers_and_refusals_and_their_headers()
    {
        await using var service = await fixture.StartAsync($"GALLERY_CORS_ORIGINS={Page}");

        foreach (var answer in new[]
        {
            await service.Api.GetAsync("/v1/gallery/", ("Origin", Page), ("X-API-Key", GuardedService.Key)),
            await service.Api.GetAsync("/v1/gallery/", ("Origin", Page)),
            await service.Api.GetAsync("/v1/gallery/?q=%FF", ("Origin", Page), ("X-API-Key", GuardedService.Key)),
        })
        {
            Assert.Equal(Page, Header(answer, "Access-Control-Allow-Origin"));
            Assert.Equal("Origin", Header(answer, "Vary"));
            Assert.Equal(["Accept", "Accept-Patch", "Allow", "ETag", "Link", "Location", "Retry-After", "WWW-Authenticate", "X-Request-Id"], Header(answer, "Access-Control-Expose-Headers")!.Split(',').Select(name => name.Trim()).Order());
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
    [InlineData("https://*")]
    [InlineData("https://*.")]
    [InlineData("https://*.com")]
    [InlineData("https://*.com.")]
    [InlineData("https://*.localhost")]
    [InlineData("https://*.*.example.com")]
    [InlineData("https://app.*.example.com")]
    [InlineData("https://*example.com")]
    [InlineData("https://*.192.0.2.1")]
    [InlineData("https://*.example.com/path")]
    [InlineData("https://bücher.example")]
    [InlineData("app.example.com")]
    [InlineData("https://app.example.com/gallery")]
    [InlineData("ftp://app.example.com")]
    [InlineData("null")]
    public void What_is_no_origin_is_refused_at_start(string origin)
    {
        var error = Assert.Throws<SettingsException>(() => new ServiceCollection().AddGalleryCors(Given.Settings($"GALLERY_CORS_ORIGINS={Page},{origin}")));

        Assert.StartsWith("GALLERY_CORS_ORIGINS: entry 2 is not an origin.", error.Message, StringComparison.Ordinal);
    }

    private static Task<Answer> PreflightAsync(Api api, string origin, string method, string headers) =>
        api.SendAsync(HttpMethod.Options, $"/v1/gallery/{Guid.NewGuid()}/", null, ("Origin", origin), ("Access-Control-Request-Method", method), ("Access-Control-Request-Headers", headers));

    private static string? Header(Answer answer, string name) => answer.Headers.TryGetValues(name, out var values) ? string.Join(",", values) : null;
}
