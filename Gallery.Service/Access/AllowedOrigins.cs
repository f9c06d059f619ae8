using System.Text;
using Gallery.Sql.Database;

namespace Gallery.Service.Access;

/// <summary>The origins of <c>GALLERY_CORS_ORIGINS</c>, and its patterns such as <c>https://*.example.app</c> for every subdomain at any depth.</summary>
internal sealed class AllowedOrigins
{
    private const string Setting = "GALLERY_CORS_ORIGINS";
    private const string AnySubdomain = "://*.";
    private const int MaximumLength = 268;   // https://, 253 characters of a name (RFC 1035), and a port. The answer repeats it

    private readonly HashSet<string> _origins = [];
    private readonly List<Uri> _parents = [];

    public bool IsEmpty => _origins.Count == 0 && _parents.Count == 0;

    /// <exception cref="SettingsException">An entry is neither an origin nor a pattern.</exception>
    public static AllowedOrigins From(IConfiguration settings)
    {
        var allowed = new AllowedOrigins();
        foreach (var (index, entry) in (settings.Find(Setting) ?? "").Split([',', ' ', '\t', '\r', '\n'], StringSplitOptions.RemoveEmptyEntries).Index())
        {
            var isPattern = entry.Contains(AnySubdomain, StringComparison.Ordinal);
            var origin = Parse(isPattern ? entry.Replace(AnySubdomain, "://", StringComparison.Ordinal) : entry);
            if (origin is null || isPattern && !(origin.HostNameType == UriHostNameType.Dns && origin.Host.Trim('.').Contains('.', StringComparison.Ordinal)))
                throw new SettingsException($"{Setting}: entry {index + 1} is not an origin. Use https://app.example.com, http://localhost:3000 or https://*.example.app, without a path.");
            if (isPattern) allowed._parents.Add(origin);
            else allowed._origins.Add(Write(origin));
        }

        return allowed;
    }

    /// <param name="origin">As browsers send it: lower case, without a path or a default port. Anything else is not an origin.</param>
    public bool Contains(string origin) =>
        _origins.Contains(origin)
        || _parents.Count > 0 && origin.Length <= MaximumLength && Parse(origin) is { HostNameType: UriHostNameType.Dns } uri && Write(uri) == origin
            && _parents.Exists(parent => uri.Scheme == parent.Scheme && uri.Port == parent.Port && uri.Host.EndsWith($".{parent.Host}", StringComparison.Ordinal));

    /// <summary>Whether the text has the form of an origin. A credential that was sent there by mistake has not.</summary>
    public static bool IsOrigin(string text) => text == "null" || Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri.UserInfo == "" && text == Write(uri);

    private static Uri? Parse(string text) =>
        Ascii.IsValid(text) && !text.Contains('*', StringComparison.Ordinal)
        && Uri.TryCreate(text, UriKind.Absolute, out var uri)
        && (uri.Scheme == Uri.UriSchemeHttps || uri.Scheme == Uri.UriSchemeHttp)
        && uri is { PathAndQuery: "/", Fragment: "", UserInfo: "" }
            ? uri
            : null;

    private static string Write(Uri origin) => $"{origin.Scheme}://{origin.Authority}";
}
