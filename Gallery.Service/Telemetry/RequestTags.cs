using Gallery.Service.Access;
using Gallery.Sql.Database;
using Microsoft.AspNetCore.Http.Features;

namespace Gallery.Service.Telemetry;

/// <summary>Labels that Gallery adds to <c>http_server_request_duration_seconds</c>. Each has few values, and none is what a caller sent.</summary>
internal static class RequestTags
{
    /// <summary>Middleware. Adds the kind of caller: <c>key</c>, <c>user</c> or <c>anonymous</c>.</summary>
    public static async Task AddCallerAsync(HttpContext http, RequestDelegate next)
    {
        try
        {
            await next(http);
        }
        finally
        {
            Set(http, "caller", KindOf(http.Caller()));
        }
    }

    /// <summary>Adds the code of a failure.</summary>
    public static void SetCode(HttpContext http, string code) => Set(http, "code", code);

    /// <summary>Adds what a write did.</summary>
    public static void SetOutcome(HttpContext http, string outcome) => Set(http, "outcome", outcome);

    private static string KindOf(Caller caller) => caller switch
    {
        { Name: null } => "anonymous",
        { UserId: null } => "key",
        _ => "user",
    };

    /// <summary>The last value wins, because Prometheus rejects a label that comes twice.</summary>
    private static void Set(HttpContext http, string name, string value)
    {
        if (http.Features.Get<IHttpMetricsTagsFeature>()?.Tags is not { } tags) return;   // nobody collects metrics
        foreach (var tag in tags.Where(tag => tag.Key == name).ToList()) tags.Remove(tag);
        tags.Add(new(name, value));
    }
}
