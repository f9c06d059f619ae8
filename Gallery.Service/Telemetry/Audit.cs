using Gallery.Service.Access;
using Gallery.Service.Http;
using Gallery.Sql.Database;

namespace Gallery.Service.Telemetry;

/// <summary>
/// Writes one line for each row that was deleted permanently, whatever <c>GALLERY_LOG_LEVEL</c> is. The line names the caller. It does not name the
/// owner, because a log that keeps user ids would undo the deletion of a person's data.
/// </summary>
internal sealed partial class Audit(ILoggerFactory logs)
{
    public const string Category = "Gallery.Audit";

    private readonly ILogger _log = logs.CreateLogger(Category);

    /// <summary>
    /// Writes the line of this request. Call it when the outcome is known; the caller may have left by then. The argument is false if the database's
    /// answer was lost, so it is unknown whether the row still exists.
    /// </summary>
    public Action<bool> OfDeletion(HttpContext http, Guid id)
    {
        // Not the context itself, which the server uses for the next request.
        var route = (http.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText ?? AccessLog.None;
        var (caller, traceId, requestId) = (AccessLog.NameOf(http.Caller()), http.TraceIdentifier, RequestIds.Find(http));
        return isCertain =>
        {
            if (isCertain) LogDeleted(id, route, caller, traceId, requestId);
            else LogUncertain(id, route, caller, traceId, requestId);
        };
    }

    /// <summary>Writes the line of a deletion that no request asked for.</summary>
    public void Deleted(Guid id, Caller caller) => LogDeleted(id, AccessLog.None, AccessLog.NameOf(caller), AccessLog.None, AccessLog.None);

    [LoggerMessage(LogLevel.Information, "deleted id={Id} route={Route} caller={Caller} trace_id={TraceId} request_id={RequestId}")]
    private partial void LogDeleted(Guid id, string route, string caller, string traceId, string requestId);

    [LoggerMessage(LogLevel.Information, "may have deleted id={Id} route={Route} caller={Caller} trace_id={TraceId} request_id={RequestId}: the database's answer was lost")]
    private partial void LogUncertain(Guid id, string route, string caller, string traceId, string requestId);
}
