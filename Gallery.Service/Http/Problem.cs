using System.ComponentModel;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Gallery.Service.Limits;
using Gallery.Service.Telemetry;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.WebUtilities;

namespace Gallery.Service.Http;

/// <summary>A failed answer: RFC 9457 problem details, with the envelope's two fields beside them.</summary>
/// <param name="Success">Always false.</param>
/// <param name="Message">A sentence for a person; the same as <c>detail</c>.</param>
/// <param name="Type">A URI reference of the kind of problem: always <c>about:blank</c>. <c>code</c> says more.</param>
/// <param name="Title">The status in words.</param>
/// <param name="Status">The HTTP status.</param>
/// <param name="Detail">What is wrong, and what to do.</param>
/// <param name="Code">The stable word that clients switch on.</param>
/// <param name="TraceId">The id of this request in the service's log.</param>
/// <param name="Errors">What is wrong with each field. Absent if no field is at fault.</param>
/// <param name="Pending">Migrations that the database lacks. Only in a readiness answer.</param>
public sealed record Problem(
    bool Success,
    string Message,
    string Type,
    string Title,
    int Status,
    string Detail,
    string Code,
    string TraceId,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyDictionary<string, string[]>? Errors = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<string>? Pending = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull), Description("If many items were sent, to be done all or none: the first item that failed.")] JsonObject? Item = null)
{
    public const string ContentType = "application/problem+json";
}

/// <summary>A problem as the answer of any request.</summary>
/// <param name="RetryAfterSeconds">Sent as <c>Retry-After</c>; null if a retry would not help.</param>
internal sealed record ProblemResult(
    int Status,
    string Code,
    string Message,
    IReadOnlyDictionary<string, string[]>? Errors = null,
    int? RetryAfterSeconds = null,
    IReadOnlyList<string>? Pending = null,
    JsonObject? Item = null) : IResult
{
    public Task ExecuteAsync(HttpContext httpContext)
    {
        var response = httpContext.Response;
        response.StatusCode = Status;
        AccessLog.SetCode(httpContext, Code);
        RequestTags.SetCode(httpContext, Code);
        response.Headers.CacheControl = "no-store";
        // The exception handler cleared these two.
        response.Headers[RequestIds.Header] = RequestIds.Find(httpContext);
        BrowserHeaders.Set(response.Headers);
        if (Status == StatusCodes.Status408RequestTimeout) response.Headers.Connection = "close";   // RFC 9110, section 15.5.9
        if (Code == ProblemExceptionHandler.ShuttingDown.Code) response.Headers.Connection = "close";   // the stop may have started after the request
        LetBodyRunOut(httpContext);
        if (RetryAfterSeconds is { } seconds)
            response.Headers.RetryAfter = seconds.ToString(System.Globalization.CultureInfo.InvariantCulture);

        return response.WriteAsJsonAsync(ToBody(httpContext.TraceIdentifier), options: null, Problem.ContentType, CancellationToken.None);   // a caller that disconnected is not a failure
    }

    public Problem ToBody(string traceId) =>
        new(false, Message, "about:blank", ReasonPhrases.GetReasonPhrase(Status), Status, Message, Code, traceId, Errors, Pending, Item);

    private const long MostOfUnread = 16 * 1024 * 1024;   // of a chunked body, which has no length: twice the largest batch

    /// <summary>
    /// A client that is cut off while sending sees no answer. So Kestrel reads past its limit, for at most 5 s, and discards the bytes. The
    /// connection closes afterwards, and the answer says so, so that the client does not send its next request there. So does the answer to a large body that
    /// was not read, because clients then stop sending.
    /// </summary>
    private void LetBodyRunOut(HttpContext http)
    {
        var bound = http.Features.Get<IHttpMaxRequestBodySizeFeature>();
        var isTooLarge = Status == StatusCodes.Status413PayloadTooLarge || http.Request.ContentLength > bound?.MaxRequestBodySize;
        if (!isTooLarge && !BodyLimit.IsLeft(http)) return;
        http.Response.Headers.Connection = "close";
        if (bound is { IsReadOnly: false, MaxRequestBodySize: { } most }) bound.MaxRequestBodySize = isTooLarge ? null : Math.Max(most, MostOfUnread);
    }
}
