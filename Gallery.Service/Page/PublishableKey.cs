using System.Text.Json;
using System.Text.RegularExpressions;
using Gallery.Service.Access;
using Gallery.Sql.Database;
using Microsoft.IdentityModel.Tokens;

namespace Gallery.Service.Page;

/// <summary>
/// Supabase's key for browsers: <c>sb_publishable_…</c>, or the legacy JWT of the role anon. The page shows it to everyone, so every other key is
/// refused: <c>sb_secret_…</c> and the JWT of service_role pass row-level security.
/// </summary>
internal static partial class PublishableKey
{
    private const string Setting = "SUPABASE_PUBLISHABLE_KEY";

    private static readonly JsonDocumentOptions NamesOnce = new() { AllowDuplicateProperties = false };

    /// <returns>Null if users cannot sign in on the page.</returns>
    /// <exception cref="SettingsException">It is no publishable key. The message does not repeat it, because it may be a secret.</exception>
    public static string? Find(IConfiguration settings)
    {
        if (settings.Find(Setting)?.Trim() is not { } key) return null;
        if (!Publishable().IsMatch(key) && RoleOf(key) is var role and not "anon")
            throw new SettingsException(key.StartsWith("sb_secret_", StringComparison.Ordinal) || role is not null
                ? $"{Setting} is a secret key, and the page would show it to everyone. Set the one that begins with sb_publishable_."
                : $"{Setting} is no publishable key. Copy the one that begins with sb_publishable_ from Project Settings → API Keys.");
        return settings.Find(TokenIssuer.UrlSetting) is not null
            ? key
            : throw new SettingsException($"{Setting} is set without {TokenIssuer.UrlSetting}. Set it too: https://<project reference>.supabase.co.");
    }

    /// <summary>The role of a JWT, empty if it has none. Null if the text is no JWT.</summary>
    private static string? RoleOf(string key)
    {
        if (key.Split('.') is not [_, var payload, _]) return null;
        try
        {
            var claims = JsonElement.Parse(Base64UrlEncoder.DecodeBytes(payload), NamesOnce);
            return claims.TryGetProperty("role", out var role) && role.ValueKind == JsonValueKind.String ? role.GetString() : "";
        }
        catch (Exception e) when (e is ArgumentException or FormatException or JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    [GeneratedRegex(@"\Asb_publishable_[A-Za-z0-9_-]+\z")]
    private static partial Regex Publishable();
}
