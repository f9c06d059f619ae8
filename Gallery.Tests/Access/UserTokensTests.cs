using System.Text;
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

    [Theory]
    [InlineData("authenticated/")]
    [InlineData("Authenticated")]
    [InlineData(" authenticated")]
    [InlineData("")]
    public async Task An_audience_that_is_nearly_right_is_wrong(string audience)
    {
        Assert.Equal(401, (await ListAsync("user_123", ("aud", audience))).Status);
        Assert.Equal(401, (await ListAsync("user_123", ("aud", new JsonArray(audience)))).Status);
    }

    [Theory]
    [InlineData("""{"alg":"ALG","kid":"KID","typ":"JWT"}""", 200)]
    [InlineData("""{"alg":"ALG","kid":"KID","x5t":"any"}""", 200)]
    [InlineData("""{"alg":"ALG","kid":"KID","crit":["exp"],"exp":1}""", 401)]
    [InlineData("""{"alg":"ALG","kid":"KID","crit":[]}""", 401)]
    [InlineData("""{"alg":"ALG","kid":"KID","crit":null}""", 401)]
    [InlineData("""{"alg":"ALG","kid":"KID","crit":["b64"],"b64":false}""", 401)]
    [InlineData("""{"alg":"ALG","kid":"KID","b64":true}""", 401)]
    [InlineData("""{"alg":"ALG","kid":"KID","zip":"DEF"}""", 401)]
    [InlineData("""{"alg":"ALG","kid":"KID","enc":"A256GCM"}""", 401)]
    [InlineData("""{"alg":"ALG","kid":"KID","cty":"JWT"}""", 401)]
    [InlineData("""{"alg":"none","alg":"ALG","kid":"KID"}""", 401)]
    [InlineData("""{"alg":"ALG","kid":"KID","kid":"KID"}""", 401)]
    [InlineData("""{"alg":"ALG","kid":"KID","\u006bid":"KID"}""", 401)]
    [InlineData("""{"alg":"ALG","kid":"KID","\u0063rit":["exp"]}""", 401)]
    public async Task A_header_that_changes_how_a_token_is_read_is_refused(string header, int status)
    {
        foreach (var algorithm in new[] { "HS256", "ES256", "RS256" })
        {
            var text = header.Replace("ALG", algorithm, StringComparison.Ordinal).Replace("KID", fixture.Issuer.KeyId(algorithm) ?? "any", StringComparison.Ordinal);
            var token = TestIssuer.Sign(text, fixture.Issuer.Payload("user_123").ToJsonString(), fixture.Issuer.Signer(algorithm));
            Assert.Equal((algorithm, status), (algorithm, (await fixture.Api(algorithm).GetAsync("/v1/gallery/", GuardedService.Bearer(token))).Status));
        }
    }

    [Fact]
    public async Task A_claim_given_twice_is_refused()
    {
        var payload = fixture.Issuer.Payload("user_123").ToJsonString();
        var twice = $"{payload[..^1]},\"sub\":\"user_456\"}}";

        Assert.Equal(401, (await SendAsync(TestIssuer.Sign("""{"alg":"HS256"}""", twice, fixture.Issuer.Signer("HS256")))).Status);
    }

    [Fact]
    public async Task A_token_inside_a_token_is_no_token()
    {
        var inner = fixture.Issuer.Token("HS256", "user_123");

        Assert.Equal(401, (await SendAsync(TestIssuer.Sign("""{"alg":"HS256"}""", $"\"{inner}\"", fixture.Issuer.Signer("HS256")))).Status);
        Assert.Equal(401, (await SendAsync(TestIssuer.Sign("""{"alg":"HS256"}""", inner, fixture.Issuer.Signer("HS256")))).Status);
    }

    public static TheoryData<string, string, string> Restricted() => new()
    {
        { "client_id", "\"9a8b\"", "forbidden_oauth_client" },
        { "client_id", "\"\"", "forbidden_oauth_client" },
        { "client_id", "[\"9a8b\"]", "forbidden_oauth_client" },
        { "is_anonymous", "true", "forbidden_anonymous_user" },
        { "is_anonymous", "\"true\"", "forbidden_anonymous_user" },
        { "is_anonymous", "1", "forbidden_anonymous_user" },
    };

    [Theory]
    [MemberData(nameof(Restricted))]
    public async Task OAuth_clients_and_anonymous_users_are_refused_unless_a_setting_admits_them(string claim, string value, string code)
    {
        await using var admitting = await fixture.StartAsync(
            $"SUPABASE_JWT_SECRET={TestIssuer.Secret}", $"GALLERY_{(claim == "client_id" ? "OAUTH_CLIENTS" : "ANONYMOUS_USERS")}_MAY_CALL=true");
        var token = GuardedService.Bearer(fixture.Issuer.Token("HS256", "user_123", (claim, JsonNode.Parse(value))));

        var refused = await _api.GetAsync("/v1/gallery/", token);
        Assert.Equal((403, code), (refused.Status, refused.Problem));
        Assert.Equal(403, (await _api.SendAsync(HttpMethod.Delete, $"/v1/gallery/{Guid.NewGuid()}/", null, token)).Status);
        Assert.Equal(200, (await admitting.Api.GetAsync("/v1/gallery/", token)).Status);
    }

    [Fact]
    public async Task A_token_that_says_it_is_no_anonymous_users_is_let_in() =>
        Assert.Equal(200, (await ListAsync("user_123", ("is_anonymous", false))).Status);

    [Fact]
    public async Task A_forged_token_learns_nothing_of_what_is_refused() =>
        Assert.Equal("invalid_token", (await SendAsync(TestIssuer.Sign("HS256", fixture.Issuer.Payload("user_123", ("is_anonymous", true)), null, TestIssuer.Hmac(new byte[32])))).Problem);

    [Fact]
    public async Task Both_kinds_of_token_are_accepted_while_both_settings_are_set()
    {
        var issuer = fixture.Issuer;
        await using var service = await fixture.StartAsync($"SUPABASE_JWT_SECRET={TestIssuer.Secret}", $"SUPABASE_JWKS_URL={issuer.Url}/auth/v1/.well-known/jwks.json");
        await service.WaitForKeysAsync(issuer.Token("ES256", "user_123"));
        Task<Answer> ListAsync(string token) => service.Api.GetAsync("/v1/gallery/", GuardedService.Bearer(token));

        foreach (var algorithm in new[] { "HS256", "ES256", "RS256" })
            Assert.Equal((algorithm, 200), (algorithm, (await ListAsync(issuer.Token(algorithm, "user_123"))).Status));
        foreach (var secret in new[] { issuer.EcKey.ExportSubjectPublicKeyInfo(), issuer.RsaKey.ExportSubjectPublicKeyInfo(), Encoding.ASCII.GetBytes(issuer.EcKey.ExportSubjectPublicKeyInfoPem()) })
            foreach (var keyId in new[] { null, "ec-1", "rsa-1", "oct-1" })
                Assert.Equal(401, (await ListAsync(TestIssuer.Sign("HS256", issuer.Payload("user_123"), keyId, TestIssuer.Hmac(secret)))).Status);
        Assert.NotEqual(200, (await ListAsync(TestIssuer.Sign("ES256", issuer.Payload("user_123"), "rsa-1", issuer.Signer("ES256")))).Status);
    }

    [Fact]
    public async Task A_self_hosted_issuer_has_its_own_name_and_address()
    {
        await using var service = await GuardedService.StartAsync(
            fixture.Database.ConnectionString, "SUPABASE_URL=http://kong:8000", "SUPABASE_JWT_ISSUER=https://auth.example.com", $"SUPABASE_JWKS_URL={fixture.Issuer.Url}/auth/v1/.well-known/jwks.json");
        await service.WaitForKeysAsync(fixture.Issuer.Token("ES256", "user_123"));

        Assert.Equal(200, (await service.Api.GetAsync("/v1/gallery/", GuardedService.Bearer(fixture.Issuer.Token("ES256", "user_123", ("iss", "https://auth.example.com"))))).Status);
        foreach (var issuer in new[] { "https://auth.example.com/", "https://auth.example.com/auth/v1", "http://kong:8000/auth/v1", $"{fixture.Issuer.Url}/auth/v1" })
            Assert.Equal(401, (await service.Api.GetAsync("/v1/gallery/", GuardedService.Bearer(fixture.Issuer.Token("ES256", "user_123", ("iss", issuer))))).Status);
    }

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
