using System.Buffers;
using System.Text;
using Gallery.Service.OpenApi;
using Microsoft.AspNetCore.Http.Features;

namespace Gallery.Service.Http;

/// <summary>
/// Rejects a path or a query that is not percent-encoded UTF-8 (RFC 3986, section 2.5). The framework takes an escape literally if it cannot decode it, so a request for
/// the user <c>%FF</c> would reach another one.
/// </summary>
internal static class PercentEncoding
{
    private const string Cure = "Percent-encode UTF-8. A % itself is %25.";
    private const int ShownLength = 12;
    private const int LongestCharacter = 4;

    /// <summary>
    /// Middleware. Must come after CORS, because scripts of pages must be able to read the answer. Routes outside the API ignore their query, so it is not checked there.
    /// </summary>
    public static Task CheckAsync(HttpContext http, RequestDelegate next)
    {
        var target = http.Features.Get<IHttpRequestFeature>()?.RawTarget;
        var isAnswered = http.GetEndpoint() is not (null or RouteEndpoint);   // with 401 or 405
        if (isAnswered || target?.Contains('%', StringComparison.Ordinal) != true) return next(http);

        var (path, query) = target.IndexOf('?', StringComparison.Ordinal) is >= 0 and var mark ? (target[..mark], target[(mark + 1)..]) : (target, "");
        if (FindFault(path) is { } place)
            return new ProblemResult(StatusCodes.Status400BadRequest, "bad_request", $"The path is not UTF-8 at '{Show(path, place)}'. {Cure}").ExecuteAsync(http);

        var errors = new FieldErrors();
        if (http.GetEndpoint()?.Metadata.GetMetadata<AllowedCallers>() is not null) CheckQuery(query, errors);
        return errors.Any ? errors.ToProblem().ExecuteAsync(http) : next(http);
    }

    private static void CheckQuery(string query, FieldErrors errors)
    {
        foreach (var parameter in query.Split('&'))
        {
            var (name, value) = parameter.IndexOf('=', StringComparison.Ordinal) is >= 0 and var end ? (parameter[..end], parameter[(end + 1)..]) : (parameter, "");
            if (FindFault(name) is { } inName)
            {
                errors.Add(TextRules.Clip(name), $"The parameter's name is not UTF-8 at '{Show(name, inName)}'. {Cure}");
            }
            else if (FindFault(value) is { } inValue)
            {
                var decoded = TextRules.Clip(Uri.UnescapeDataString(name.Replace('+', ' ')));
                errors.Add(decoded, $"{decoded} is not UTF-8 at '{Show(value, inValue)}'. {Cure}");
            }
        }
    }

    /// <summary>Where the first <c>%</c> is that does not begin a character. Null if there is none.</summary>
    internal static int? FindFault(ReadOnlySpan<char> text)
    {
        Span<byte> bytes = stackalloc byte[LongestCharacter];
        for (var place = 0; text[place..].IndexOf('%') is >= 0 and var distance;)
        {
            place += distance;
            var count = 0;
            while (count < LongestCharacter && TryReadEscape(text[(place + (3 * count))..], bytes[count..])) count++;
            if (Rune.DecodeFromUtf8(bytes[..count], out _, out var consumed) != OperationStatus.Done) return place;
            place += 3 * consumed;
        }

        return null;
    }

    private static bool TryReadEscape(ReadOnlySpan<char> text, Span<byte> octet) =>
        text is ['%', _, _, ..] && Convert.FromHexString(text[1..3], octet, out _, out _) == OperationStatus.Done;

    private static string Show(string text, int place) => TextRules.Clip(text[place..], ShownLength);
}
