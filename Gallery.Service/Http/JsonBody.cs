using System.Text;
using System.Text.Unicode;
using Gallery.Service.Limits;
using Microsoft.Net.Http.Headers;

namespace Gallery.Service.Http;

/// <summary>A request's body as bytes that are JSON by their content type and UTF-8 by their content.</summary>
internal static class JsonBody
{
    /// <summary>The body, or what is wrong with it.</summary>
    public static async Task<(ReadOnlyMemory<byte> Json, ProblemResult? Problem)> ReadAsync(HttpRequest request, CancellationToken ct)
    {
        if (!IsUtf8Json(request)) return (default, UnsupportedMediaType(request.HttpContext.Response));
        if (await BodyLimit.ReadAsync(request, ct) is not { } body) return (default, BodyLimit.TooLarge(request.HttpContext));

        var json = body.GetBuffer().AsMemory(0, (int)body.Length);
        if (!Utf8.IsValid(json.Span)) return (default, Invalid("The body is not UTF-8, the only encoding of JSON between systems (RFC 8259, section 8.1)."));
        return (json.Span.StartsWith(Encoding.UTF8.Preamble) ? json[Encoding.UTF8.Preamble.Length..] : json, null);
    }

    public static readonly ProblemResult NotJson = new(
        StatusCodes.Status415UnsupportedMediaType,
        "unsupported_media_type",
        "The body must be JSON in UTF-8 with Content-Type: application/json and no Content-Encoding.");

    public static ProblemResult UnsupportedMediaType(HttpResponse response)
    {
        response.Headers.Accept = "application/json";   // in an answer: what would have been taken (RFC 9110, section 12.5.1)
        return NotJson;
    }

    public static ProblemResult Invalid(string message) => new(StatusCodes.Status400BadRequest, "invalid_json", message);

    private static bool IsUtf8Json(HttpRequest request) =>
        request.HasJsonContentType()
        && (request.Headers.ContentEncoding is [] or ["identity"])
        && MediaTypeHeaderValue.Parse(request.ContentType).Charset is var charset
        && (!charset.HasValue || HeaderUtilities.RemoveQuotes(charset).Equals("utf-8", StringComparison.OrdinalIgnoreCase));
}
