using System.Text.Json.Nodes;
using Gallery.Tests.Service;

namespace Gallery.Tests.Access;

/// <summary>Which tokens are good, at the bounds; what a bad one is told.</summary>
public sealed class UserTokensTests(AccessFixture fixture) : IClassFixture<AccessFixture>
{
    private readonly Api _api = fixture.Api("HS256");

    [Fact]
    public async Task A_clock_may_differ_by_less_than_30_seconds()
    {
        Assert.Equal(200, (await ListAsync("user_123", ("exp", TestIssuer.In(-20)))).Status);
        Assert.Equal(200, (await ListAsync("user_123", ("nbf", TestIssuer.In(20)))).Status);
        Assert.Equal(401, (await ListAsync("user_123", ("exp", TestIssuer.In(-40)))).Status);
        Assert.Equal(401, (await ListAsync("user_123", ("nbf", TestIssuer.In(40)))).Status);
    }

    [Fact]
    public async Task One_of_several_audiences_will_do() =>
        Assert.Equal(200, (await ListAsync("user_123", ("aud", new JsonArray("other", "authenticated")))).Status);

    [Fact]
    public async Task An_expired_token_is_told_so_and_a_forged_one_is_not()
    {
        var expired = await ListAsync("user_123", ("exp", TestIssuer.In(-60)));
        var forged = await SendAsync(TestIssuer.Sign("HS256", fixture.Issuer.Payload("user_123", ("exp", TestIssuer.In(-60))), null, TestIssuer.Hmac(new byte[32])));

        Assert.Equal("expired_token", expired.Problem);
        Assert.Equal("invalid_token", forged.Problem);
        Assert.Contains("error=\"invalid_token\", error_description=\"The token has expired.", expired.Headers.WwwAuthenticate.Single().Parameter, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"\"")]
    [InlineData("[\"user_123\"]")]
    [InlineData("{\"id\":\"user_123\"}")]
    [InlineData("true")]
    [InlineData("\"user\\u0000123\"")]
    public async Task A_sub_that_is_no_user_id_lets_nobody_in(string sub) =>
        Assert.Equal(401, (await ListAsync(null, ("sub", JsonNode.Parse(sub)))).Status);

    [Theory]
    [InlineData(255, 200)]
    [InlineData(256, 401)]
    public async Task A_sub_has_the_bounds_of_a_user_id(int length, int status) =>
        Assert.Equal(status, (await ListAsync(string.Concat(Enumerable.Repeat("🦉", length)))).Status);

    [Theory]
    [InlineData("x")]
    [InlineData("a.b.c")]
    [InlineData("..")]
    [InlineData("e30.e30.e30")]
    [InlineData("eyJhbGciOiJIUzI1NiJ9.W10.e30")]
    [InlineData("eyJhbGciOiJIUzI1NiIsImtpZCI6WzFdfQ.e30.e30")]
    [InlineData("eyJhbGciOjd9.e30.e30")]
    [InlineData("a.b.c.d.e")]
    [InlineData("eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4Q0JDLUhTMjU2In0..AAAA.AAAA.AAAA")]
    public async Task What_is_no_token_is_401(string text)
    {
        foreach (var api in new[] { _api, fixture.Api("ES256") })
            Assert.Equal((401, "invalid_token"), await api.GetAsync("/v1/gallery/", GuardedService.Bearer(text)) is var answer ? (answer.Status, answer.Problem) : default);
    }

    [Fact]
    public async Task The_same_credential_twice_is_one_and_two_are_refused()
    {
        (string, string) key = ("X-API-Key", GuardedService.Key);
        var token = GuardedService.Bearer(fixture.Issuer.Token("HS256", "user_123"));

        Assert.Equal(200, (await _api.GetAsync("/v1/gallery/", key, GuardedService.Bearer(GuardedService.Key))).Status);
        Assert.Equal(200, (await _api.GetAsync("/v1/gallery/", key, ("Authorization", "Basic dXNlcjpwYXNz"))).Status);

        var both = await _api.GetAsync("/v1/gallery/", key, token);
        Assert.Equal((400, "several_credentials"), (both.Status, both.Problem));
        Assert.Contains("error=\"invalid_request\"", both.Headers.WwwAuthenticate.Single().Parameter, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_service_without_users_takes_no_token()
    {
        await using var service = await GuardedService.StartAsync(fixture.Database.ConnectionString, GuardedService.Keys);

        var answer = await service.Api.GetAsync("/v1/gallery/", GuardedService.Bearer(fixture.Issuer.Token("HS256", "user_123")));
        Assert.Equal((401, "invalid_key"), (answer.Status, answer.Problem));
        Assert.Equal(200, (await service.Api.GetAsync("/v1/gallery/", GuardedService.Bearer(GuardedService.Key))).Status);
    }

    [Fact]
    public async Task A_service_without_keys_takes_none()
    {
        await using var service = await GuardedService.StartAsync(fixture.Database.ConnectionString, $"SUPABASE_URL={fixture.Issuer.Url}", $"SUPABASE_JWT_SECRET={TestIssuer.Secret}");

        Assert.Equal(401, (await service.Api.GetAsync("/v1/gallery/", ("X-API-Key", GuardedService.Key))).Status);
        Assert.Equal(200, (await service.Api.GetAsync("/v1/gallery/", GuardedService.Bearer(fixture.Issuer.Token("HS256", "user_123")))).Status);
    }

    [Fact]
    public async Task A_key_that_the_setting_no_longer_has_is_refused()
    {
        await using var service = await GuardedService.StartAsync(fixture.Database.ConnectionString, $"GALLERY_API_KEYS=other:{GuardedService.Hash("another")}");

        Assert.Equal(200, (await service.Api.GetAsync("/v1/gallery/", ("X-API-Key", "another"))).Status);
        Assert.Equal(401, (await service.Api.GetAsync("/v1/gallery/", ("X-API-Key", GuardedService.Key))).Status);
    }

    private Task<Answer> ListAsync(string? userId, params (string Name, JsonNode? Value)[] claims) => SendAsync(fixture.Issuer.Token("HS256", userId, claims));

    private Task<Answer> SendAsync(string token) => _api.GetAsync("/v1/gallery/", GuardedService.Bearer(token));
}
