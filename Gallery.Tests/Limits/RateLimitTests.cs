using System.Net;
using Gallery.Service.Access;
using Gallery.Service.Limits;
using Gallery.Sql.Database;
using Gallery.Tests.Service;
using Microsoft.AspNetCore.Http;

namespace Gallery.Tests.Limits;

/// <summary>So many requests a second for each caller, where the setting says so.</summary>
public sealed class RateLimitTests(TestService other) : IClassFixture<TestService>
{
    private const int Served = 400;

    [Fact]
    public async Task So_many_requests_a_second_are_served_and_one_more_is_429_with_the_time_to_wait()
    {
        await using var service = await LimitedService.StartAsync(other.Database, "GALLERY_RATE_LIMIT=2");

        var answers = await AskAsync(service, Get(), Get(), Get());

        Assert.Equal([Served, Served, 429], answers.Select(answer => answer.Status));
        Assert.Equal(("rate_limited", "1"), (answers[2].Problem, answers[2].Find("Retry-After")));
        Assert.Empty(service.Log);

        await Task.Delay(TimeSpan.FromSeconds(1.2));   // what was said, and the counter's own clock
        Assert.Equal([Served, Served], (await AskAsync(service, Get(), Get())).Select(answer => answer.Status));
    }

    [Fact]
    public async Task A_refused_credential_counts_by_address_and_a_good_one_by_its_name()
    {
        var (key, hash) = ServiceKeys.New();
        await using var service = await LimitedService.StartAsync(other.Database, "GALLERY_RATE_LIMIT=2", $"GALLERY_API_KEYS=pipeline:{hash}");
        static string With(string key) => $"GET /v1/gallery/ HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {key}\r\n\r\n";

        var answers = await AskAsync(service, With("wrong"), With("wrong"), With("wrong"), With(key), With(key), With(key));

        Assert.Equal([401, 401, 429, 200, 200, 429], answers.Select(answer => answer.Status));
    }

    [Fact]
    public async Task What_was_refused_was_not_done()
    {
        await using var service = await LimitedService.StartAsync(other.Database, "GALLERY_RATE_LIMIT=1");
        var id = Guid.NewGuid();
        await other.Api.SaveAsync(id);

        var answers = await AskAsync(service, Get(), $"DELETE /v1/gallery/{id}/ HTTP/1.1\r\nHost: localhost\r\n\r\n");

        Assert.Equal([Served, 429], answers.Select(answer => answer.Status));
        Assert.Equal(200, (await other.Api.GetAsync($"/v1/gallery/{id}/")).Status);
    }

    [Fact]
    public async Task Health_is_asked_for_as_often_as_one_likes()
    {
        await using var service = await LimitedService.StartAsync(other.Database, "GALLERY_RATE_LIMIT=1");

        var answers = await AskAsync(service, Get("/livez"), Get("/livez"), Get("/readyz/"), Get("/readyz"), Get(), Get("/livez"));

        Assert.Equal([200, 200, 200, 200, Served, 200], answers.Select(answer => answer.Status));
    }

    [Fact]
    public async Task A_path_without_a_route_counts_too()
    {
        await using var service = await LimitedService.StartAsync(other.Database, "GALLERY_RATE_LIMIT=1");

        Assert.Equal([404, 429], (await AskAsync(service, Get("/nowhere"), Get("/nowhere"))).Select(answer => answer.Status));
    }

    [Fact]
    public async Task By_default_nobody_is_counted()
    {
        await using var service = await LimitedService.StartAsync(other.Database);

        Assert.All(await AskAsync(service, [.. Enumerable.Repeat(Get(), 200)]), answer => Assert.Equal(Served, answer.Status));
    }

    [Theory]
    [InlineData("", "192.0.2.1", "192.0.2.2", 429)]                          // nobody is believed
    [InlineData("10.0.0.0/8", "192.0.2.1", "192.0.2.2", 429)]                // not this one
    [InlineData("127.0.0.1", "192.0.2.1", "192.0.2.2", Served)]
    [InlineData("127.0.0.0/8", "192.0.2.1", "192.0.2.1", 429)]
    [InlineData("127.0.0.1", "192.0.2.8, 192.0.2.1", "192.0.2.9, 192.0.2.1", 429)]   // what a client made up before the proxy's own word
    [InlineData("127.0.0.1,192.0.2.1", "192.0.2.8, 192.0.2.1", "192.0.2.9, 192.0.2.1", Served)]   // two proxies
    [InlineData("127.0.0.1", "2001:db8:0:1::1", "2001:db8:0:1::2", 429)]
    [InlineData("127.0.0.1", "2001:db8:0:1::1", "2001:db8:0:2::1", Served)]
    [InlineData("127.0.0.1", "nonsense", "more of it", 429)]
    public async Task Behind_a_trusted_proxy_the_client_is_counted(string trusted, string first, string second, int status)
    {
        await using var service = await LimitedService.StartAsync(other.Database, "GALLERY_RATE_LIMIT=1", $"GALLERY_TRUSTED_PROXIES={trusted}");

        var answers = await AskAsync(service, Get(header: $"X-Forwarded-For: {first}\r\n"), Get(header: $"X-Forwarded-For: {second}\r\n"));

        Assert.Equal([Served, status], answers.Select(answer => answer.Status));
    }

    [Theory]
    [InlineData("192.0.2.1", "192.0.2.1", true)]
    [InlineData("192.0.2.1", "192.0.2.2", false)]
    [InlineData("192.0.2.1", "::ffff:192.0.2.1", true)]
    [InlineData("::ffff:192.0.2.1", "::ffff:192.0.2.2", false)]
    [InlineData("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", true)]
    [InlineData("2001:db8:1:2::1", "2001:db8:1:3::1", false)]
    [InlineData("::1", "192.0.2.1", false)]
    public void Addresses_are_counted_as_one_where_one_subscriber_has_them(string one, string another, bool same) =>
        Assert.Equal(same, Counted(one) == Counted(another));

    [Fact]
    public void A_caller_with_a_name_is_counted_by_it_wherever_they_are()
    {
        Assert.Equal(Counted("192.0.2.1", "key:pipeline"), Counted("192.0.2.2", "key:pipeline"));
        Assert.NotEqual(Counted("192.0.2.1", "key:pipeline"), Counted("192.0.2.1", "user:1"));
        Assert.NotEqual(Counted("192.0.2.1", "key:pipeline"), Counted("192.0.2.1"));
    }

    private static RateLimit.Counted Counted(string address, string? name = null)
    {
        var http = new DefaultHttpContext();
        http.Connection.RemoteIpAddress = IPAddress.Parse(address);
        if (name is not null) http.Features.Set(new Caller(name, null));
        return RateLimit.Counted.Of(http);
    }

    /// <summary>A request that is served without the database: the limit is out of bounds.</summary>
    private static string Get(string path = "/v1/gallery/?limit=0", string header = "") => $"GET {path} HTTP/1.1\r\nHost: localhost\r\n{header}\r\n";

    /// <summary>All at once on one connection, so that no time passes between them.</summary>
    private static async Task<List<RawAnswer>> AskAsync(LimitedService service, params string[] requests)
    {
        using var connection = await service.ConnectAsync();
        await connection.SendAsync(string.Concat(requests));
        var answers = new List<RawAnswer>();
        foreach (var _ in requests) answers.Add(Assert.IsType<RawAnswer>(await connection.ReadAsync()));
        return answers;
    }
}
