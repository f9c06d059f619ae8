using System.Buffers.Text;
using System.Text.Json;
using Gallery.Service.Http;
using Gallery.Sql.Database;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Gallery.Service.Access;

/// <summary>
/// The JWTs of Supabase's users. Supabase Auth signs them with the project's secret (HS256) or with its private keys (ES256, RS256). The
/// user is the token's <c>sub</c>. Its <c>role</c> grants nothing here.
/// </summary>
internal sealed class UserTokens(TokenIssuer issuer, Permissions permissions, TimeProvider time, ILogger<UserTokens> log) : IDisposable
{
    private const string Audience = "authenticated";
    private const double LatestTime = 253_402_300_800;   // the year 10000, which no DateTime reaches

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);   // every answer must come within 3 s
    private static readonly TimeSpan ClockSkew = TimeSpan.FromSeconds(30);
    private static readonly JsonWebTokenHandler Handler = new() { MapInboundClaims = false };
    private static readonly JsonDocumentOptions NamesOnce = new() { AllowDuplicateProperties = false };

    // They change how the rest is read (RFC 7515, section 4.1.11; RFC 7797), or the token is encrypted, compressed or nested.
    private static readonly string[] RefusedHeaders = ["crit", "b64", "enc", "zip", "cty"];

    private static readonly string[] Times = [JwtRegisteredClaimNames.Exp, JwtRegisteredClaimNames.Nbf, JwtRegisteredClaimNames.Iat];

    internal static readonly ProblemResult Expired = Problem("expired_token", "The token has expired. Refresh the session or sign in again.");

    private readonly SecurityKey? _secret = issuer.Secret is null ? null : new SymmetricSecurityKey(issuer.Secret);
    private readonly SigningKeys? _keys = issuer.KeysAddress is null ? null : new SigningKeys(issuer.KeysAddress, Patience, time, log);

    /// <summary>The token's user, or the problem with the token.</summary>
    public async ValueTask<(Caller? Caller, ProblemResult? Problem)> FindAsync(string text, CancellationToken ct)
    {
        var (token, claims, fault) = Read(text);
        if (token is null) return (null, Invalid(fault));

        var (key, problem) = await FindKeyAsync(token, ct);
        if (key is null) return (null, problem);

        var result = await Handler.ValidateTokenAsync(token, RulesWith(key, token.Alg));
        if (!result.IsValid) return (null, Explain(result.Exception));
        if (permissions.FindTokenFault(claims) is { } forbidden) return (null, forbidden);

        return FindUserId(claims) is { } userId
            ? (Caller.User(userId), null)
            : (null, Invalid($"Its sub is no user_id: 1 to {Caller.UserIdMaximum} characters."));
    }

    public void Dispose() => _keys?.Dispose();

    /// <summary>The token with its claims. Null with the fault if the text is not a JWT that is signed and nothing else.</summary>
    private static (JsonWebToken? Token, JsonElement Claims, string Fault) Read(string text)
    {
        const string noToken = "It is not a plain signed JWT.";
        try
        {
            if (Array.ConvertAll(text.Split('.'), Decode) is not [var headerJson, var claimsJson, _]) return (null, default, noToken);
            var (header, claims) = (JsonElement.Parse(headerJson, NamesOnce), JsonElement.Parse(claimsJson, NamesOnce));
            if (Array.Exists(RefusedHeaders, name => header.TryGetProperty(name, out _)) || claims.ValueKind != JsonValueKind.Object) return (null, default, noToken);
            return Array.Find(Times, name => claims.TryGetProperty(name, out var time) && !IsTime(time)) is { } wrong
                ? (null, default, $"Its {wrong} is not a number of seconds since 1970.")
                : (Handler.ReadJsonWebToken(text), claims, "");
        }
        catch (Exception e) when (e is ArgumentException or FormatException or JsonException or InvalidOperationException)
        {
            return (null, default, noToken);
        }
    }

    /// <summary>Bytes have one form in base64url: without padding, blanks, or bits left over (RFC 7515, section 2). Decoders accept others.</summary>
    private static byte[] Decode(string part) =>
        Base64Url.DecodeFromChars(part) is var bytes && Base64Url.EncodeToString(bytes) == part ? bytes : throw new FormatException("This is not base64url.");

    /// <summary>RFC 7519, section 2: a number, which may have a fraction. The library also reads text, and wraps or cuts off what is too large.</summary>
    private static bool IsTime(JsonElement value) => value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var seconds) && seconds >= 0 && seconds < LatestTime;

    /// <summary>The key that <c>alg</c> and <c>kid</c> name. A secret serves HS256 only, so a public key never works as a secret.</summary>
    private async ValueTask<(SecurityKey? Key, ProblemResult? Problem)> FindKeyAsync(JsonWebToken token, CancellationToken ct)
    {
        switch (token.Alg)
        {
            case SecurityAlgorithms.HmacSha256 when _secret is not null:
                return (_secret, null);
            case SecurityAlgorithms.EcdsaSha256 or SecurityAlgorithms.RsaSha256 when _keys is not null && token.Kid is { Length: > 0 } keyId:
                var (key, retryAfter) = await _keys.FindAsync(keyId, token.Alg, token.IssuedAt, ct);
                return (key, retryAfter > 0 ? KeysAway(retryAfter) : Invalid("Its key (kid) is unknown to the issuer."));
            default:
                return (null, Invalid("Its alg is not accepted here, or it has no kid."));
        }
    }

    private TokenValidationParameters RulesWith(SecurityKey key, string algorithm) => new()
    {
        IssuerSigningKey = key,
        ValidAlgorithms = [algorithm],
        ValidIssuer = issuer.Name,
        ValidAudience = Audience,
        IgnoreTrailingSlashWhenValidatingAudience = false,
        ClockSkew = ClockSkew,
        RequireSignedTokens = true,
        RequireExpirationTime = true,
    };

    private static string? FindUserId(JsonElement claims) =>
        claims.TryGetProperty(JwtRegisteredClaimNames.Sub, out var sub)
        && sub.ValueKind == JsonValueKind.String
        && sub.GetString() is { } userId
        && TextRules.FindFault("sub", userId, 1, Caller.UserIdMaximum) is null
            ? userId
            : null;

    /// <summary>The claims are checked after the signature, so a forger learns nothing about them.</summary>
    private static ProblemResult Explain(Exception fault) => fault switch
    {
        SecurityTokenExpiredException => Expired,
        SecurityTokenNotYetValidException => Invalid("It is not valid yet (nbf)."),
        SecurityTokenInvalidLifetimeException => Invalid("Its nbf is after its exp."),
        SecurityTokenNoExpirationException => Invalid("It has no exp."),
        SecurityTokenInvalidAudienceException => Invalid($"Its aud is not {Audience}."),
        SecurityTokenInvalidIssuerException => Invalid("Its iss is another project's."),
        _ => Invalid("Its signature is wrong."),
    };

    internal static ProblemResult KeysAway(int retryAfterSeconds) => new(
        StatusCodes.Status503ServiceUnavailable,
        "token_keys_unavailable",
        "The key that verifies this token is unavailable. Try again.",
        RetryAfterSeconds: retryAfterSeconds);

    internal static ProblemResult Invalid(string why) => Problem("invalid_token", $"The token is not valid. {why}");

    private static ProblemResult Problem(string code, string message) => new(StatusCodes.Status401Unauthorized, code, message);
}
