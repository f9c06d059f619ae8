using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.WebUtilities;

namespace Gallery.Service.Http;

/// <summary>A failed answer: RFC 9457 problem details, with the envelope's two fields beside them.</summary>
/// <param name="Success">Always false.</param>
/// <param name="Message">A sentence for a person; the same as <c>detail</c>.</param>
/// <param name="Type">A URI reference of the kind of problem: always <c>about:blank</c>. <c>code</c> says more.</param>
/// <param name="Title">The status in words.</param>
/// <param name="Status">The HTTP status.</param>
/// <param name="Detail">What went wrong here, and what to do.</param>
/// <param name="Code">The stable word that a client switches on.</param>
/// <param name="TraceId">Names this request in the service's log.</param>
/// <param name="Errors">A field's name to what is wrong with it. Absent where no field is to blame.</param>
/// <param name="Pending">Scripts the database has not had. Only in a readiness answer.</param>
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
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<string>? Pending = null)
{
    public const string ContentType = "application/problem+json";
}

/// <summary>What went wrong, before it meets the request that it is told to.</summary>
/// <param name="RetryAfterSeconds">Sent as <c>Retry-After</c>; null where trying again would not help.</param>
internal sealed record ProblemResult(
    int Status,
    string Code,
    string Message,
    IReadOnlyDictionary<string, string[]>? Errors = null,
    int? RetryAfterSeconds = null,
    IReadOnlyList<string>? Pending = null) : IResult
{
    public Task ExecuteAsync(HttpContext httpContext)
    {
        var response = httpContext.Response;
        response.StatusCode = Status;
        response.Headers.CacheControl = "no-store";
        response.Headers[RequestIds.Header] = RequestIds.Find(httpContext);   // an exception has cleared it
        if (Status == StatusCodes.Status408RequestTimeout) response.Headers.Connection = "close";   // RFC 9110, section 15.5.9
        if (Code == ProblemExceptionHandler.ShuttingDown.Code) response.Headers.Connection = "close";   // the stop may have come after the request
        LetBodyRunOut(httpContext);
        if (RetryAfterSeconds is { } seconds)
            response.Headers.RetryAfter = seconds.ToString(System.Globalization.CultureInfo.InvariantCulture);

        return response.WriteAsJsonAsync(ToBody(httpContext.TraceIdentifier), options: null, Problem.ContentType, CancellationToken.None);   // a caller who has left is no failure
    }

    public Problem ToBody(string traceId) =>
        new(false, Message, "about:blank", ReasonPhrases.GetReasonPhrase(Status), Status, Message, Code, traceId, Errors, Pending);

    /// <summary>
    /// A client that is cut off while it sends sees no answer, so Kestrel may read on past its bound and throw away what it reads: for
    /// 5 s at most, and since the connection is closed then, the answer says so, lest the next request be sent there.
    /// </summary>
    private void LetBodyRunOut(HttpContext http)
    {
        var bound = http.Features.Get<IHttpMaxRequestBodySizeFeature>();
        if (Status != StatusCodes.Status413PayloadTooLarge && !(http.Request.ContentLength > bound?.MaxRequestBodySize)) return;
        http.Response.Headers.Connection = "close";
        if (bound is { IsReadOnly: false }) bound.MaxRequestBodySize = null;
    }
}
