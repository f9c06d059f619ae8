using Gallery.Sql.Database;
using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace Gallery.Service.Http;

/// <summary>The headers If-Match and If-None-Match (RFC 9110, section 13.1). A tag's text is a row's version.</summary>
internal static class Conditions
{
    /// <summary>The preconditions of a write. A malformed header is an error.</summary>
    public static Preconditions Read(HttpRequest request, FieldErrors errors) =>
        new(Read(HeaderNames.IfMatch, request.Headers.IfMatch, isStrong: true, errors), Read(HeaderNames.IfNoneMatch, request.Headers.IfNoneMatch, isStrong: false, errors));

    /// <summary>Whether If-None-Match names this version, by the weak comparison of RFC 9110, section 13.1.2.</summary>
    public static bool Matches(StringValues ifNoneMatch, string version) =>
        EntityTagHeaderValue.TryParseList(ifNoneMatch, out var tags) && tags.Any(tag => tag.Tag == "*" || tag.Tag == $"\"{version}\"");

    public static ProblemResult Malformed(string name) => FieldErrors.Of(name, $"{name} is not a list of entity tags. Send an ETag with its quotes, or *.");

    /// <summary>If-Match compares strongly, so a weak tag matches nothing there. A star in quotes is a tag that no version has.</summary>
    private static string? Read(string name, StringValues header, bool isStrong, FieldErrors errors)
    {
        if (header.Count == 0) return null;
        if (!EntityTagHeaderValue.TryParseStrictList(header, out var tags) || (tags.Count > 1 && tags.Contains(EntityTagHeaderValue.Any)))
        {
            errors.Add(name, Malformed(name).Message);
            return null;
        }

        return tags.Contains(EntityTagHeaderValue.Any)
            ? "*"
            : string.Join(',', tags.Where(tag => !(isStrong && tag.IsWeak)).Select(tag => tag.Tag.ToString().Trim('"')).Where(tag => tag != "*" && !tag.Contains(',', StringComparison.Ordinal)));
    }
}
