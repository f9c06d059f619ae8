using System.Collections.Frozen;
using System.Text;
using System.Text.RegularExpressions;
using Gallery.Sql.Database;

namespace Gallery.Service.Images;

/// <summary>The kind of host, which decides whether the path begins with a cloud name.</summary>
internal enum ImageHost
{
    /// <summary><c>res.cloudinary.com</c>. All customers share it, so the path begins with a cloud name.</summary>
    Shared,

    /// <summary><c>&lt;cloud&gt;-res.cloudinary.com</c>. The path needs no cloud name.</summary>
    PrivateCdn,

    /// <summary>A CNAME. The path has a cloud name on the shared CDN, and none on a private CDN.</summary>
    Cname,
}

/// <summary>
/// The allowed hosts: Cloudinary's, and the CNAMEs in the setting. Each has the shards that the SDKs' <c>cdn_subdomain</c>
/// adds: <c>res-1</c> to <c>res-5</c>, and <c>a1.</c> to <c>a5.</c> before a CNAME.
/// </summary>
internal sealed partial class ImageHosts
{
    public const string Setting = "GALLERY_IMAGE_HOSTS";

    public const string CloudsSetting = "GALLERY_CLOUD_NAMES";

    private readonly FrozenSet<string> _cnames;
    private readonly string[] _clouds;   // empty: any

    private ImageHosts(FrozenSet<string> cnames, string[] clouds) => (_cnames, _clouds) = (cnames, clouds);

    /// <exception cref="SettingsException">An entry is not a host name or cloud name.</exception>
    public static ImageHosts From(IConfiguration settings) => Parse(settings.Find(Setting), settings.Find(CloudsSetting));

    /// <param name="setting">Host names separated by commas or white space. Null or empty allows only Cloudinary's hosts.</param>
    /// <param name="clouds">Cloud names, separated likewise. Null or empty allows every cloud.</param>
    /// <exception cref="SettingsException">An entry is not a host name or cloud name.</exception>
    public static ImageHosts Parse(string? setting, string? clouds = null)
    {
        var cnames = Split(setting)
            .Select((entry, index) => entry.Length <= 253 && HostName().IsMatch(entry)
                ? entry.ToLowerInvariant()
                : throw new SettingsException(
                    $"{Setting}: entry {index + 1} is not a host name. List CNAMEs such as assets.example.com."));

        var names = Split(clouds)
            .Select((entry, index) => CloudName().IsMatch(entry)
                ? entry
                : throw new SettingsException($"{CloudsSetting}: entry {index + 1} is not a cloud name. List names such as my-cloud."));

        return new ImageHosts(cnames.ToFrozenSet(StringComparer.Ordinal), [.. names]);
    }

    /// <summary>The setting's hosts, each with its shards.</summary>
    public IEnumerable<string> Cnames => _cnames.Order(StringComparer.Ordinal).SelectMany(name => (string[])[name, .. Enumerable.Range(1, 5).Select(shard => $"a{shard}.{name}")]);

    /// <summary>Whether the setting allows the cloud that Cloudinary's URL names: the path, or a private CDN's host, which has no case.</summary>
    public bool AllowsCloud(string host, string firstSegment, out string cloud)
    {
        var cdn = PrivateCdnHost().Match(host.ToLowerInvariant());
        var (name, comparison) = cdn.Success ? (cdn.Groups["cloud"].Value, StringComparison.OrdinalIgnoreCase) : (firstSegment, StringComparison.Ordinal);
        cloud = name;
        return _clouds.Length == 0 || Array.Exists(_clouds, known => known.Equals(name, comparison));
    }

    /// <summary>Null for a host that is not allowed. Only ASCII letters compare without case.</summary>
    public ImageHost? Find(string host)
    {
        // Other letters fold to ASCII too (the Kelvin sign to k).
        if (!Ascii.IsValid(host))
            return null;

        var name = host.ToLowerInvariant();
        if (SharedHost().IsMatch(name))
            return ImageHost.Shared;
        if (PrivateCdnHost().IsMatch(name))
            return ImageHost.PrivateCdn;

        var isShard = name is ['a', >= '1' and <= '5', '.', ..];
        return _cnames.Contains(name) || (isShard && _cnames.Contains(name[3..])) ? ImageHost.Cname : null;
    }

    private static string[] Split(string? setting) => (setting ?? "").Split([',', ' ', '\t', '\r', '\n'], StringSplitOptions.RemoveEmptyEntries);

    [GeneratedRegex(@"\A[A-Za-z0-9_-]+\z")]
    private static partial Regex CloudName();

    [GeneratedRegex(@"\Ares(-[1-5])?\.cloudinary\.com\z", RegexOptions.ExplicitCapture)]
    private static partial Regex SharedHost();

    [GeneratedRegex(@"\A(?<cloud>[a-z0-9][a-z0-9-]*)-res(-[1-5])?\.cloudinary\.com\z", RegexOptions.ExplicitCapture)]
    private static partial Regex PrivateCdnHost();

    // RFC 1123, section 2.1. A last label of digits alone is the end of an IPv4 address.
    [GeneratedRegex(
        @"\A([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*(?![0-9]+\z)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\z",
        RegexOptions.ExplicitCapture)]
    private static partial Regex HostName();
}
