using System.Text;
using System.Text.Unicode;
using Gallery.Service.Limits;
using Microsoft.Net.Http.Headers;

namespace Gallery.Service.Http;

/// <summary>Reads a request's body as UTF-8 bytes of a JSON media type.</summary>
internal static class JsonBody
{
    /// <summary>The problem of another media type; also the example in the OpenAPI document.</summary>
    public static readonly ProblemResult NotJson = UnsupportedMediaType([MediaType]);

    private const string MediaType = "application/json";

    /// <summary>The body, or the problem to answer with. The bytes may be used until the answer is collected.</summary>
    /// <param name="mediaTypes">The accepted media types; by default <c>application/json</c>.</param>
    public static Task<(ReadOnlyMemory<byte> Json, ProblemResult? Problem)> ReadAsync(HttpRequest request, CancellationToken ct, params string[] mediaTypes) =>
        ReadAsync(request, hasPlace: false, ct, mediaTypes);

    /// <param name="hasPlace">As <see cref="BodyLimit.ReadAsync"/> has it.</param>
    /// <inheritdoc cref="ReadAsync(HttpRequest, CancellationToken, string[])"/>
    public static async Task<(ReadOnlyMemory<byte> Json, ProblemResult? Problem)> ReadAsync(HttpRequest request, bool hasPlace, CancellationToken ct, params string[] mediaTypes)
    {
        if (FindTypeFault(request, mediaTypes is [] ? [MediaType] : mediaTypes) is { } fault) return (default, fault);
        if (await BodyLimit.ReadAsync(request, ct, hasPlace) is not { } json) return (default, BodyLimit.TooLarge(request.HttpContext));

        if (!Utf8.IsValid(json.Span)) return (default, Invalid("The body is not valid UTF-8. Encode it as UTF-8."));
        return (json.Span.StartsWith(Encoding.UTF8.Preamble) ? json[Encoding.UTF8.Preamble.Length..] : json, null);
    }

    /// <summary>The problem of a body that has none of these media types, or is compressed. Null if there is none.</summary>
    public static ProblemResult? FindTypeFault(HttpRequest request, params string[] mediaTypes) =>
        request.Headers.ContentEncoding is not [] && !"identity".Equals(request.Headers.ContentEncoding, StringComparison.OrdinalIgnoreCase) ? UnsupportedCoding(request.HttpContext.Response)
        : IsUtf8(request.ContentType, mediaTypes) ? null : UnsupportedMediaType(request.HttpContext.Response, mediaTypes);

    /// <summary>415 with <c>Accept</c>, which tells the caller the accepted media types (RFC 9110, section 15.5.16). For PATCH also <c>Accept-Patch</c> (RFC 5789, section 2.2).</summary>
    public static ProblemResult UnsupportedMediaType(HttpResponse response, params IReadOnlyList<string> mediaTypes)
    {
        response.Headers.Accept = string.Join(", ", mediaTypes);
        if (HttpMethods.IsPatch(response.HttpContext.Request.Method)) response.Headers["Accept-Patch"] = response.Headers.Accept;
        return UnsupportedMediaType(mediaTypes);
    }

    public static ProblemResult Invalid(string message) => new(StatusCodes.Status400BadRequest, "invalid_json", message);

    private static ProblemResult UnsupportedMediaType(IReadOnlyList<string> mediaTypes) =>
        Unsupported($"Send the body in UTF-8 with Content-Type: {string.Join(" or ", mediaTypes)}.");

    private static ProblemResult UnsupportedCoding(HttpResponse response)
    {
        response.Headers.AcceptEncoding = "identity";
        return Unsupported("Compressed bodies are not accepted. Send the body without Content-Encoding.");
    }

    private static ProblemResult Unsupported(string message) => new(StatusCodes.Status415UnsupportedMediaType, "unsupported_media_type", message);

    private static bool IsUtf8(string? contentType, string[] mediaTypes) =>
        MediaTypeHeaderValue.TryParse(contentType, out var type)
        && mediaTypes.Any(accepted => type.MediaType.Equals(accepted, StringComparison.OrdinalIgnoreCase))
        && (!type.Charset.HasValue || HeaderUtilities.RemoveQuotes(type.Charset).Equals("utf-8", StringComparison.OrdinalIgnoreCase));
}
