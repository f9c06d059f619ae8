using System.Text.RegularExpressions;
using Gallery.Tests.Database;
using Gallery.Tests.Service;
using Npgsql;

namespace Gallery.Tests.Access;

/// <summary>What those without credentials are told by a service that asks for them.</summary>
public sealed partial class OpenRoutesTests(AccessFixture fixture, TestServer server) : IClassFixture<AccessFixture>
{
    private readonly Api _api = fixture.Api("HS256");

    [Fact]
    public async Task The_document_and_its_page_are_open()
    {
        var page = await _api.GetAsync("/docs/");

        Assert.Equal(200, page.Status);
        Assert.Equal(200, (await _api.GetAsync("/openapi/v1.json")).Status);
        foreach (var path in new[] { "/docs/v1", "/docs/..%5Cv1%5Cgallery%5Cx" }) Assert.Equal(404, (await _api.GetAsync(path)).Status);   // a link would say what the page loads
        foreach (Match source in Sources().Matches(page.Text))
            Assert.Equal(200, (await _api.GetAsync(new Uri(new Uri(_api.Address, "/docs/"), source.Groups[1].Value).PathAndQuery)).Status);
    }

    [Theory]
    [InlineData("GET", "/v1/galery/", 404)]
    [InlineData("GET", "/v1/gallery/not-a-uuid/", 404)]
    [InlineData("PUT", "/v1/gallery/", 405)]
    public async Task A_route_that_there_is_not_is_the_same_for_all(string method, string path, int status)
    {
        Assert.Equal(status, (await _api.SendAsync(new HttpMethod(method), path)).Status);
        Assert.Equal(status, (await _api.SendAsync(new HttpMethod(method), path, null, ("X-API-Key", "wrong"))).Status);
        Assert.Equal(status, (await _api.SendAsync(new HttpMethod(method), path, null, ("X-API-Key", GuardedService.Key))).Status);
    }

    [Fact]
    public async Task Only_a_service_key_learns_why_the_service_is_not_ready()
    {
        await using var empty = await server.CreateDatabaseAsync(migrated: false);
        await using var service = await GuardedService.StartAsync(
            empty.ConnectionString, GuardedService.Keys, $"SUPABASE_URL={fixture.Issuer.Url}", $"SUPABASE_JWT_SECRET={TestIssuer.Secret}");

        foreach (var credential in new[] { ("X-None", ""), ("X-API-Key", "wrong"), GuardedService.Bearer(fixture.Issuer.Token("HS256", "user_123")) })
        {
            var answer = await service.Api.GetAsync("/readyz", credential);
            Assert.Equal((503, "not_ready"), (answer.Status, answer.Problem));
            Assert.NotNull(answer.Headers.RetryAfter);
            Assert.DoesNotContain("0001", answer.Text, StringComparison.Ordinal);
            Assert.Null(answer.Body["pending"]);
        }

        var told = await service.Api.GetAsync("/readyz", ("X-API-Key", GuardedService.Key));
        Assert.Equal((503, "migrations_pending"), (told.Status, told.Problem));
        Assert.NotEmpty(told.Body["pending"]!.AsArray());
    }

    [Fact]
    public async Task A_stranger_does_not_learn_that_the_database_is_away()
    {
        var connection = new NpgsqlConnectionStringBuilder(fixture.Database.ConnectionString);
        await using var valve = await Valve.OpenAsync(connection.Host!, connection.Port);
        (connection.Host, connection.Port) = ("127.0.0.1", valve.Port);
        await using var service = await GuardedService.StartAsync(connection.ConnectionString, GuardedService.Keys);
        Assert.Equal("The service is ready", (string?)(await service.Api.GetAsync("/readyz")).Body["message"]);
        valve.Shut();

        var answer = await service.Api.GetAsync("/readyz");
        Assert.Equal((503, "not_ready", "The service is not ready."), (answer.Status, answer.Problem, (string?)answer.Body["message"]));
        Assert.Equal("database_unavailable", (await service.Api.GetAsync("/readyz", ("X-API-Key", GuardedService.Key))).Problem);
        Assert.Equal(200, (await service.Api.GetAsync("/livez")).Status);
    }

    [GeneratedRegex("<script[^>]* src=\"([^\"]+)\"")]
    private static partial Regex Sources();
}
