using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Text;
using System.Text.RegularExpressions;
using System.Text.Unicode;

namespace Gallery.Service.Images;

/// <summary>
/// An absolute http or https URL by RFC 3986, with RFC 3987's raw letters. <see cref="Uri"/> is too lenient: it reads
/// <c>//host/path</c> as a file, trims, and accepts <c>%ZZ</c>.
/// </summary>
/// <param name="Host">As written, in any case. Percent-encoding is kept, and an IPv6 address has its brackets.</param>
/// <param name="HasDefaultPort">No port, an empty one, or the scheme's default (RFC 3986, section 3.2.3).</param>
/// <param name="Segments">
/// The path, split and then percent-decoded once, so a segment may contain a slash. Never empty: without a path there is one
/// empty segment. Dot segments are kept.
/// </param>
internal sealed partial record HttpUrl(string Host, bool HasDefaultPort, string[] Segments)
{
    /// <param name="wrong">What is wrong, then what to do. Never contains the query, which may hold a token.</param>
    public static bool TryParse(string url, [NotNullWhen(true)] out HttpUrl? parsed, [NotNullWhen(false)] out string? wrong)
    {
        parsed = null;
        wrong = null;
        var components = Components().Match(url);
        var authority = components.Groups["authority"].Value;
        var hostAndPort = Authority().Match(authority);
        var segments = components.Groups["path"].Value.Split('/');
        if (BadCharacter().Match(url) is { Success: true, Index: var at })
            wrong = $"The URL contains an invalid U+{(int)url[at]:X4} at position {at + 1}. Remove or percent-encode it.";
        else if (!components.Success)
            wrong = "The URL does not begin with http:// or https://. Send the secure_url that Cloudinary returned.";
        else if (authority.Contains('@'))
            wrong = "The URL has a user name before its host. Remove everything up to the '@'.";
        else if (!hostAndPort.Success)
            wrong = "The URL has no valid host and port. Begin it with https://res.cloudinary.com/.";
        else if (!TryDecode(segments))
            wrong = "The URL's path contains a control character or is not UTF-8. Remove or re-encode that character.";

        if (wrong is not null)
            return false;

        var port = hostAndPort.Groups["port"].Value;
        var defaultPort = components.Groups["tls"].Success ? "443" : "80";
        parsed = new HttpUrl(hostAndPort.Groups["host"].Value, port.Length == 0 || port.TrimStart('0') == defaultPort, segments);
        return true;
    }

    /// <summary>Decodes the segments in place. Returns false for bytes that are not UTF-8, and for control characters.</summary>
    private static bool TryDecode(string[] segments)
    {
        for (var i = 0; i < segments.Length; i++)
        {
            // WebUtility decodes '+' to a space, which is right for forms alone.
            var encoded = Encoding.UTF8.GetBytes(segments[i].Replace("+", "%2B", StringComparison.Ordinal));
            var bytes = WebUtility.UrlDecodeToBytes(encoded, 0, encoded.Length);
            segments[i] = Encoding.UTF8.GetString(bytes);
            if (!Utf8.IsValid(bytes) || segments[i].Any(char.IsControl))
                return false;
        }

        return true;
    }

    // White space, controls, half a surrogate pair, a '%' without two hexadecimal digits, and what RFC 3986 allows nowhere. Square
    // brackets pass, because browsers send them raw.
    [GeneratedRegex("""[\s\p{Cc}"<>\\^`{|}]|%(?![0-9A-Fa-f]{2})|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]""")]
    private static partial Regex BadCharacter();

    // RFC 3986, appendix B. IgnoreCase would match letters that are not ASCII.
    [GeneratedRegex(@"\A[Hh][Tt][Tt][Pp](?<tls>[Ss])?://(?<authority>[^/?#]*)(/(?<path>[^?#]*))?", RegexOptions.ExplicitCapture)]
    private static partial Regex Components();

    [GeneratedRegex(@"\A(?<host>\[[^\[\]]+\]|[^\[\]:]+)(:(?<port>[0-9]*))?\z", RegexOptions.ExplicitCapture)]
    private static partial Regex Authority();
}
