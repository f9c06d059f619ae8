using System.Text;
using System.Text.Unicode;
using Microsoft.Net.Http.Headers;

namespace Gallery.Service.Http;

/// <summary>A request's body as bytes that are JSON by their content type and UTF-8 by their content.</summary>
internal static class JsonBody
{
    public const int MaximumBytes = 256 * 1024;
    private const int PartBytes = 4096;

    /// <summary>The body, or what is wrong with it.</summary>
    public static async Task<(ReadOnlyMemory<byte> Json, ProblemResult? Problem)> ReadAsync(HttpRequest request, CancellationToken ct)
    {
        if (!IsUtf8Json(request)) return (default, UnsupportedMediaType(request.HttpContext.Response));
        if (request.ContentLength > MaximumBytes) return (default, TooLarge);

        using var body = new MemoryStream();
        var part = new byte[PartBytes];
        while (await request.Body.ReadAsync(part, ct) is var read and > 0)
        {
            if (body.Length + read > MaximumBytes) return (default, TooLarge);
            body.Write(part, 0, read);
        }

        var json = body.GetBuffer().AsMemory(0, (int)body.Length);
        if (!Utf8.IsValid(json.Span)) return (default, Invalid("The body is not UTF-8, the only encoding of JSON between systems (RFC 8259, section 8.1)."));
        return (json.Span.StartsWith(Encoding.UTF8.Preamble) ? json[Encoding.UTF8.Preamble.Length..] : json, null);
    }

    public static ProblemResult TooLarge { get; } = new(
        StatusCodes.Status413PayloadTooLarge, "body_too_large", "The body is over 256 KB (262,144 bytes).");

    public static ProblemResult UnsupportedMediaType(HttpResponse response)
    {
        response.Headers.Accept = "application/json";   // in an answer: what would have been taken (RFC 9110, section 12.5.1)
        return new ProblemResult(
            StatusCodes.Status415UnsupportedMediaType,
            "unsupported_media_type",
            "The body must be JSON in UTF-8, sent as Content-Type: application/json and without a Content-Encoding.");
    }

    public static ProblemResult Invalid(string message) => new(StatusCodes.Status400BadRequest, "invalid_json", message);

    private static bool IsUtf8Json(HttpRequest request) =>
        request.HasJsonContentType()
        && (request.Headers.ContentEncoding is [] or ["identity"])
        && MediaTypeHeaderValue.Parse(request.ContentType).Charset is var charset
        && (!charset.HasValue || HeaderUtilities.RemoveQuotes(charset).Equals("utf-8", StringComparison.OrdinalIgnoreCase));
}
