using System.Net;
using System.Text;
using Gallery.Sql.Database;

namespace Gallery.Service.Access;

/// <summary>The Supabase Auth server that signs users' tokens.</summary>
/// <param name="Name">The tokens' <c>iss</c>.</param>
/// <param name="Secret">The HS256 secret; null if private keys alone sign the tokens (ES256, RS256).</param>
/// <param name="KeysAddress">Where the public keys are; null if the secret alone signs the tokens.</param>
internal sealed record TokenIssuer(string Name, byte[]? Secret, Uri? KeysAddress)
{
    public const string UrlSetting = "SUPABASE_URL";
    private const string SecretSetting = "SUPABASE_JWT_SECRET";
    private const string NameSetting = "SUPABASE_JWT_ISSUER";
    private const string KeysSetting = "SUPABASE_JWKS_URL";
    private const string Path = "/auth/v1";
    private const int MinimumSecretBytes = 32;   // RFC 7518, section 3.2

    /// <returns>Null if no user may sign in.</returns>
    /// <exception cref="SettingsException">A setting is missing or invalid.</exception>
    public static TokenIssuer? Find(IConfiguration settings)
    {
        var secret = settings.Find(SecretSetting)?.Trim();
        var keys = settings.Find(KeysSetting)?.Trim();
        if (settings.Find(UrlSetting)?.Trim() is not { } url)
            return Array.Find([SecretSetting, NameSetting, KeysSetting], name => settings.Find(name) is not null) is { } alone
                ? throw new SettingsException($"{alone} is set without {UrlSetting}. Set it too: https://<project reference>.supabase.co.")
                : null;
        if (secret is not null && Encoding.UTF8.GetByteCount(secret) < MinimumSecretBytes)
            throw new SettingsException($"{SecretSetting} is shorter than {MinimumSecretBytes} bytes, the minimum of HS256. Copy it from Project Settings → JWT Keys.");

        var auth = ReadUrl(UrlSetting, url).GetLeftPart(UriPartial.Path).TrimEnd('/');
        if (auth.EndsWith(Path, StringComparison.Ordinal))
            throw new SettingsException($"{UrlSetting} must be the project's URL without {Path}. Remove that part.");
        auth += Path;

        if (secret is null) keys ??= $"{auth}/.well-known/jwks.json";
        return new TokenIssuer(
            settings.Find(NameSetting)?.Trim() ?? auth,
            secret is null ? null : Encoding.UTF8.GetBytes(secret),
            keys is null ? null : ReadUrl(KeysSetting, keys));
    }

    /// <summary>The URL is not repeated in an error: it may hold a password.</summary>
    private static Uri ReadUrl(string setting, string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var url)
        && (url.Scheme == Uri.UriSchemeHttps || url.Scheme == Uri.UriSchemeHttp && IsPrivate(url))
        && url is { Query: "", Fragment: "", UserInfo: "" }
            ? url
            : throw new SettingsException($"{setting} must begin with https:// and have no user, query or fragment. http:// is allowed within a private network only.");

    /// <summary>Whether only this machine or a private network can serve the URL: a name without a dot, a private suffix, a private address.</summary>
    internal static bool IsPrivate(Uri url)
    {
        if (url.IsLoopback) return true;
        if (!IPAddress.TryParse(url.DnsSafeHost, out var address))
            return !url.Host.Contains('.', StringComparison.Ordinal)
                || Array.Exists([".internal", ".local", ".svc"], suffix => url.Host.EndsWith(suffix, StringComparison.OrdinalIgnoreCase));
        return address.IsIPv6UniqueLocal || Array.Exists(PrivateNetworks, network => network.Contains(address));
    }

    // RFC 1918
    private static readonly IPNetwork[] PrivateNetworks = [IPNetwork.Parse("10.0.0.0/8"), IPNetwork.Parse("172.16.0.0/12"), IPNetwork.Parse("192.168.0.0/16")];
}
