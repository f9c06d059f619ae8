using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Gallery.Tests.Access;

/// <summary>A Supabase Auth: signs users' tokens, with anything, and publishes its public keys on a real port.</summary>
internal sealed class TestIssuer : IAsyncDisposable
{
    public const string Secret = "a-secret-of-the-tests-that-is-long-enough";

    private readonly WebApplication _server;
    private int _fetches;

    private TestIssuer(Action<WebApplication>? more)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        _server = builder.Build();
        more?.Invoke(_server);
        _server.MapGet("/auth/v1/.well-known/jwks.json", AnswerAsync);
    }

    /// <summary>What SUPABASE_URL names.</summary>
    public string Url => _server.Urls.Single();

    public ECDsa EcKey { get; private set; } = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    public RSA RsaKey { get; } = RSA.Create(2048);

    public string EcKeyId { get; private set; } = "ec-1";

    /// <summary>How often the public keys were asked for.</summary>
    public int Fetches => _fetches;

    /// <summary>What is answered in their place; null for the keys.</summary>
    public Func<HttpContext, Task>? Instead { get; set; }

    /// <param name="more">Adds routes.</param>
    public static async Task<TestIssuer> StartAsync(Action<WebApplication>? more = null)
    {
        var issuer = new TestIssuer(more);
        await issuer._server.StartAsync();
        return issuer;
    }

    public void Rotate() => (EcKey, EcKeyId) = (ECDsa.Create(ECCurve.NamedCurves.nistP256), $"ec-{Guid.NewGuid():N}");

    /// <summary>A token that is good in all but what is changed.</summary>
    /// <param name="algorithm">HS256, ES256 or RS256, each with the issuer's own key.</param>
    /// <param name="claims">Replaced or added; null takes one away.</param>
    public string Token(string algorithm, string? userId, params (string Name, JsonNode? Value)[] claims) =>
        Sign(algorithm, Payload(userId, claims), KeyId(algorithm), Signer(algorithm));

    public JsonObject Payload(string? userId, params (string Name, JsonNode? Value)[] claims)
    {
        var payload = new JsonObject
        {
            ["iss"] = $"{Url}/auth/v1",
            ["aud"] = "authenticated",
            ["exp"] = In(3600),
            ["iat"] = In(0),
            ["role"] = "authenticated",
            ["sub"] = userId,
        };
        foreach (var (name, value) in claims) payload[name] = value?.DeepClone();
        foreach (var name in payload.Where(claim => claim.Value is null).Select(claim => claim.Key).ToArray()) payload.Remove(name);
        return payload;
    }

    public static long In(int seconds) => DateTimeOffset.UtcNow.AddSeconds(seconds).ToUnixTimeSeconds();

    public static string Sign(string algorithm, JsonObject payload, string? keyId, Func<byte[], byte[]> sign)
    {
        var header = new JsonObject { ["alg"] = algorithm, ["typ"] = "JWT" };
        if (keyId is not null) header["kid"] = keyId;
        return Sign(header.ToJsonString(), payload.ToJsonString(), sign);
    }

    public static string Sign(string header, string payload, Func<byte[], byte[]> sign)
    {
        var text = $"{Encode(header)}.{Encode(payload)}";
        return $"{text}.{Base64Url.EncodeToString(sign(Encoding.ASCII.GetBytes(text)))}";
    }

    public string? KeyId(string algorithm) => algorithm switch
    {
        "ES256" => EcKeyId,
        "RS256" => "rsa-1",
        _ => null,
    };

    public Func<byte[], byte[]> Signer(string algorithm) => algorithm switch
    {
        "ES256" => text => EcKey.SignData(text, HashAlgorithmName.SHA256),
        "RS256" => text => RsaKey.SignData(text, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1),
        _ => Hmac(Encoding.UTF8.GetBytes(Secret)),
    };

    public static Func<byte[], byte[]> Hmac(byte[] secret) => text => HMACSHA256.HashData(secret, text);

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        EcKey.Dispose();
        RsaKey.Dispose();
    }

    private Task AnswerAsync(HttpContext http)
    {
        Interlocked.Increment(ref _fetches);
        return Instead is { } instead ? instead(http) : http.Response.WriteAsync(KeySet().ToJsonString());
    }

    /// <summary>The public keys, as the issuer publishes them.</summary>
    public JsonObject KeySet()
    {
        var ec = EcKey.ExportParameters(false).Q;
        var rsa = RsaKey.ExportParameters(false);
        return new JsonObject
        {
            ["keys"] = new JsonArray(
                new JsonObject { ["kty"] = "EC", ["crv"] = "P-256", ["alg"] = "ES256", ["use"] = "sig", ["kid"] = EcKeyId, ["x"] = Base64Url.EncodeToString(ec.X), ["y"] = Base64Url.EncodeToString(ec.Y) },
                new JsonObject { ["kty"] = "RSA", ["alg"] = "RS256", ["use"] = "sig", ["kid"] = "rsa-1", ["n"] = Base64Url.EncodeToString(rsa.Modulus), ["e"] = Base64Url.EncodeToString(rsa.Exponent) },
                new JsonObject { ["kty"] = "oct", ["alg"] = "HS256", ["kid"] = "oct-1", ["k"] = Base64Url.EncodeToString(Encoding.UTF8.GetBytes(Secret)) }),
        };
    }

    private static string Encode(string json) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(json));
}
