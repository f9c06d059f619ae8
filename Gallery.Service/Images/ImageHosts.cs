using System.Collections.Frozen;
using System.Text;
using System.Text.RegularExpressions;
using Gallery.Sql.Database;

namespace Gallery.Service.Images;

/// <summary>Whose host a URL names, which decides whether its path begins with a cloud name.</summary>
internal enum ImageHost
{
    /// <summary><c>res.cloudinary.com</c>: every customer's, so the cloud name comes first.</summary>
    Shared,

    /// <summary><c>&lt;cloud&gt;-res.cloudinary.com</c>: the host is the cloud's own, and the path needs no cloud name.</summary>
    PrivateCdn,

    /// <summary>A CNAME: with a cloud name on the shared CDN, without one on a private CDN.</summary>
    Cname,
}

/// <summary>
/// The hosts whose URLs are Cloudinary's: its own, and the CNAMEs that the setting lists, each with the shards that the
/// SDKs' <c>cdn_subdomain</c> adds (<c>res-1</c> to <c>res-5</c>; <c>a1.</c> to <c>a5.</c> before a CNAME).
/// </summary>
internal sealed partial class ImageHosts
{
    public const string Setting = "GALLERY_IMAGE_HOSTS";

    private readonly FrozenSet<string> _cnames;

    private ImageHosts(FrozenSet<string> cnames) => _cnames = cnames;

    /// <exception cref="SettingsException">An entry is not a host name.</exception>
    public static ImageHosts From(IConfiguration settings) => Parse(settings.Find(Setting));

    /// <param name="setting">Host names with commas or white space between; null or empty for Cloudinary's own hosts alone.</param>
    /// <exception cref="SettingsException">An entry is not a host name.</exception>
    public static ImageHosts Parse(string? setting)
    {
        var cnames = (setting ?? "")
            .Split([',', ' ', '\t', '\r', '\n'], StringSplitOptions.RemoveEmptyEntries)
            .Select(entry => entry.Length <= 253 && HostName().IsMatch(entry)
                ? entry.ToLowerInvariant()
                : throw new SettingsException(
                    $"{Setting}: '{entry}' is not a host name; list CNAMEs such as assets.example.com, without scheme, port or path."));

        return new ImageHosts(cnames.ToFrozenSet(StringComparer.Ordinal));
    }

    /// <summary>Null for a host that nothing proves to be Cloudinary's. ASCII letters compare without case, all else exactly.</summary>
    public ImageHost? Find(string host)
    {
        // Before the case is folded: other letters fold to ASCII ones too (the Kelvin sign to k).
        if (!Ascii.IsValid(host))
        {
            return null;
        }

        var name = host.ToLowerInvariant();
        if (SharedHost().IsMatch(name))
        {
            return ImageHost.Shared;
        }

        if (PrivateCdnHost().IsMatch(name))
        {
            return ImageHost.PrivateCdn;
        }

        var isShard = name is ['a', >= '1' and <= '5', '.', ..];
        return _cnames.Contains(name) || (isShard && _cnames.Contains(name[3..])) ? ImageHost.Cname : null;
    }

    [GeneratedRegex(@"\Ares(-[1-5])?\.cloudinary\.com\z", RegexOptions.ExplicitCapture)]
    private static partial Regex SharedHost();

    [GeneratedRegex(@"\A[a-z0-9][a-z0-9-]*-res(-[1-5])?\.cloudinary\.com\z", RegexOptions.ExplicitCapture)]
    private static partial Regex PrivateCdnHost();

    // RFC 1123, section 2.1; a last label of digits alone is the end of an IPv4 address, which no CNAME is.
    [GeneratedRegex(
        @"\A([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*(?![0-9]+\z)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\z",
        RegexOptions.ExplicitCapture)]
    private static partial Regex HostName();
}
