using Microsoft.AspNetCore.Http.Features;

namespace Gallery.Service.Http;

/// <summary>
/// Rejects paths with a segment <c>.</c> or <c>..</c>, percent-encoded or not. The server removes such segments before routing. So
/// <c>DELETE …/part/../</c> would delete the whole.
/// </summary>
internal static class DotSegments
{
    private static readonly ProblemResult Rejected = new(400, "bad_request", "The path has a segment '.' or '..'. A URL cannot name these. Send another path.");

    /// <summary>Middleware. Must come before anything that acts on the path.</summary>
    public static Task RejectAsync(HttpContext http, RequestDelegate next) =>
        HasOne(http.Features.Get<IHttpRequestFeature>()?.RawTarget) ? Rejected.ExecuteAsync(http) : next(http);

    internal static bool HasOne(ReadOnlySpan<char> target)
    {
        var path = target.IndexOf('?') is >= 0 and var query ? target[..query] : target;
        foreach (var segment in path.Split('/'))
            if (IsDots(path[segment]))
                return true;
        return false;
    }

    private static bool IsDots(ReadOnlySpan<char> segment)
    {
        var dots = 0;
        for (; segment.Length > 0; dots++)
        {
            if (segment[0] == '.') segment = segment[1..];
            else if (segment.StartsWith("%2E", StringComparison.OrdinalIgnoreCase)) segment = segment[3..];
            else return false;
        }

        return dots is 1 or 2;
    }
}
