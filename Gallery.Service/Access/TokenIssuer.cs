using System.Text;
using Gallery.Sql.Database;

namespace Gallery.Service.Access;

/// <summary>The Supabase Auth server that signs users' tokens.</summary>
/// <param name="Name">The tokens' <c>iss</c>, which is also the base URL of the public keys.</param>
/// <param name="Secret">The HS256 secret; null if private keys sign the tokens (ES256, RS256).</param>
internal sealed record TokenIssuer(string Name, byte[]? Secret)
{
    public const string UrlSetting = "SUPABASE_URL";
    private const string SecretSetting = "SUPABASE_JWT_SECRET";
    private const string Path = "/auth/v1";
    private const int MinimumSecretBytes = 32;   // RFC 7518, section 3.2

    /// <returns>Null if no user may sign in.</returns>
    /// <exception cref="SettingsException">A setting is missing or invalid.</exception>
    public static TokenIssuer? Find(IConfiguration settings)
    {
        var secret = settings.Find(SecretSetting)?.Trim();   // a secret's file often ends in a newline
        if (settings.Find(UrlSetting)?.Trim() is not { } url)
            return secret is null
                ? null
                : throw new SettingsException($"{SecretSetting} is set without {UrlSetting}. Set it too: https://<project reference>.supabase.co.");
        if (secret is not null && Encoding.UTF8.GetByteCount(secret) < MinimumSecretBytes)
            throw new SettingsException($"{SecretSetting} is shorter than {MinimumSecretBytes} bytes, the minimum of HS256. Copy it from Project Settings → JWT Keys.");

        return new TokenIssuer(ReadUrl(url) + Path, secret is null ? null : Encoding.UTF8.GetBytes(secret));
    }

    /// <summary>The URL is not repeated in an error: it may hold a password.</summary>
    private static string ReadUrl(string text)
    {
        if (!Uri.TryCreate(text, UriKind.Absolute, out var url)
            || !(url.Scheme == Uri.UriSchemeHttps || url.Scheme == Uri.UriSchemeHttp && url.IsLoopback)
            || url is not { Query: "", Fragment: "", UserInfo: "" })
            throw new SettingsException($"{UrlSetting} must be https://<project reference>.supabase.co. http:// is allowed on this machine only.");

        var trimmed = url.GetLeftPart(UriPartial.Path).TrimEnd('/');
        return trimmed.EndsWith(Path, StringComparison.Ordinal)
            ? throw new SettingsException($"{UrlSetting} must be the project's URL without {Path}. Remove that part.")
            : trimmed;
    }
}
