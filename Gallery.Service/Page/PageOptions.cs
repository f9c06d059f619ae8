using Gallery.Service.Access;
using Gallery.Service.Images;
using Gallery.Sql;
using Gallery.Sql.Database;

namespace Gallery.Service.Page;

/// <summary>What the settings say about the page.</summary>
/// <param name="IsOn">Whether the service has a page.</param>
/// <param name="Told">What the page is told. It does not know yet whether it may show demo images.</param>
/// <param name="Policy">The page's Content-Security-Policy.</param>
internal sealed record PageOptions(bool IsOn, PageSettings Told, string Policy)
{
    private const string Setting = "GALLERY_PAGE";

    /// <exception cref="SettingsException">A setting cannot be used, or would show a secret to everyone.</exception>
    public static PageOptions From(IConfiguration settings)
    {
        var isOn = settings.Find(Setting) switch
        {
            null or "on" => true,
            "off" => false,
            _ => throw new SettingsException($"{Setting} takes on or off."),
        };
        var supabase = TokenIssuer.Find(settings) is null ? null : new Uri(settings.Find(TokenIssuer.UrlSetting)!.Trim());
        var key = PublishableKey.Find(settings);
        var told = new PageSettings(
            key is null ? null : supabase!.GetLeftPart(UriPartial.Path).TrimEnd('/'),
            key,
            ServiceKeys.Find(settings) is not null,
            AccessSetup.FindCredentials(settings) is not null,
            IsDemo: false,
            new Permissions(settings).UsersMayPurge,
            Release.Version);
        return new(isOn, told, WritePolicy(key is null ? null : supabase, ImageHosts.From(settings).Cnames));
    }

    /// <summary>Hosts without a scheme follow the page's: https where it was loaded with https.</summary>
    private static string WritePolicy(Uri? supabase, IEnumerable<string> cnames) => string.Join(
        "; ",
        "default-src 'self'",
        string.Join(' ', ["img-src 'self' *.cloudinary.com", .. cnames]),
        supabase is null ? "connect-src 'self'" : $"connect-src 'self' {OriginOf(supabase)}",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        Http.BrowserHeaders.NoFrames,
        "require-trusted-types-for 'script'",
        "trusted-types lit-html");

    private static string OriginOf(Uri url) =>
        $"{url.Scheme}://{(url.HostNameType == UriHostNameType.IPv6 ? url.Host : url.IdnHost)}{(url.IsDefaultPort ? "" : $":{url.Port}")}";   // a header is ASCII
}

/// <summary>What the page must know of the service. Everyone can read it.</summary>
/// <param name="SupabaseUrl">Where users sign in. Null if they cannot sign in on the page, and then so is the key.</param>
/// <param name="IsDemo">Whether the service draws the pictures of demo images.</param>
internal sealed record PageSettings(string? SupabaseUrl, string? SupabaseKey, bool TakesServiceKeys, bool AsksForCredentials, bool IsDemo, bool UsersMayPurge, string Version);
