using System.Diagnostics;
using Gallery.Service.Access;
using Gallery.Service.Http;
using Gallery.Service.Limits;
using Gallery.Sql.Database;

namespace Gallery.Service.Telemetry;

/// <summary>
/// Writes one line for each request that has been answered or whose caller has left, if <c>GALLERY_ACCESS_LOG</c> is on. Must be the first middleware.
/// The probes and <c>/metrics</c> have no line, because they are called all the time. They are the routes without a rate limit.
/// </summary>
internal sealed partial class AccessLog(RequestDelegate next, ILoggerFactory logs)
{
    public const string Category = "Gallery.Access";

    /// <summary>Stands for a missing value.</summary>
    public const string None = "-";

    private const string Setting = "GALLERY_ACCESS_LOG";

    private readonly ILogger _log = logs.CreateLogger(Category);

    /// <exception cref="SettingsException">The setting is neither on nor off.</exception>
    public static bool IsOn(IConfiguration settings) => settings.Find(Setting) switch
    {
        null or "off" => false,
        "on" => true,
        _ => throw new SettingsException($"{Setting} takes on or off."),
    };

    /// <summary>Adds to the line of this request the id of its row, if the path does not contain it.</summary>
    public static void SetId(HttpContext http, Guid id)
    {
        if (http.Features.Get<Entry>() is { } entry) entry.Id = id;
    }

    /// <summary>Adds to the line of this request the code of its failure.</summary>
    public static void SetCode(HttpContext http, string code)
    {
        if (http.Features.Get<Entry>() is { } entry) entry.Code = code;
    }

    public static string NameOf(Caller caller) => caller.Name is { } name ? LogText.Word(name) : "anonymous";

    public Task InvokeAsync(HttpContext http) =>
        http.GetEndpoint()?.Metadata.GetMetadata<Probe>() is null ? WriteAsync(http) : next(http);

    private async Task WriteAsync(HttpContext http)
    {
        var start = Stopwatch.GetTimestamp();
        // Taken now, because a refusal or a failure removes the endpoint and its values.
        var route = (http.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText ?? None;
        var entry = new Entry { Id = FindId(http.Request.RouteValues) };
        http.Features.Set(entry);
        try
        {
            await next(http);
        }
        finally
        {
            var hasLeft = !http.Response.HasStarted && http.RequestAborted.IsCancellationRequested;
            Log(
                LogText.Word(TextRules.Clip(http.Request.Method, 30)), route, hasLeft ? StatusCodes.Status499ClientClosedRequest : http.Response.StatusCode, entry.Code,
                Math.Round(Stopwatch.GetElapsedTime(start).TotalMilliseconds, 3), NameOf(http.Caller()), entry.Id?.ToString() ?? None, http.TraceIdentifier, RequestIds.Find(http));
        }
    }

    private static Guid? FindId(RouteValueDictionary values)
    {
        foreach (var (name, value) in values)
            if (name != "user_id" && value is string text && UuidRouteConstraint.IsUuid(text)) return Guid.ParseExact(text, "D");
        return null;
    }

    [LoggerMessage(LogLevel.Information, "method={Method} route={Route} status={Status} code={Code} ms={Milliseconds} caller={Caller} id={Id} trace_id={TraceId} request_id={RequestId}")]
    private partial void Log(string method, string route, int status, string code, double milliseconds, string caller, string id, string traceId, string requestId);

    private sealed class Entry
    {
        public Guid? Id { get; set; }

        public string Code { get; set; } = None;
    }
}
