using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.IdentityModel.Tokens;

namespace Gallery.Service.Access;

/// <summary>
/// The public keys of the issuer of users' tokens (JWKS, RFC 7517). Keys that are 10 minutes old wait for a fetch before they are used, so
/// a revoked key stops working. If fetches fail, the old keys are used until they are an hour old.
/// </summary>
/// <remarks>
/// <c>ConfigurationManager</c> was rejected. It refreshes in the background. So a revoked key works once more after a quiet time, and the
/// first token with a new key is rejected.
/// </remarks>
internal sealed partial class SigningKeys : IDisposable
{
    private const int MaximumBytes = 64 * 1024;
    private const int MinimumRsaBits = 2048;

    private static readonly TimeSpan MaximumAge = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan MaximumAgeWithoutFetch = TimeSpan.FromHours(1);
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(15);      // between fetches, whatever tokens arrive
    private static readonly TimeSpan FirstInterval = TimeSpan.FromSeconds(1);  // until the first keys arrive
    private static readonly TimeSpan ClockSkew = TimeSpan.FromSeconds(30);     // between the issuer's clock and this one

    private readonly Lock _lock = new();
    private readonly HttpClient _http;
    private readonly Uri _address;
    private readonly TimeProvider _time;
    private readonly ILogger _log;

    private volatile KeySet? _known;
    private Task _fetch = Task.CompletedTask;
    private long? _fetchedAt;   // the start of the last attempt
    private bool _isAway;

    /// <param name="patience">The time-out of one fetch.</param>
    public SigningKeys(Uri address, TimeSpan patience, TimeProvider time, ILogger log)
    {
        (_address, _time, _log) = (address, time, log);
        _http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, PooledConnectionLifetime = MaximumAge })
        {
            Timeout = patience,
            MaxResponseContentBufferSize = MaximumBytes,
        };
    }

    /// <summary>The key with this id. If it is null, a number of seconds says when to ask again, and 0 that the issuer has no such key.</summary>
    /// <param name="issuedAt">The token's <c>iat</c>, unproven. A key set from after that time contains the token's key.</param>
    public async ValueTask<(SecurityKey? Key, int RetryAfterSeconds)> FindAsync(string keyId, string algorithm, DateTime issuedAt, CancellationToken ct)
    {
        var before = _known;
        if (before is null || Age(before) > MaximumAge || !before.Keys.ContainsKey((keyId, algorithm))) await FetchAsync().WaitAsync(ct);

        if (_known is not { } known || Age(known) > MaximumAgeWithoutFetch) return (null, SecondsToNextFetch());
        if (known.Keys.TryGetValue((keyId, algorithm), out var key)) return (key, 0);
        var isUnknown = known != before || issuedAt < (_time.GetUtcNow() - Age(known) - ClockSkew).UtcDateTime;
        return (null, isUnknown ? 0 : SecondsToNextFetch());
    }

    public void Dispose() => _http.Dispose();

    private TimeSpan Age(KeySet keys) => _time.GetElapsedTime(keys.FetchedAt);

    /// <summary>Callers share one fetch. A recent fetch is not repeated, so strangers with made-up ids cannot cause many.</summary>
    private Task FetchAsync()
    {
        lock (_lock)
        {
            if (!_fetch.IsCompleted || TimeToNextFetch() > TimeSpan.Zero) return _fetch;
            _fetchedAt = _time.GetTimestamp();
            return _fetch = FetchAsync(_fetchedAt.Value);
        }
    }

    private async Task FetchAsync(long startedAt)
    {
        try
        {
            var keys = Read(await _http.GetStringAsync(_address));
            if (keys.Count == 0) throw new InvalidDataException("The answer has no key for ES256 or RS256. If the project signs with a secret, set SUPABASE_JWT_SECRET.");
            _known = new KeySet(keys, startedAt);
            if (_isAway) LogBack(_address);
            _isAway = false;
        }
        catch (Exception e)   // any failure: network, time-out, size, JSON
        {
            if (!_isAway) LogAway(_address, e.GetBaseException().Message.ReplaceLineEndings(" "));
            _isAway = true;
        }
    }

    private TimeSpan TimeToNextFetch() =>
        _fetchedAt is { } at ? (_known is null ? FirstInterval : Interval) - _time.GetElapsedTime(at) : TimeSpan.Zero;

    private int SecondsToNextFetch()
    {
        lock (_lock) return Math.Max(1, (int)Math.Ceiling(TimeToNextFetch().TotalSeconds));
    }

    /// <summary>The usable keys. Each entry is read by itself, so a broken one does not affect the others.</summary>
    private static Dictionary<(string Id, string Algorithm), SecurityKey> Read(string json)
    {
        using var document = JsonDocument.Parse(json);
        var keys = new Dictionary<(string, string), SecurityKey>();
        if (document.RootElement is not { ValueKind: JsonValueKind.Object } root || !root.TryGetProperty("keys", out var entries) || entries.ValueKind != JsonValueKind.Array) return keys;
        foreach (var entry in entries.EnumerateArray())
        {
            try
            {
                var jwk = new JsonWebKey(entry.GetRawText());
                if (jwk is not { Kid.Length: > 0, D: null } || jwk.Use is not (null or "" or "sig") || jwk.KeyOps.Count > 0 && !jwk.KeyOps.Contains("verify")) continue;
                if (jwk is { Kty: "EC", Crv: "P-256", Alg: null or "" or SecurityAlgorithms.EcdsaSha256 })
                    keys[(jwk.Kid, SecurityAlgorithms.EcdsaSha256)] = new ECDsaSecurityKey(ECDsa.Create(new ECParameters
                    {
                        Curve = ECCurve.NamedCurves.nistP256,
                        Q = new ECPoint { X = Base64UrlEncoder.DecodeBytes(jwk.X), Y = Base64UrlEncoder.DecodeBytes(jwk.Y) },
                    }));
                else if (jwk is { Kty: "RSA", KeySize: >= MinimumRsaBits, Alg: null or "" or SecurityAlgorithms.RsaSha256 })
                    keys[(jwk.Kid, SecurityAlgorithms.RsaSha256)] = new RsaSecurityKey(RSA.Create(new RSAParameters
                    {
                        Modulus = Base64UrlEncoder.DecodeBytes(jwk.N),
                        Exponent = Base64UrlEncoder.DecodeBytes(jwk.E),
                    }));
            }
            catch (Exception e) when (e is ArgumentException or FormatException or CryptographicException or JsonException or InvalidOperationException)
            {
                // Not a key. A token that names it is rejected like one of an unknown key.
            }
        }

        return keys;
    }

    [LoggerMessage(LogLevel.Warning, "Fetching the keys of users' tokens from {Address} failed: {Reason}")]
    private partial void LogAway(Uri address, string reason);

    [LoggerMessage(LogLevel.Information, "Fetching the keys of users' tokens from {Address} works again")]
    private partial void LogBack(Uri address);

    /// <param name="FetchedAt">The start of the fetch, as a timestamp of the time provider.</param>
    private sealed record KeySet(Dictionary<(string Id, string Algorithm), SecurityKey> Keys, long FetchedAt);
}
