using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Gallery.Service.Access;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;

namespace Gallery.Tests.Access;

/// <summary>The issuer's public keys: when they are asked for, and what serves while they are not to be had.</summary>
public sealed class SigningKeysTests : IAsyncLifetime
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(15);

    private readonly Clock _clock = new();
    private TestIssuer _issuer = null!;
    private SigningKeys _keys = null!;

    public async ValueTask InitializeAsync()
    {
        _issuer = await TestIssuer.StartAsync();
        _keys = Ask(TimeSpan.FromSeconds(30));
    }

    public async ValueTask DisposeAsync()
    {
        _keys.Dispose();
        await _issuer.DisposeAsync();
    }

    [Fact]
    public async Task They_are_asked_for_once_by_all_who_need_them()
    {
        var found = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => FindAsync(i % 2 == 0 ? "ec-1" : "rsa-1")));

        Assert.All(found, Assert.True);
        Assert.Equal(1, _issuer.Fetches);
    }

    [Fact]
    public async Task A_secret_among_them_is_no_key() => Assert.False(await FindAsync("oct-1"));

    [Fact]
    public async Task A_new_key_is_known_at_its_first_token()
    {
        Assert.True(await FindAsync("ec-1"));
        _issuer.Rotate();
        _clock.Advance(Interval);

        Assert.True(await FindAsync(_issuer.EcKeyId));
        Assert.Equal((false, 0), await AskAsync("ec-1", issuedAgo: TimeSpan.FromMinutes(1)));
    }

    [Fact]
    public async Task Unknown_ids_cause_one_fetch_in_15_seconds_and_prove_nothing_until_then()
    {
        Assert.True(await FindAsync("ec-1"));
        for (var i = 0; i < 5; i++) Assert.Equal((false, 15), await AskAsync($"ec-made-up-{i}"));
        Assert.Equal(1, _issuer.Fetches);

        _clock.Advance(TimeSpan.FromSeconds(14));
        Assert.Equal((false, 1), await AskAsync("ec-made-up"));
        Assert.Equal(1, _issuer.Fetches);

        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal((false, 0), await AskAsync("ec-made-up"));
        Assert.Equal((false, 15), await AskAsync("ec-made-up"));
        Assert.Equal(2, _issuer.Fetches);
    }

    [Fact]
    public async Task Unknown_ids_that_come_together_share_one_fetch()
    {
        Assert.True(await FindAsync("ec-1"));
        _clock.Advance(Interval);
        var arrived = new TaskCompletionSource();
        _issuer.Instead = async http =>
        {
            await arrived.Task;
            await http.Response.WriteAsync(_issuer.KeySet().ToJsonString());
        };

        var answers = Enumerable.Range(0, 20).Select(i => AskAsync($"ec-made-up-{i}")).ToArray();
        arrived.SetResult();

        Assert.All(await Task.WhenAll(answers), answer => Assert.Equal((false, 0), answer));
        Assert.Equal(2, _issuer.Fetches);
    }

    [Fact]
    public async Task A_token_from_before_the_fetch_is_rejected_at_once_if_its_key_is_unknown()
    {
        Assert.True(await FindAsync("ec-1"));

        Assert.Equal((false, 0), await AskAsync("ec-0", issuedAgo: TimeSpan.FromSeconds(31)));
        Assert.Equal((false, 15), await AskAsync("ec-0", issuedAgo: TimeSpan.FromSeconds(29)));
        Assert.Equal(1, _issuer.Fetches);
    }

    [Fact]
    public async Task While_the_issuer_is_away_the_keys_of_before_serve_for_an_hour()
    {
        Assert.True(await FindAsync("ec-1"));
        _issuer.Instead = http => AnswerAsync(http, 500);

        for (var minute = 0; minute < 60; minute += 10)
        {
            _clock.Advance(TimeSpan.FromMinutes(10));
            Assert.True(await FindAsync("ec-1"));
        }

        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal((false, 15 - 1), await AskAsync("ec-1"));
        _issuer.Instead = null;
        _clock.Advance(Interval);
        Assert.True(await FindAsync("ec-1"));
    }

    [Fact]
    public async Task A_new_key_while_the_issuer_is_away_is_asked_for_again_after_15_seconds()
    {
        Assert.True(await FindAsync("ec-1"));
        _issuer.Instead = http => AnswerAsync(http, 500);
        _issuer.Rotate();
        _clock.Advance(Interval);
        Assert.Equal((false, 15), await AskAsync(_issuer.EcKeyId));
        Assert.Equal((false, 15), await AskAsync(_issuer.EcKeyId));
        Assert.Equal(2, _issuer.Fetches);

        _issuer.Instead = null;
        _clock.Advance(Interval);
        Assert.True(await FindAsync(_issuer.EcKeyId));
    }

    [Fact]
    public async Task A_key_that_the_issuer_withdrew_serves_for_ten_minutes_and_not_once_more()
    {
        Assert.True(await FindAsync("ec-1"));
        _issuer.Rotate();
        _clock.Advance(TimeSpan.FromMinutes(10));
        Assert.True(await FindAsync("ec-1"));
        Assert.Equal(1, _issuer.Fetches);

        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.False(await FindAsync("ec-1"));
        Assert.Equal(2, _issuer.Fetches);
    }

    public static TheoryData<string, Func<HttpContext, Task>> Unusable() => new()
    {
        { "an error", http => AnswerAsync(http, 503) },
        { "a redirect", http => AnswerAsync(http, 302, location: "/") },
        { "nothing", http => AnswerAsync(http, 200) },
        { "no JSON", http => http.Response.WriteAsync("<html>") },
        { "half the JSON", http => http.Response.WriteAsync("{\"keys\":[{\"kty\":\"EC\"") },
        { "no key set", http => http.Response.WriteAsync("[]") },
        { "null", http => http.Response.WriteAsync("null") },
        { "an empty object", http => http.Response.WriteAsync("{}") },
        { "no keys", http => http.Response.WriteAsync("{\"keys\":[]}") },
        { "keys that are no list", http => http.Response.WriteAsync("{\"keys\":{}}") },
        { "only broken keys", http => http.Response.WriteAsync("{\"keys\":[null,7,{\"kty\":\"EC\",\"kid\":\"ec-1\"}]}") },
        { "only a secret", http => http.Response.WriteAsync("{\"keys\":[{\"kty\":\"oct\",\"kid\":\"ec-1\",\"k\":\"AAAA\"}]}") },
        { "too much", http => http.Response.WriteAsync(new string(' ', 65 * 1024)) },
    };

    [Theory]
    [MemberData(nameof(Unusable), DisableDiscoveryEnumeration = true)]
    public async Task An_answer_without_keys_never_replaces_keys(string _, Func<HttpContext, Task> answer)
    {
        Assert.True(await FindAsync("ec-1"));
        _issuer.Instead = answer;
        _clock.Advance(TimeSpan.FromMinutes(11));

        Assert.True(await FindAsync("ec-1"));
        Assert.True(await FindAsync("rsa-1"));
        Assert.Equal(2, _issuer.Fetches);
    }

    [Theory]
    [MemberData(nameof(Unusable), DisableDiscoveryEnumeration = true)]
    public async Task A_first_answer_without_keys_is_asked_for_again_after_a_second(string _, Func<HttpContext, Task> answer)
    {
        _issuer.Instead = answer;
        Assert.Equal((false, 1), await AskAsync("ec-1"));
        Assert.Equal((false, 1), await AskAsync("ec-1"));
        Assert.Equal(1, _issuer.Fetches);

        _issuer.Instead = null;
        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.True(await FindAsync("ec-1"));
    }

    /// <summary>Entries that look like the issuer's own key ec-1, rsa-1 or small, but for one fault.</summary>
    public static TheoryData<string, string, Action<JsonObject>> Broken() => new()
    {
        { "another kty", "ec-1", key => key["kty"] = "OKP" },
        { "no kty", "ec-1", key => key.Remove("kty") },
        { "a secret", "rsa-1", key => { key["kty"] = "oct"; key["k"] = "AAAA"; } },
        { "another curve", "ec-1", key => key["crv"] = "P-384" },
        { "a point off the curve", "ec-1", key => key["y"] = key["x"]!.DeepClone() },
        { "half a point", "ec-1", key => key.Remove("y") },
        { "no base64url", "ec-1", key => key["x"] = "§" },
        { "a number for text", "ec-1", key => key["x"] = 7 },
        { "no modulus", "rsa-1", key => key.Remove("n") },
        { "a short modulus", "rsa-1", key => key["n"] = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(128)) },
        { "an EC key's private half", "ec-1", key => key["d"] = key["x"]!.DeepClone() },
        { "an RSA key's private half", "rsa-1", key => key["d"] = key["n"]!.DeepClone() },
        { "for encryption", "ec-1", key => key["use"] = "enc" },
        { "for encryption by its operations", "rsa-1", key => key["key_ops"] = new JsonArray("encrypt") },
        { "algorithm none", "ec-1", key => key["alg"] = "none" },
        { "another algorithm", "rsa-1", key => key["alg"] = "HS256" },
        { "the other family's algorithm", "rsa-1", key => key["alg"] = "ES256" },
        { "no id", "ec-1", key => key.Remove("kid") },
        { "an id that is no text", "ec-1", key => key["kid"] = new JsonArray() },
    };

    [Theory]
    [MemberData(nameof(Broken), DisableDiscoveryEnumeration = true)]
    public async Task A_broken_key_is_left_out_and_the_others_serve(string _, string keyId, Action<JsonObject> breakIt)
    {
        var keys = _issuer.KeySet();
        breakIt(keys["keys"]!.AsArray().Single(key => (string?)key!["kid"] == keyId)!.AsObject());
        keys["keys"]!.AsArray().Insert(0, null);
        _issuer.Instead = http => http.Response.WriteAsync(keys.ToJsonString());

        Assert.True(await FindAsync(keyId == "ec-1" ? "rsa-1" : "ec-1"));
        Assert.False(await FindAsync(keyId));
    }

    [Fact]
    public async Task No_answer_is_waited_for_longer_than_patience()
    {
        _issuer.Instead = http => Task.Delay(Timeout.Infinite, http.RequestAborted);
        using var keys = Ask(TimeSpan.FromMilliseconds(200));

        var (key, retryAfter) = await keys.FindAsync("ec-1", "ES256", DateTime.UtcNow, TestContext.Current.CancellationToken).AsTask().WaitAsync(TimeSpan.FromSeconds(20));
        Assert.Null(key);
        Assert.True(retryAfter > 0);
    }

    private SigningKeys Ask(TimeSpan patience) => new(new Uri($"{_issuer.Url}/auth/v1/.well-known/jwks.json"), patience, _clock, NullLogger.Instance);

    private async Task<bool> FindAsync(string keyId) => (await AskAsync(keyId)).IsFound;

    private async Task<(bool IsFound, int RetryAfter)> AskAsync(string keyId, TimeSpan issuedAgo = default)
    {
        var algorithm = keyId.StartsWith("rsa", StringComparison.Ordinal) ? "RS256" : "ES256";
        var (key, retryAfter) = await _keys.FindAsync(keyId, algorithm, (_clock.GetUtcNow() - issuedAgo).UtcDateTime, TestContext.Current.CancellationToken);
        return (key is not null, retryAfter);
    }

    private static Task AnswerAsync(HttpContext http, int status, string? location = null)
    {
        http.Response.StatusCode = status;
        http.Response.Headers.Location = location;
        return Task.CompletedTask;
    }
}

/// <summary>The same, as callers see it.</summary>
public sealed class IssuerAwayTests(AccessFixture fixture) : IClassFixture<AccessFixture>
{
    [Fact]
    public async Task Without_any_keys_tokens_are_503_and_service_keys_are_served()
    {
        await using var issuer = await TestIssuer.StartAsync();
        issuer.Instead = http => Task.Delay(Timeout.Infinite, http.RequestAborted);
        await using var service = await GuardedService.StartAsync(fixture.Database.ConnectionString, GuardedService.Keys, $"SUPABASE_URL={issuer.Url}");

        var answer = await service.Api.GetAsync("/v1/gallery/", GuardedService.Bearer(issuer.Token("ES256", "user_123")));
        Assert.Equal((503, "token_keys_unavailable"), (answer.Status, answer.Problem));
        Assert.NotNull(answer.Headers.RetryAfter);
        Assert.Empty(answer.Headers.WwwAuthenticate);
        Assert.Equal(200, (await service.Api.GetAsync("/v1/gallery/", GuardedService.Bearer(GuardedService.Key))).Status);
        Assert.Equal(200, (await service.Api.GetAsync("/readyz", GuardedService.Bearer(issuer.Token("ES256", "user_123")))).Status);
    }

    [Fact]
    public async Task A_made_up_key_id_is_503_until_the_next_fetch_and_costs_the_issuer_nothing()
    {
        await using var issuer = await TestIssuer.StartAsync();
        await using var service = await GuardedService.StartAsync(fixture.Database.ConnectionString, $"SUPABASE_URL={issuer.Url}");
        await service.WaitForKeysAsync(issuer.Token("ES256", "user_123"));
        var fetches = issuer.Fetches;

        for (var i = 0; i < 2; i++)
        {
            var answer = await service.Api.GetAsync("/v1/gallery/", GuardedService.Bearer(TestIssuer.Sign("ES256", issuer.Payload("user_123"), $"made-up-{i}", issuer.Signer("ES256"))));
            Assert.Equal((503, "token_keys_unavailable"), (answer.Status, answer.Problem));
            Assert.InRange(answer.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 15);
        }

        var old = TestIssuer.Sign("ES256", issuer.Payload("user_123", ("iat", TestIssuer.In(-60))), "withdrawn", issuer.Signer("ES256"));
        var withdrawn = await service.Api.GetAsync("/v1/gallery/", GuardedService.Bearer(old));
        Assert.Equal((401, "invalid_token"), (withdrawn.Status, withdrawn.Problem));
        Assert.Equal(fetches, issuer.Fetches);
    }
}
