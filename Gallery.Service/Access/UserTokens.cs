using Gallery.Service.Http;
using Gallery.Sql.Database;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Gallery.Service.Access;

/// <summary>
/// The tokens of Supabase's users: JWTs that Supabase Auth signs, either all with the project's secret (HS256) or all with its
/// private keys (ES256, RS256). A user is the token's <c>sub</c>; its <c>role</c> gives no right here.
/// </summary>
internal sealed class UserTokens : IDisposable
{
    private const string Audience = "authenticated";
    private const int RetryAfterSeconds = 2;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);   // a caller is answered within 3
    private static readonly TimeSpan ClockSkew = TimeSpan.FromSeconds(30);
    private static readonly JsonWebTokenHandler Handler = new() { MapInboundClaims = false };

    internal static readonly ProblemResult KeysAway = new(
        StatusCodes.Status503ServiceUnavailable,
        "token_keys_unavailable",
        "The keys that verify users' tokens are unavailable. Try again.",
        RetryAfterSeconds: RetryAfterSeconds);

    internal static readonly ProblemResult Expired = Problem("expired_token", "The token has expired. Refresh the session, or sign in again.");

    private readonly string _issuer;
    private readonly SecurityKey? _secret;
    private readonly SigningKeys? _keys;
    private readonly string[] _algorithms;

    public UserTokens(TokenIssuer issuer, TimeProvider time, ILogger<UserTokens> log)
    {
        _issuer = issuer.Name;
        if (issuer.Secret is not null) _secret = new SymmetricSecurityKey(issuer.Secret);
        else _keys = new SigningKeys(new Uri($"{issuer.Name}/.well-known/jwks.json"), Patience, time, log);
        // One family: with both, a public key could be passed off as the secret.
        _algorithms = _secret is not null ? [SecurityAlgorithms.HmacSha256] : [SecurityAlgorithms.EcdsaSha256, SecurityAlgorithms.RsaSha256];
    }

    /// <summary>Whose token this is, or why it is nobody's.</summary>
    public async ValueTask<(Caller? Caller, ProblemResult? Problem)> FindAsync(string text, CancellationToken ct)
    {
        JsonWebToken token;
        try
        {
            token = Handler.ReadJsonWebToken(text);
        }
        catch (ArgumentException)   // the parser's word for what is no JWT
        {
            return (null, Invalid("It is not a JWT."));
        }

        var key = _secret ?? await _keys!.FindAsync(token.Kid ?? "", ct);
        if (key is null) return (null, _keys!.AreKnown ? Invalid("Its key (kid) is not one of the issuer's.") : KeysAway);

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

    /// <summary>The lifetime and the rest are looked at only once the signature is found good, so a forger learns nothing.</summary>
    private static ProblemResult Explain(Exception fault) => fault switch
    {
        SecurityTokenExpiredException => Expired,
        SecurityTokenNotYetValidException => Invalid("It is not valid yet (nbf)."),
        SecurityTokenNoExpirationException => Invalid("It has no exp."),
        SecurityTokenInvalidAudienceException => Invalid($"Its aud is not {Audience}."),
        SecurityTokenInvalidIssuerException => Invalid("Its iss is not this service's issuer; it may be another project's."),
        _ => Invalid("Its signature, or its alg, is not the issuer's."),
    };

    internal static ProblemResult Invalid(string why) => Problem("invalid_token", $"The token is not valid. {why}");

    private static ProblemResult Problem(string code, string message) => new(StatusCodes.Status401Unauthorized, code, message);
}
