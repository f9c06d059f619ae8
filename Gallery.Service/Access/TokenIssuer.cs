using System.Text;
using Gallery.Sql.Database;

namespace Gallery.Service.Access;

/// <summary>Who signs users' tokens: the project's Supabase Auth.</summary>
/// <param name="Name">The tokens' <c>iss</c>, and the URL that their public keys are found under.</param>
/// <param name="Secret">What they are all signed with (HS256); null where it is private keys (ES256, RS256).</param>
internal sealed record TokenIssuer(string Name, byte[]? Secret)
{
    public const string UrlSetting = "SUPABASE_URL";
    private const string SecretSetting = "SUPABASE_JWT_SECRET";
    private const string Path = "/auth/v1";
    private const int MinimumSecretBytes = 32;   // RFC 7518, section 3.2

    /// <returns>Null where the settings let no users in.</returns>
    /// <exception cref="SettingsException">A setting is missing or can not be used.</exception>
    public static TokenIssuer? Find(IConfiguration settings)
    {
        var secret = settings.Find(SecretSetting)?.Trim();   // a secret's file often ends in a newline
        if (settings.Find(UrlSetting)?.Trim() is not { } url)
            return secret is null
                ? null
                : throw new SettingsException($"{SecretSetting} is set without {UrlSetting}, which says whose tokens are meant: https://<project reference>.supabase.co.");
        if (secret is not null && Encoding.UTF8.GetByteCount(secret) < MinimumSecretBytes)
            throw new SettingsException($"{SecretSetting} is shorter than {MinimumSecretBytes} bytes, the least that HS256 takes; Project Settings → JWT Keys shows the project's.");

        return new TokenIssuer(ReadUrl(url) + Path, secret is null ? null : Encoding.UTF8.GetBytes(secret));
    }

    /// <summary>The URL is not repeated in an error: it may hold a password.</summary>
    private static string ReadUrl(string text)
    {
        if (!Uri.TryCreate(text, UriKind.Absolute, out var url)
            || !(url.Scheme == Uri.UriSchemeHttps || url.Scheme == Uri.UriSchemeHttp && url.IsLoopback)
            || url is not { Query: "", Fragment: "", UserInfo: "" })
            throw new SettingsException($"{UrlSetting} takes the project's URL, https://<project reference>.supabase.co; http:// only on this machine, as in http://127.0.0.1:54321.");

        var trimmed = url.GetLeftPart(UriPartial.Path).TrimEnd('/');
        return trimmed.EndsWith(Path, StringComparison.Ordinal)
            ? throw new SettingsException($"{UrlSetting} takes the project's URL without {Path}, which is added to it.")
            : trimmed;
    }
}
