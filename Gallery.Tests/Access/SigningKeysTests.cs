using Gallery.Service.Access;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;

namespace Gallery.Tests.Access;

/// <summary>The issuer's public keys: when they are asked for, and what serves while they are not to be had.</summary>
public sealed class SigningKeysTests : IAsyncLifetime
{
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

        Assert.True(await FindAsync(_issuer.EcKeyId));
        Assert.False(await FindAsync("ec-1"));
    }

    [Fact]
    public async Task Unknown_ids_ask_again_once_in_five_minutes()
    {
        Assert.True(await FindAsync("ec-1"));
        for (var i = 0; i < 5; i++) Assert.False(await FindAsync($"made up {i}"));
        Assert.Equal(2, _issuer.Fetches);

        _clock.Advance(TimeSpan.FromSeconds(299));
        Assert.False(await FindAsync("made up"));
        Assert.Equal(2, _issuer.Fetches);

        _clock.Advance(TimeSpan.FromSeconds(1));
        _issuer.Rotate();
        Assert.True(await FindAsync(_issuer.EcKeyId));
        Assert.Equal(3, _issuer.Fetches);
    }

    [Fact]
    public async Task While_the_issuer_is_away_the_keys_of_before_serve()
    {
        Assert.True(await FindAsync("ec-1"));
        _issuer.Instead = http => AnswerAsync(http, 500);

        for (var minute = 0; minute < 120; minute += 7)
        {
            _clock.Advance(TimeSpan.FromMinutes(7));
            Assert.True(await FindAsync("ec-1"));
            Assert.False(await FindAsync("made up"));
        }

        _issuer.Instead = null;
        _issuer.Rotate();
        _clock.Advance(TimeSpan.FromMinutes(7));
        Assert.True(await FindAsync(_issuer.EcKeyId));
    }

    [Fact]
    public async Task A_new_key_while_the_issuer_is_away_is_asked_for_again_after_ten_seconds_and_nothing_said_of_it_until_then()
    {
        Assert.True(await FindAsync("ec-1"));
        _issuer.Instead = http => AnswerAsync(http, 500);
        _issuer.Rotate();
        Assert.False(await FindAsync(_issuer.EcKeyId));
        Assert.False(_keys.AreKnown);
        Assert.False(await FindAsync(_issuer.EcKeyId));
        Assert.Equal(2, _issuer.Fetches);

        _issuer.Instead = null;
        _clock.Advance(TimeSpan.FromSeconds(10));
        Assert.True(await FindAsync(_issuer.EcKeyId));
        Assert.True(_keys.AreKnown);
    }

    [Fact]
    public async Task A_key_that_the_issuer_withdrew_is_gone_soon_after_ten_minutes()
    {
        Assert.True(await FindAsync("ec-1"));
        _issuer.Rotate();
        _clock.Advance(TimeSpan.FromMinutes(10));
        Assert.True(await FindAsync("ec-1"));
        Assert.Equal(1, _issuer.Fetches);

        _clock.Advance(TimeSpan.FromSeconds(1));
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (await FindAsync("ec-1")) await Task.Delay(10, patience.Token);   // renewed behind the request that finds it old

        Assert.Equal(2, _issuer.Fetches);
    }

    public static TheoryData<string, Func<HttpContext, Task>> Unusable() => new()
    {
        { "an error", http => AnswerAsync(http, 503) },
        { "a redirect", http => AnswerAsync(http, 302, location: "/") },
        { "no JSON", http => http.Response.WriteAsync("<html>") },
        { "no key set", http => http.Response.WriteAsync("[]") },
        { "too much", http => http.Response.WriteAsync(new string(' ', 65 * 1024)) },
    };

    [Theory]
    [MemberData(nameof(Unusable), DisableDiscoveryEnumeration = true)]
    public async Task An_answer_that_can_not_be_used_is_asked_for_again_after_a_second(string _, Func<HttpContext, Task> answer)
    {
        _issuer.Instead = answer;
        Assert.False(await FindAsync("ec-1"));
        Assert.False(_keys.AreKnown);
        Assert.False(await FindAsync("ec-1"));
        Assert.Equal(1, _issuer.Fetches);

        _issuer.Instead = null;
        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.True(await FindAsync("ec-1"));
        Assert.True(_keys.AreKnown);
    }

    [Fact]
    public async Task No_answer_is_waited_for_longer_than_patience()
    {
        _issuer.Instead = http => Task.Delay(Timeout.Infinite, http.RequestAborted);
        using var keys = Ask(TimeSpan.FromMilliseconds(200));

        Assert.Null(await keys.FindAsync("ec-1", TestContext.Current.CancellationToken).AsTask().WaitAsync(TimeSpan.FromSeconds(20)));
        Assert.False(keys.AreKnown);
    }

    private SigningKeys Ask(TimeSpan patience) => new(new Uri($"{_issuer.Url}/auth/v1/.well-known/jwks.json"), patience, _clock, NullLogger.Instance);

    private async Task<bool> FindAsync(string keyId) =>
        await _keys.FindAsync(keyId, TestContext.Current.CancellationToken) is not null;

    private static Task AnswerAsync(HttpContext http, int status, string? location = null)
    {
        http.Response.StatusCode = status;
        http.Response.Headers.Location = location;
        return Task.CompletedTask;
    }

    private sealed class Clock : TimeProvider
    {
        private long _ticks;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Interlocked.Read(ref _ticks);

        public void Advance(TimeSpan time) => Interlocked.Add(ref _ticks, time.Ticks);
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
    public async Task A_token_of_a_new_key_is_let_in_and_one_of_the_withdrawn_key_is_not()
    {
        await using var issuer = await TestIssuer.StartAsync();
        await using var service = await GuardedService.StartAsync(fixture.Database.ConnectionString, $"SUPABASE_URL={issuer.Url}");
        var before = GuardedService.Bearer(issuer.Token("ES256", "user_123"));
        Assert.Equal(200, (await service.Api.GetAsync("/v1/gallery/", before)).Status);

        issuer.Rotate();
        Assert.Equal(200, (await service.Api.GetAsync("/v1/gallery/", GuardedService.Bearer(issuer.Token("ES256", "user_123")))).Status);
        Assert.Equal(401, (await service.Api.GetAsync("/v1/gallery/", before)).Status);
        Assert.Equal(2, issuer.Fetches);
    }
}
