using Gallery.Service.Http;
using Gallery.Sql.Database;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Gallery.Service.Access;

/// <summary>
/// The JWTs of Supabase's users. Supabase Auth signs them with the project's secret (HS256) or with its private keys (ES256, RS256). The
/// user is the token's <c>sub</c>. Its <c>role</c> grants nothing here.
/// </summary>
internal sealed class UserTokens : IDisposable
{
    private const string Audience = "authenticated";
    private const int RetryAfterSeconds = 2;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);   // every answer must come within 3 s
    private static readonly TimeSpan ClockSkew = TimeSpan.FromSeconds(30);
    private static readonly JsonWebTokenHandler Handler = new() { MapInboundClaims = false };

    internal static readonly ProblemResult KeysAway = new(
        StatusCodes.Status503ServiceUnavailable,
        "token_keys_unavailable",
        "The keys that verify users' tokens are unavailable. Try again.",
        RetryAfterSeconds: RetryAfterSeconds);

    internal static readonly ProblemResult Expired = Problem("expired_token", "The token has expired. Refresh the session or sign in again.");

    private readonly string _issuer;
    private readonly SecurityKey? _secret;
    private readonly SigningKeys? _keys;
    private readonly string[] _algorithms;

    public UserTokens(TokenIssuer issuer, TimeProvider time, ILogger<UserTokens> log)
    {
        _issuer = issuer.Name;
        if (issuer.Secret is not null) _secret = new SymmetricSecurityKey(issuer.Secret);
        else _keys = new SigningKeys(new Uri($"{issuer.Name}/.well-known/jwks.json"), Patience, time, log);
        // Only one family, because with both an attacker could use a public key as the secret.
        _algorithms = _secret is not null ? [SecurityAlgorithms.HmacSha256] : [SecurityAlgorithms.EcdsaSha256, SecurityAlgorithms.RsaSha256];
    }

    /// <summary>The token's user, or the problem with the token.</summary>
    public async ValueTask<(Caller? Caller, ProblemResult? Problem)> FindAsync(string text, CancellationToken ct)
    {
        JsonWebToken token;
        try
        {
            token = Handler.ReadJsonWebToken(text);
        }
        catch (ArgumentException)   // the text is not a JWT
        {
            return (null, Invalid("It is not a JWT."));
        }

        var key = _secret ?? await _keys!.FindAsync(token.Kid ?? "", ct);
        if (key is null) return (null, _keys!.AreKnown ? Invalid("Its key (kid) is unknown to the issuer.") : KeysAway);

        var result = await Handler.ValidateTokenAsync(token, RulesWith(key));
        if (!result.IsValid) return (null, Explain(result.Exception));

        return FindUserId(token) is { } userId
            ? (Caller.User(userId), null)
            : (null, Invalid($"Its sub is no user_id: 1 to {Caller.UserIdMaximum} characters."));
    }

    public void Dispose() => _keys?.Dispose();

    private TokenValidationParameters RulesWith(SecurityKey key) => new()
    {
        IssuerSigningKey = key,
        ValidAlgorithms = _algorithms,
        ValidIssuer = _issuer,
        ValidAudience = Audience,
        ClockSkew = ClockSkew,
        RequireSignedTokens = true,
        RequireExpirationTime = true,
    };

    private static string? FindUserId(JsonWebToken token) =>
        token.TryGetPayloadValue<string>(JwtRegisteredClaimNames.Sub, out var userId)
        && userId is not null
        && TextRules.FindFault("sub", userId, 1, Caller.UserIdMaximum) is null
            ? userId
            : null;

    /// <summary>The claims are checked after the signature, so a forger learns nothing about them.</summary>
    private static ProblemResult Explain(Exception fault) => fault switch
    {
        SecurityTokenExpiredException => Expired,
        SecurityTokenNotYetValidException => Invalid("It is not valid yet (nbf)."),
        SecurityTokenNoExpirationException => Invalid("It has no exp."),
        SecurityTokenInvalidAudienceException => Invalid($"Its aud is not {Audience}."),
        SecurityTokenInvalidIssuerException => Invalid("Its iss is another project's."),
        _ => Invalid("Its signature or alg is wrong."),
    };

    internal static ProblemResult Invalid(string why) => Problem("invalid_token", $"The token is not valid. {why}");

    private static ProblemResult Problem(string code, string message) => new(StatusCodes.Status401Unauthorized, code, message);
}
