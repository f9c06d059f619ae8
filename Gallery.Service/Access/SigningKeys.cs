using Microsoft.IdentityModel.Tokens;

namespace Gallery.Service.Access;

/// <summary>
/// The public keys of the issuer of users' tokens (JWKS, RFC 7517). They are fetched again after ten minutes, so that a revoked key stops
/// working. A token with an unknown key also causes a fetch, at most every five minutes. If the issuer does not answer, the old keys stay.
/// </summary>
/// <remarks>
/// <c>ConfigurationManager</c> was rejected. It refreshes in the background and so refuses the first token with a new key. While the issuer
/// hangs, its callers wait one after another.
/// </remarks>
internal sealed partial class SigningKeys : IDisposable
{
    private const int MaximumBytes = 64 * 1024;
    private const int MinimumRsaBits = 2048;

    private static readonly TimeSpan MaximumAge = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan RefreshInterval = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan AwayInterval = TimeSpan.FromSeconds(10);   // after an attempt that failed
    private static readonly TimeSpan RetryInterval = TimeSpan.FromSeconds(1);   // until the first keys arrive

    private readonly Lock _lock = new();
    private readonly HttpClient _http;
    private readonly Uri _address;
    private readonly TimeProvider _time;
    private readonly ILogger _log;

    private volatile Dictionary<string, SecurityKey>? _keys;
    private Task _refresh = Task.CompletedTask;
    private long _refreshedAt;   // a timestamp of the time provider
    private TimeSpan _interval;
    private volatile bool _isAway;

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

    /// <summary>False if the last fetch failed or none has succeeded. An unknown key is then no proof of a bad token.</summary>
    public bool AreKnown => _keys is not null && !_isAway;

    /// <summary>The key with this id; null if it is unknown.</summary>
    public async ValueTask<SecurityKey?> FindAsync(string keyId, CancellationToken ct)
    {
        if (_keys?.GetValueOrDefault(keyId) is { } known)
        {
            if (_isAway || _time.GetElapsedTime(Volatile.Read(ref _refreshedAt)) > MaximumAge) _ = RefreshAsync();
            return known;
        }

        await RefreshAsync().WaitAsync(ct);
        return _keys?.GetValueOrDefault(keyId);
    }

    public void Dispose() => _http.Dispose();

    /// <summary>Callers share one fetch. A recent fetch is not repeated.</summary>
    private Task RefreshAsync()
    {
        lock (_lock)
        {
            if (!_refresh.IsCompleted || _time.GetElapsedTime(_refreshedAt) < _interval) return _refresh;
            // The first fetch does not count: an unknown id right after it starts another.
            _interval = _keys is null ? RetryInterval : RefreshInterval;
            _refreshedAt = _time.GetTimestamp();
            return _refresh = FetchAsync();
        }
    }

    private async Task FetchAsync()
    {
        try
        {
            var json = await _http.GetStringAsync(_address);
            var keys = Read(json);
            if (keys.Count == 0) LogNone(_address);
            if (_isAway) LogBack(_address);
            if (_keys is null) lock (_lock) _interval = TimeSpan.Zero;
            _keys = keys;
            _isAway = false;
        }
        catch (Exception e)   // any failure: network, time-out, size, JSON
        {
            if (!_isAway) LogAway(_address, e.GetBaseException().Message.ReplaceLineEndings(" "));
            _isAway = true;
            if (_keys is not null) lock (_lock) _interval = AwayInterval;
        }
    }

    /// <summary>The keys for ES256 and RS256. A published secret (<c>oct</c>) is ignored.</summary>
    private static Dictionary<string, SecurityKey> Read(string json)
    {
        var keys = new Dictionary<string, SecurityKey>(StringComparer.Ordinal);
        foreach (var key in JsonWebKeySet.Create(json).Keys)
            if (key.Kid is { Length: > 0 }
                && key.Use is null or "" or JsonWebKeyUseNames.Sig
                && (key is { Kty: JsonWebAlgorithmsKeyTypes.EllipticCurve, Crv: "P-256" } || key is { Kty: JsonWebAlgorithmsKeyTypes.RSA, KeySize: >= MinimumRsaBits }))
                keys[key.Kid] = key;
        return keys;
    }

    [LoggerMessage(LogLevel.Warning, "Fetching the keys of users' tokens from {Address} failed: {Reason}")]
    private partial void LogAway(Uri address, string reason);

    [LoggerMessage(LogLevel.Information, "Fetching the keys of users' tokens from {Address} works again")]
    private partial void LogBack(Uri address);

    [LoggerMessage(LogLevel.Warning, "{Address} has no key for ES256 or RS256, so all users' tokens are rejected. If the project signs with a secret, set SUPABASE_JWT_SECRET.")]
    private partial void LogNone(Uri address);
}
