using System.Diagnostics;
using OpenTelemetry;

namespace Gallery.Service.Telemetry;

/// <summary>
/// Keeps only those tags of a request's span that have few values and identify nobody. The framework also records the path, which contains ids, and
/// the query, host and user agent, which are whatever a client sends.
/// </summary>
internal sealed class SpanTags : BaseProcessor<Activity>
{
    private static readonly HashSet<string> Kept =
        ["http.request.method", "http.route", "http.response.status_code", "url.scheme", "network.protocol.version", "error.type"];

    public override void OnEnd(Activity data)
    {
        if (data.Kind != ActivityKind.Server) return;
        foreach (var (name, _) in data.TagObjects.ToArray())
            if (!Kept.Contains(name)) data.SetTag(name, null);
    }
}
