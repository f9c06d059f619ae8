using Microsoft.IdentityModel.Tokens;

namespace Gallery.Service.Access;

/// <summary>
/// The public keys that the issuer of users' tokens publishes (JWKS, RFC 7517). Kept while they serve: asked for again when they are
/// ten minutes old, so that a revoked one goes, and at once for a token that names a key not among them, at most every five minutes. While
/// the issuer is away those of before stand.
/// </summary>
/// <remarks>
/// Not <c>ConfigurationManager</c>: it renews behind the request that names the new key, which would be refused, and while the issuer
/// hangs its callers wait one after another.
/// </remarks>
internal sealed partial class SigningKeys : IDisposable
{
    private const int MaximumBytes = 64 * 1024;
    private const int MinimumRsaBits = 2048;

    private static readonly TimeSpan MaximumAge = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan RefreshInterval = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan AwayInterval = TimeSpan.FromSeconds(10);   // after an attempt that failed
    private static readonly TimeSpan RetryInterval = TimeSpan.FromSeconds(1);   // while there are none at all

    private readonly Lock _lock = new();
    private readonly HttpClient _http;
    private readonly Uri _address;
    private readonly TimeProvider _time;
    private readonly ILogger _log;

    private volatile Dictionary<string, SecurityKey>? _keys;
    private Task _refresh = Task.CompletedTask;
    private long _refreshedAt;   // both of the time provider's clock
    private TimeSpan _interval;
    private volatile bool _isAway;

    /// <param name="patience">How long an answer may take, whole.</param>
    public SigningKeys(Uri address, TimeSpan patience, TimeProvider time, ILogger log)
    {
        (_address, _time, _log) = (address, time, log);
        _http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, PooledConnectionLifetime = MaximumAge })
        {
            Timeout = patience,
            MaxResponseContentBufferSize = MaximumBytes,
        };
    }

    /// <summary>False where the issuer has never answered, or did not when last asked: nothing can be said then of a token whose key is not here.</summary>
    public bool AreKnown => _keys is not null && !_isAway;

    /// <summary>The key of this id; null if there is none.</summary>
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

    /// <summary>One at a time, for all who ask meanwhile; none where the last is too recent.</summary>
    private Task RefreshAsync()
    {
        lock (_lock)
        {
            if (!_refresh.IsCompleted || _time.GetElapsedTime(_refreshedAt) < _interval) return _refresh;
            // The first keys are no refresh: the first unknown id after them is asked for at once.
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
        catch (Exception e)   // whatever it answered, or did not
        {
            if (!_isAway) LogAway(_address, e.GetBaseException().Message.ReplaceLineEndings(" "));
            _isAway = true;
            if (_keys is not null) lock (_lock) _interval = AwayInterval;
        }
    }

    /// <summary>Those fit for ES256 and RS256. A secret (<c>oct</c>) among them would be no secret.</summary>
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

    [LoggerMessage(LogLevel.Warning, "The keys of users' tokens are not to be had from {Address}: {Reason}")]
    private partial void LogAway(Uri address, string reason);

    [LoggerMessage(LogLevel.Information, "The keys of users' tokens are to be had from {Address} again")]
    private partial void LogBack(Uri address);

    [LoggerMessage(LogLevel.Warning, "{Address} has no key for ES256 or RS256, so no user's token is let in; a project that signs with a secret needs SUPABASE_JWT_SECRET")]
    private partial void LogNone(Uri address);
}
