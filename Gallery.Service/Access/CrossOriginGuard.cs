using Gallery.Service.Http;
using Gallery.Sql.Database;
using Microsoft.Net.Http.Headers;

namespace Gallery.Service.Access;

/// <summary>
/// Refuses requests that pages of other origins send with a method that changes something. CORS only hides the answer of such a request, and
/// some need no preflight. The rules are those of Go's <c>http.CrossOriginProtection</c>: browsers say where a request comes from in
/// <c>Sec-Fetch-Site</c>, older ones in <c>Origin</c>. Other callers send neither.
/// </summary>
internal sealed partial class CrossOriginGuard(RequestDelegate next, AllowedOrigins origins, LogLimit limit, ILogger<CrossOriginGuard> log)
{
    internal static readonly ProblemResult Forbidden = new(
        StatusCodes.Status403Forbidden, "forbidden_origin", "Pages of another origin may not send this. GALLERY_CORS_ORIGINS lists the ones that may.");

    /// <summary>Replaces the route's endpoint, so that the rate limit counts the refusal.</summary>
    private static readonly Endpoint Refusal = new(Forbidden.ExecuteAsync, metadata: null, displayName: Forbidden.Code);

    public Task InvokeAsync(HttpContext http)
    {
        var headers = http.Request.Headers;
        var (origin, site) = (headers.Origin.ToString(), headers["Sec-Fetch-Site"].ToString());
        var isAllowed = !origins.IsEmpty && origins.Contains(origin);
        if (!origins.IsEmpty && !isAllowed) http.Response.Headers.Append(HeaderNames.Vary, HeaderNames.Origin);   // CORS adds it for the allowed ones
        if (isAllowed || origin.Length + site.Length == 0 || IsOwn(http.Request.Host, origin, site)) return next(http);

        if (origin.Length > 0 && limit.MayWrite(Forbidden.Code, out var leftOut)) LogRefused(AllowedOrigins.IsOrigin(origin) ? LogText.Word(origin) : "a malformed origin", leftOut);
        if (!IsSafe(http.Request.Method)) http.SetEndpoint(Refusal);
        return next(http);
    }

    /// <summary>The methods of RFC 9110, section 9.2.1, that the service has.</summary>
    public static bool IsSafe(string method) => method is "GET" or "HEAD" or "OPTIONS";

    private static bool IsOwn(HostString host, string origin, string site) => site switch
    {
        "same-origin" or "none" => true,   // none: the person themselves, by the address bar or a bookmark
        "" => Uri.TryCreate(origin, UriKind.Absolute, out var uri)
            && uri.Host.Equals(host.Host, StringComparison.OrdinalIgnoreCase)
            && (host.Port is { } port ? port == uri.Port : uri.IsDefaultPort),   // the scheme is unknown behind a proxy
        _ => false,
    };

    [LoggerMessage(LogLevel.Information, "Pages of {Origin} may not call. To allow them, add it to GALLERY_CORS_ORIGINS; {LeftOut} similar lines suppressed")]
    private partial void LogRefused(string origin, int leftOut);
}
