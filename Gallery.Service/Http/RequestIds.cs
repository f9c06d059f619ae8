using System.Buffers;
using System.Diagnostics;
using Gallery.Service.Access;

namespace Gallery.Service.Http;

/// <summary>
/// Sets <see cref="HttpContext.TraceIdentifier"/> to the trace id of <c>traceparent</c>, or to a new one. Every answer has an
/// <c>X-Request-Id</c>: the one that was sent, or the trace id. A credential that was sent there by mistake is not used, because logs show it. It also has the <see cref="BrowserHeaders"/>.
/// </summary>
internal sealed class RequestIds(RequestDelegate next, IHostApplicationLifetime lifetime)
{
    public const string Header = "X-Request-Id";
    private const int MaximumLength = 128;

    // The characters of a token (RFC 9110, section 5.6.2) are safe in a log, a header and a URL.
    private static readonly SearchValues<char> Token =
        SearchValues.Create("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

    public Task InvokeAsync(HttpContext http)
    {
        http.TraceIdentifier = FindTraceId(http);
        BrowserHeaders.Set(http.Response.Headers);
        http.Response.Headers[Header] = Find(http);
        if (lifetime.ApplicationStopping.IsCancellationRequested) http.Response.Headers.Connection = "close";
        return next(http);
    }

    /// <summary>The answer's <c>X-Request-Id</c>.</summary>
    public static string Find(HttpContext http) =>
        http.Request.Headers.TryGetValue(Header, out var sent) && sent is [{ Length: > 0 and <= MaximumLength } id] && !id.AsSpan().ContainsAnyExcept(Token) && !Authentication.LooksLikeCredential(id)
            ? id
            : http.TraceIdentifier;

    private static string FindTraceId(HttpContext http)
    {
        if (Activity.Current is { IdFormat: ActivityIdFormat.W3C } activity) return activity.TraceId.ToHexString();   // traces are collected
        return http.Request.Headers.TraceParent is [{ } parent] && ActivityContext.TryParse(parent, null, out var context)
            ? context.TraceId.ToHexString()
            : ActivityTraceId.CreateRandom().ToHexString();
    }
}
