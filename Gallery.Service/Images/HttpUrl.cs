using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using System.Text.Unicode;

namespace Gallery.Service.Images;

/// <summary>
/// An absolute http or https URL, by RFC 3986 with RFC 3987's raw letters. <see cref="Uri"/> is too lenient to stand in: it
/// takes <c>//host/path</c> for a file, trims, and lets <c>%ZZ</c> pass.
/// </summary>
/// <param name="Host">As written: any case, percent-encoding kept, an IPv6 address in its brackets.</param>
/// <param name="HasDefaultPort">No port, an empty one, or the scheme's own (RFC 3986, section 3.2.3).</param>
/// <param name="Segments">
/// The path, split and then percent-decoded once, so that a segment may hold a slash. Never empty: <c>/</c> and no path at all
/// are one empty segment. Dot segments stand as they are.
/// </param>
internal sealed partial record HttpUrl(string Host, bool HasDefaultPort, string[] Segments)
{
    // What RFC 3986 gives no place outside percent-encoding. Square brackets are not here: browsers send them raw in paths.
    private static readonly SearchValues<char> NeverRaw = SearchValues.Create("\"<>\\^`{|}");

    /// <summary>False with one sentence of what is wrong and the cure, which never holds the query: that may carry a token.</summary>
    public static bool TryParse(string url, [NotNullWhen(true)] out HttpUrl? parsed, [NotNullWhen(false)] out string? wrong)
    {
        parsed = null;
        wrong = FindBadCharacter(url);
        if (wrong is not null)
        {
            return false;
        }

        if (Components().Match(url) is not { Success: true } components)
        {
            wrong = "The URL does not begin with http:// or https://: give the whole URL, as Cloudinary returns it in secure_url.";
            return false;
        }

        var authority = components.Groups["authority"].Value;
        if (authority.Contains('@'))
        {
            wrong = "The URL has a user name before its host: remove everything up to the '@'.";
            return false;
        }

        if (Authority().Match(authority) is not { Success: true } hostAndPort)
        {
            wrong = "The URL names no host, or a broken host or port, after '://': write it as https://res.cloudinary.com/….";
            return false;
        }

        var path = components.Groups["path"].Value;
        var segments = path.Split('/');
        if (path.Contains('%'))
        {
            var bytes = PercentDecode(path);
            if (!Utf8.IsValid(bytes))
            {
                wrong = "The URL's path is percent-encoded from bytes that are not UTF-8: encode it from UTF-8.";
                return false;
            }

            if (Encoding.UTF8.GetString(bytes).Any(char.IsControl))
            {
                wrong = "The URL's path has a percent-encoded control character: remove it.";
                return false;
            }

            segments = Array.ConvertAll(segments, segment => Encoding.UTF8.GetString(PercentDecode(segment)));
        }

        var port = hostAndPort.Groups["port"].Value;
        var defaultPort = components.Groups["tls"].Success ? "443" : "80";
        parsed = new HttpUrl(
            hostAndPort.Groups["host"].Value,
            port.Length == 0 || port.TrimStart('0') == defaultPort,
            segments);
        return true;
    }

    /// <summary>
    /// The URL without every query parameter of that name, compared after percent-decoding and without case; the rest is kept
    /// to the letter, but for a <c>?</c> with nothing left after it.
    /// </summary>
    public static string RemoveQueryParameter(string url, string name)
    {
        var fragment = url.IndexOf('#', StringComparison.Ordinal);
        var end = fragment < 0 ? url.Length : fragment;
        var query = url.IndexOf('?', 0, end);
        if (query < 0)
        {
            return url;
        }

        var parameters = url[(query + 1)..end].Split('&');
        var kept = Array.FindAll(
            parameters, parameter => !Ascii.EqualsIgnoreCase(PercentDecode(parameter.Split('=', 2)[0]), name));
        if (kept.Length == parameters.Length)
        {
            return url;
        }

        var rest = string.Join('&', kept);
        return url[..query] + (rest.Length == 0 ? "" : "?" + rest) + url[end..];
    }

    private static string? FindBadCharacter(string url)
    {
        for (var at = 0; at < url.Length; at++)
        {
            var character = url[at];
            if (char.IsWhiteSpace(character) || char.IsControl(character) || NeverRaw.Contains(character))
            {
                return $"The URL has U+{(int)character:X4} at position {at + 1}, which no URL holds: remove or percent-encode it.";
            }

            if (character == '%' && !(at + 2 < url.Length && char.IsAsciiHexDigit(url[at + 1]) && char.IsAsciiHexDigit(url[at + 2])))
            {
                return $"The URL has a '%' at position {at + 1} without two hexadecimal digits after it: a percent sign is written %25.";
            }

            if (char.IsSurrogate(character))
            {
                if (at + 1 == url.Length || !char.IsSurrogatePair(character, url[at + 1]))
                {
                    return $"The URL has half a surrogate pair at position {at + 1}: remove it.";
                }

                at++;
            }
        }

        return null;
    }

    /// <summary>The UTF-8 bytes, each well-formed <c>%XX</c> replaced by its byte; the caller has refused all others.</summary>
    private static ReadOnlySpan<byte> PercentDecode(string encoded)
    {
        var bytes = Encoding.UTF8.GetBytes(encoded);
        var length = 0;
        for (var at = 0; at < bytes.Length; at++)
        {
            var isEncoded = bytes[at] == '%';
            bytes[length++] = isEncoded
                ? byte.Parse(bytes.AsSpan(at + 1, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture)
                : bytes[at];
            at += isEncoded ? 2 : 0;
        }

        return bytes.AsSpan(0, length);
    }

    // RFC 3986, appendix B. Classes rather than IgnoreCase, which also takes letters that are not ASCII.
    [GeneratedRegex(@"\A[Hh][Tt][Tt][Pp](?<tls>[Ss])?://(?<authority>[^/?#]*)(/(?<path>[^?#]*))?", RegexOptions.ExplicitCapture)]
    private static partial Regex Components();

    [GeneratedRegex(@"\A(?<host>\[[^\[\]]+\]|[^\[\]:]+)(:(?<port>[0-9]*))?\z", RegexOptions.ExplicitCapture)]
    private static partial Regex Authority();
}
