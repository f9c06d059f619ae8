using Microsoft.AspNetCore.Http.Extensions;

namespace Gallery.Service.Http;

/// <summary>URLs of this service as its callers see them.</summary>
internal static class PublicUrl
{
    // Headers repeat both, and proxies limit the headers of an answer.
    private const int LongestHost = 260;   // 253 characters of a name (RFC 1035), and a port
    private const int LongestPrefix = 255;

    private static readonly string[] OfProxies = ["X-Original-", "CF-", "Fastly-", "X-Azure-", "X-Envoy-"];

    /// <summary>
    /// The absolute URL of a path, because some clients do not resolve relative ones: <c>requests.get(response.links['next']['url'])</c>.
    /// Behind a proxy that is not trusted, or did not send its scheme, it is the path alone. A guessed http:// could expose a caller's key.
    /// </summary>
    /// <param name="path">From <c>/v1/</c>, without the proxy's prefix.</param>
    public static string UrlOf(this HttpContext http, string path, QueryString query = default)
    {
        var request = http.Request;
        if (request.PathBase.Value is { } prefix && (prefix.StartsWith("//", StringComparison.Ordinal) || prefix.Length > LongestPrefix)) request.PathBase = "";   // the slashes would name a host
        return !request.Host.HasValue || request.Host.Value.Length > LongestHost || request.Scheme is not ("http" or "https") || IsProxied(request) && !request.Headers.ContainsKey("X-Original-Proto")   // set when X-Forwarded-Proto was trusted
            ? request.PathBase.Add(path).ToUriComponent() + query
            : UriHelper.BuildAbsolute(request.Scheme, request.Host, request.PathBase, path, query);
    }

    /// <summary>
    /// Whether a proxy passed the request on. A header that proxies add is enough, because a caller has no reason to send one. <c>X-Amzn-Trace-Id</c> is not
    /// one of them, because AWS's SDKs send it too. Amazon's proxies also send <c>X-Forwarded-For</c>.
    /// </summary>
    public static bool IsProxied(HttpRequest request) => request.Headers.Keys.Any(name =>
        name.Contains("Forwarded", StringComparison.OrdinalIgnoreCase)
        || name.EndsWith("-IP", StringComparison.OrdinalIgnoreCase)
        || name.Equals("Via", StringComparison.OrdinalIgnoreCase)
        || Array.Exists(OfProxies, prefix => name.StartsWith(prefix, StringComparison.OrdinalIgnoreCase)));
}
