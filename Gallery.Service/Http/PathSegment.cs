using Microsoft.AspNetCore.Http.Features;

namespace Gallery.Service.Http;

internal static class PathSegment
{
    /// <summary>The last segment of the path. Routing leaves %2F as it is, because a slash would be another segment. Then the segment is read from the request line.</summary>
    /// <param name="segment">As routing has it.</param>
    public static string DecodeLast(this HttpContext http, string segment)
    {
        if (!segment.Contains('%', StringComparison.Ordinal)) return segment;
        var path = http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget.Split('?')[0].TrimEnd('/');
        return Uri.UnescapeDataString(path[(path.LastIndexOf('/') + 1)..]);
    }
}
