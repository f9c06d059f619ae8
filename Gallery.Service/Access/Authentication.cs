using Gallery.Service.Http;
using Gallery.Sql.Database;

namespace Gallery.Service.Access;

/// <summary>
/// Sets the request's <see cref="Caller"/> from its credentials. Answers 401 if the endpoint needs credentials and they are missing or wrong.
/// Not registered if the service needs none.
/// </summary>
internal sealed class Authentication(RequestDelegate next, ServiceKeys keys, UserTokens? tokens = null)
{
    public const string KeyHeader = "X-API-Key";

    private const string Challenge = "Bearer realm=\"gallery\"";
    private const string BearerScheme = "Bearer ";

    internal static readonly ProblemResult Missing = new(
        StatusCodes.Status401Unauthorized,
        "missing_credentials",
        "Credentials are missing. Send a service key or a user's token as Authorization: Bearer ….");

    internal static readonly ProblemResult Several = new(
        StatusCodes.Status400BadRequest, "several_credentials", "Authorization and X-API-Key hold different credentials. Send one of them.");

    internal static readonly ProblemResult InvalidKey = new(
        StatusCodes.Status401Unauthorized, "invalid_key", "The service key is unknown. Send a current one.");

    /// <summary>Whether a text may contain a service key or a JWT.</summary>
    public static bool LooksLikeCredential(string text) => text.Contains(ServiceKeys.Prefix, StringComparison.Ordinal) || text.Contains("eyJ", StringComparison.Ordinal);   // {" in Base64

    public Task InvokeAsync(HttpContext http)
    {
        var isSingle = TryRead(http.Request.Headers, out var credential, out var isBearer);
        var key = isSingle && !credential.IsEmpty ? keys.Find(credential) : null;
        http.Features.Set(key ?? Caller.Stranger);
        if (key is not null || !Permissions.AsksForCredentials(http.GetEndpoint())) return next(http);

        if (!isSingle) return RefuseAsync(http, Several, "invalid_request");
        if (credential.IsEmpty) return RefuseAsync(http, Missing, error: null);
        return isBearer && tokens is not null && !ServiceKeys.HasPrefix(credential)
            ? CheckTokenAsync(http, tokens, credential.ToString())
            : RefuseAsync(http, InvalidKey, "invalid_token");
    }

    private async Task CheckTokenAsync(HttpContext http, UserTokens users, string token)
    {
        var (caller, problem) = await users.FindAsync(token, http.RequestAborted);
        if (caller is null)
        {
            await RefuseAsync(http, problem!, "invalid_token");
            return;
        }

        http.Features.Set(caller);
        await next(http);
    }

    /// <summary>The refusal replaces the endpoint, so that the rate limit counts it by address.</summary>
    private Task RefuseAsync(HttpContext http, ProblemResult problem, string? error)
    {
        http.SetEndpoint(new Endpoint(refused => AnswerAsync(refused, problem, error), metadata: null, displayName: problem.Code));
        return next(http);
    }

    /// <summary>Adds the challenge of RFC 6750, section 3. It has no error if no credential was sent.</summary>
    private static Task AnswerAsync(HttpContext http, ProblemResult problem, string? error)
    {
        if (problem.Status != StatusCodes.Status503ServiceUnavailable)
            http.Response.Headers.WWWAuthenticate = error is null ? Challenge : $"{Challenge}, error=\"{error}\", error_description=\"{problem.Message}\"";
        return problem.ExecuteAsync(http);
    }

    /// <summary>Returns false if the headers contain different credentials. Schemes other than Bearer are ignored.</summary>
    private static bool TryRead(IHeaderDictionary headers, out ReadOnlySpan<char> credential, out bool isBearer)
    {
        credential = default;
        isBearer = false;
        foreach (var value in headers.Authorization)
        {
            if (value is null || !value.StartsWith(BearerScheme, StringComparison.OrdinalIgnoreCase)) continue;
            isBearer = true;
            if (!Add(ref credential, value.AsSpan(BearerScheme.Length))) return false;
        }

        foreach (var value in headers[KeyHeader])
            if (!Add(ref credential, value)) return false;
        return true;
    }

    private static bool Add(ref ReadOnlySpan<char> credential, ReadOnlySpan<char> value)
    {
        value = value.Trim(' ');   // not blanks of Unicode, which belong to no token
        if (value.IsEmpty) return true;
        if (!credential.IsEmpty) return credential.SequenceEqual(value);
        credential = value;
        return true;
    }
}
