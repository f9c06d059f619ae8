using System.Text.Json.Nodes;
using Gallery.Tests.Fuzzing;
using Gallery.Tests.Observability;
using Gallery.Tests.Service;

namespace Gallery.Tests.Access;

/// <summary>What pages of other origins make a browser send, and what happens to it.</summary>
public sealed class CrossOriginTests(AccessFixture fixture) : IClassFixture<AccessFixture>
{
    private const string Page = "https://app.example.com";

    /// <summary>The headers of a request, and whether it is let in. OWN stands for the service's own origin.</summary>
    public static TheoryData<string, string, bool> Senders => new()
    {
        { "no browser", "", true },
        { "an empty header", "Sec-Fetch-Site: ", true },
        { "the service's own page", "Sec-Fetch-Site: same-origin|Origin: OWN", true },
        { "its own page under Referrer-Policy: no-referrer", "Sec-Fetch-Site: same-origin|Origin: null", true },
        { "its own page behind a proxy that changes Host", "Sec-Fetch-Site: same-origin|Origin: https://gallery.example.com", true },
        { "the person", "Sec-Fetch-Site: none", true },
        { "an old browser's own page", "Origin: OWN", true },
        { "an old browser's own page in capitals", "Origin: OWN_IN_CAPITALS", true },
        { "a listed page", $"Sec-Fetch-Site: cross-site|Origin: {Page}", true },
        { "a listed page on the same site", $"sec-fetch-site: same-site|origin: {Page}", true },
        { "a listed page of a pattern", "Sec-Fetch-Site: cross-site|Origin: https://pr-7.example.app", true },
        { "an old browser's listed page", $"Origin: {Page}", true },
        { "another page", "Sec-Fetch-Site: cross-site|Origin: https://evil.example", false },
        { "another page's form", "Sec-Fetch-Site: cross-site|Sec-Fetch-Mode: navigate|Origin: https://evil.example", false },
        { "another page that hides its origin", "Sec-Fetch-Site: cross-site", false },
        { "a sandboxed frame", "Sec-Fetch-Site: cross-site|Origin: null", false },
        { "a neighbour", "Sec-Fetch-Site: same-site|Origin: http://localhost:3000", false },
        { "a neighbour that hides its origin", "Sec-Fetch-Site: same-site", false },
        { "an unknown word", "Sec-Fetch-Site: same-planet", false },
        { "capitals", "Sec-Fetch-Site: CROSS-SITE", false },
        { "two words", "Sec-Fetch-Site: same-origin|Sec-Fetch-Site: cross-site", false },
        { "another page, at the service's own origin by its own account", "Sec-Fetch-Site: cross-site|Origin: OWN", false },
        { "an old browser's other page", "Origin: https://evil.example", false },
        { "an old browser's sandboxed frame", "Origin: null", false },
        { "an old browser's page on another port", "Origin: http://127.0.0.1:1", false },
        { "an old browser's page on the default port", "Origin: http://127.0.0.1", false },
        { "an old browser's extension", "Origin: chrome-extension://abcdefghijklmnop", false },
        { "two origins", $"Origin: {Page}|Origin: https://evil.example", false },
        { "a lookalike", "Origin: https://app.example.com.evil.example", false },
        { "a lookalike of a pattern", "Origin: https://evil-example.app", false },
    };

    [Theory]
    [MemberData(nameof(Senders))]
    public async Task Only_own_and_listed_pages_may_send_what_changes_something(string sender, string headers, bool isAllowed)
    {
        const string origins = $"GALLERY_CORS_ORIGINS={Page},https://*.example.app";
        await using var closed = await fixture.StartAsync(origins, $"SUPABASE_JWT_SECRET={TestIssuer.Secret}");
        await using var open = await ObservedService.StartAsync(fixture.Database.ConnectionString, origins);
        foreach (var (api, credentials) in new[] { (closed.Api, new[] { GuardedService.Bearer(fixture.Issuer.Token("HS256", "user_123")) }), (open.Api, []) })
        {
            (string, string)[] sent = [.. credentials, .. Parse(headers, api)];
            var id = Guid.NewGuid();
            var body = new JsonObject { ["user_id"] = "user_123", ["image_url"] = Api.UrlOf(id) }.ToJsonString();

            Expect(201, await api.PostAsync("/v1/gallery/", body, sent));
            if (!isAllowed) Assert.Equal(201, (await api.PostAsync("/v1/gallery/", body, credentials)).Status);
            Expect(200, await api.SendAsync(HttpMethod.Delete, $"/v1/gallery/{id}/", null, sent));
            Expect(200, await api.PostAsync($"/v1/gallery/{id}/restore/", null, sent));
            Expect(405, await api.SendAsync(HttpMethod.Patch, "/v1/gallery/", null, sent));
            Assert.Equal(200, (await api.GetAsync($"/v1/gallery/{id}/", sent)).Status);
            Assert.Equal(200, (await api.SendAsync(HttpMethod.Head, $"/v1/gallery/{id}/", null, sent)).Status);
            Expect(200, await api.SendAsync(HttpMethod.Delete, $"/v1/gallery/{id}/permanent/", null, sent));

            void Expect(int status, Answer answer)
            {
                Assert.Equal((sender, isAllowed ? status : 403, isAllowed && status < 400 ? null : isAllowed ? "method_not_allowed" : "forbidden_origin"), (sender, answer.Status, answer.Problem));
            }
        }
    }

    [Fact]
    public async Task Behind_a_trusted_proxy_an_old_browsers_own_page_has_the_proxys_host()
    {
        await using var service = await ObservedService.StartAsync(fixture.Database.ConnectionString, "GALLERY_TRUSTED_PROXIES=127.0.0.1");
        (string, string)[] Sent(string host) => [("Origin", "https://gallery.example.com"), ("X-Forwarded-For", "192.0.2.1"), ("X-Forwarded-Host", host), ("X-Forwarded-Proto", "https")];

        Assert.Equal(404, (await service.Api.PostAsync($"/v1/gallery/{Guid.NewGuid()}/restore/", null, Sent("gallery.example.com"))).Status);
        Assert.Equal(403, (await service.Api.PostAsync($"/v1/gallery/{Guid.NewGuid()}/restore/", null, Sent("other.example.com"))).Status);
    }

    [Fact]
    public async Task The_refusal_is_declared_where_it_can_happen_and_comes_before_the_credentials_are_asked_for()
    {
        foreach (var operation in ApiDocument.Committed.Operations)
        {
            var answer = await fixture.Api("HS256").SendAsync(new HttpMethod(operation.Method), ApiDocument.Committed.Fill(operation, Guid.NewGuid()), null, ("Sec-Fetch-Site", "cross-site"));

            Assert.Equal((operation.Id, operation.Method != "GET"), (operation.Id, answer.Status == 403));
            if (answer.Status == 403) Assert.Contains(403, operation.Responses.Keys);
        }
    }

    [Theory]
    [InlineData(GuardedService.Key)]
    [InlineData($"Bearer {GuardedService.Key}")]
    [InlineData("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl")]
    [InlineData("https://app.example.com/?key=hunter2")]
    [InlineData("https://ann:hunter2@app.example.com")]
    public async Task A_secret_in_Origin_is_not_logged(string secret)
    {
        await using var service = await ObservedService.StartAsync(fixture.Database.ConnectionString);
        await service.Api.GetAsync("/v1/gallery/", ("Origin", secret));

        Assert.StartsWith("Pages of a malformed origin may not call.", Assert.Single(service.Lines("Gallery.Service.Access.CrossOriginGuard")), StringComparison.Ordinal);
    }

    private static IEnumerable<(string, string)> Parse(string headers, Api api)
    {
        var own = api.Address.GetLeftPart(UriPartial.Authority);
        return headers.Split('|', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => line.Replace("OWN_IN_CAPITALS", own.ToUpperInvariant(), StringComparison.Ordinal).Replace("OWN", own, StringComparison.Ordinal).Split(": ", 2))
            .Select(line => (line[0], line[1]));
    }
}
