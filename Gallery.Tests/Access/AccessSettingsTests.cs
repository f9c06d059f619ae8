using Gallery.Service.Access;
using Gallery.Sql.Database;
using Gallery.Tests.Settings;
using Microsoft.Extensions.DependencyInjection;

namespace Gallery.Tests.Access;

/// <summary>Settings that are refused at start, by name, without a secret.</summary>
public sealed class AccessSettingsTests
{
    private const string TheKey = "gallery_q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA";
    private static readonly string Hash = GuardedService.Hash(TheKey);

    [Theory]
    [InlineData("pipeline:KEY", "entry 1 (pipeline)", "the key itself")]
    [InlineData("a:HASH,pipeline:KEY", "entry 2 (pipeline)", "the key itself")]
    [InlineData("pipeline:5ecret-of-someone-5ecret-of-someone", "entry 1 (pipeline)", "sha256sum")]
    [InlineData("pipeline:", "entry 1 (pipeline)", "64 hexadecimal digits")]
    [InlineData("pipeline:HASH0", "entry 1 (pipeline)", "64 hexadecimal digits")]
    [InlineData("KEY", "entry 1", "no usable name")]
    [InlineData("HASH", "entry 1", "no usable name")]
    [InlineData("KEY:pipeline", "entry 1", "no usable name")]
    [InlineData("HASH:pipeline", "entry 1", "no usable name")]
    [InlineData("KEY:HASH", "entry 1", "no usable name")]
    [InlineData(":HASH", "entry 1", "no usable name")]
    [InlineData("pipe/line:HASH", "entry 1", "no usable name")]
    [InlineData("a:HASH,a:0000000000000000000000000000000000000000000000000000000000000000", "entry 2 (a)", "the name of an earlier one")]
    [InlineData("a:HASH,b:HASH", "entry 2 (b)", "the hash of a")]
    [InlineData(",", "GALLERY_API_KEYS", "no entry")]
    public void An_entry_of_the_keys_that_can_not_be_used_is_named_and_never_shown(string setting, params string[] said)
    {
        var error = Error($"GALLERY_API_KEYS={setting.Replace("KEY", TheKey, StringComparison.Ordinal).Replace("HASH", Hash, StringComparison.Ordinal)}");

        Assert.All(["GALLERY_API_KEYS", .. said], word => Assert.Contains(word, error, StringComparison.Ordinal));
        Assert.All([TheKey, Hash, "5ecret"], secret => Assert.DoesNotContain(secret, error, StringComparison.Ordinal));
    }

    [Fact]
    public void Several_keys_may_stand_on_lines_and_their_hashes_in_capitals()
    {
        var keys = ServiceKeys.Find(Given.Settings($"GALLERY_API_KEYS=a:{GuardedService.Hash("one")},\n  b.c-d_1:{GuardedService.Hash("two").ToUpperInvariant()},"))!;

        Assert.Equal("key:a", keys.Find("one")?.Name);
        Assert.Equal("key:b.c-d_1", keys.Find("two")?.Name);
        Assert.Null(keys.Find("two ")?.Name);
        Assert.Null(keys.Find(GuardedService.Hash("one"))?.Name);
        Assert.Null(keys.Find(new string('x', 10_000))?.Name);
    }

    [Theory]
    [InlineData("SUPABASE_JWT_SECRET", "SUPABASE_JWT_SECRET=hunter2hunter2hunter2hunter2hunter2")]
    [InlineData("SUPABASE_JWT_SECRET", "SUPABASE_URL=https://x.supabase.co", "SUPABASE_JWT_SECRET=hunter2hunter2hunter2hunter2hun")]
    [InlineData("SUPABASE_URL", "SUPABASE_URL=http://x.supabase.co")]
    [InlineData("SUPABASE_URL", "SUPABASE_URL=x.supabase.co")]
    [InlineData("SUPABASE_URL", "SUPABASE_URL=ftp://x.supabase.co")]
    [InlineData("SUPABASE_URL", "SUPABASE_URL=https://user:hunter2@x.supabase.co")]
    [InlineData("SUPABASE_URL", "SUPABASE_URL=https://x.supabase.co/?apikey=hunter2")]
    [InlineData("without /auth/v1", "SUPABASE_URL=https://x.supabase.co/auth/v1/")]
    [InlineData("GALLERY_USERS_MAY_PURGE", "GALLERY_USERS_MAY_PURGE=no")]
    [InlineData("GALLERY_USERS_MAY_SAVE", "GALLERY_USERS_MAY_SAVE=1")]
    [InlineData("GALLERY_OAUTH_CLIENTS_MAY_CALL", "GALLERY_OAUTH_CLIENTS_MAY_CALL=x")]
    [InlineData("GALLERY_ANONYMOUS_USERS_MAY_CALL", "GALLERY_ANONYMOUS_USERS_MAY_CALL=x")]
    [InlineData("SUPABASE_JWT_ISSUER is set without SUPABASE_URL", "SUPABASE_JWT_ISSUER=https://hunter2")]
    [InlineData("SUPABASE_JWKS_URL is set without SUPABASE_URL", "SUPABASE_JWKS_URL=https://hunter2")]
    [InlineData("SUPABASE_JWKS_URL", "SUPABASE_URL=https://x.supabase.co", "SUPABASE_JWKS_URL=http://hunter2.example.com/jwks.json")]
    [InlineData("SUPABASE_JWKS_URL", "SUPABASE_URL=https://x.supabase.co", "SUPABASE_JWKS_URL=https://user:hunter2@example.com/jwks.json")]
    [InlineData("SUPABASE_JWKS_URL", "SUPABASE_URL=https://x.supabase.co", "SUPABASE_JWKS_URL=hunter2")]
    [InlineData("SUPABASE_URL", "SUPABASE_URL=http://11.0.0.1:8000")]
    [InlineData("SUPABASE_URL", "SUPABASE_URL=http://[2001:db8::1]:8000")]
    [InlineData("SUPABASE_URL", "SUPABASE_URL=http://internal.example.com")]
    [InlineData("GALLERY_ALLOW_ANONYMOUS", "GALLERY_ALLOW_ANONYMOUS=yes")]
    [InlineData("GALLERY_ALLOW_ANONYMOUS=true and SUPABASE_URL", "GALLERY_ALLOW_ANONYMOUS=true", "SUPABASE_URL=https://x.supabase.co")]
    public void A_setting_that_can_not_be_used_is_named(string named, params string[] settings)
    {
        var error = Error(settings);

        Assert.Contains(named, error, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("https://x.supabase.co", "https://x.supabase.co/auth/v1")]
    [InlineData("https://x.supabase.co/", "https://x.supabase.co/auth/v1")]
    [InlineData("https://X.supabase.co:443//", "https://x.supabase.co/auth/v1")]
    [InlineData("http://127.0.0.1:54321", "http://127.0.0.1:54321/auth/v1")]
    [InlineData("http://localhost:54321/", "http://localhost:54321/auth/v1")]
    [InlineData("http://[::1]:54321/", "http://[::1]:54321/auth/v1")]
    [InlineData("http://kong:8000", "http://kong:8000/auth/v1")]
    [InlineData("http://kong.supabase.svc:8000", "http://kong.supabase.svc:8000/auth/v1")]
    [InlineData("http://172.20.0.5:8000", "http://172.20.0.5:8000/auth/v1")]
    [InlineData("http://[fd00::5]:8000", "http://[fd00::5]:8000/auth/v1")]
    public void The_issuer_is_the_urls_auth(string url, string issuer) =>
        Assert.Equal((issuer, new Uri($"{issuer}/.well-known/jwks.json")), TokenIssuer.Find(Given.Settings($"SUPABASE_URL={url}")) is var found ? (found!.Name, found.KeysAddress) : default);

    [Fact]
    public void The_secret_alone_or_the_address_beside_it_decides_which_kinds_are_accepted()
    {
        const string url = "SUPABASE_URL=https://x.supabase.co", keys = "SUPABASE_JWKS_URL=http://kong:8000/jwks.json";
        var secret = $"SUPABASE_JWT_SECRET={new string('s', 32)}";

        Assert.True(TokenIssuer.Find(Given.Settings(url, secret)) is { Secret: not null, KeysAddress: null });
        Assert.True(TokenIssuer.Find(Given.Settings(url, keys)) is { Secret: null, KeysAddress.Host: "kong" });
        Assert.True(TokenIssuer.Find(Given.Settings(url, keys, secret)) is { Secret: not null, KeysAddress.Host: "kong" });
    }

    [Fact]
    public void A_secret_of_32_bytes_will_do() =>
        Assert.Equal(32, TokenIssuer.Find(Given.Settings("SUPABASE_URL=https://x.supabase.co", $"SUPABASE_JWT_SECRET={new string('s', 32)}\n"))!.Secret!.Length);

    private static string Error(params string[] settings)
    {
        var message = Assert.Throws<SettingsException>(() => new ServiceCollection().AddGalleryAccess(Given.Settings(settings))).Message;
        Assert.DoesNotContain('\n', message);
        return message;
    }
}
