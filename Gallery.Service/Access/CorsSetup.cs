using Gallery.Service.Http;
using Gallery.Sql.Database;
using Microsoft.Net.Http.Headers;

namespace Gallery.Service.Access;

/// <summary>The origins of web pages that may call from a browser (CORS, WHATWG Fetch). By default no page may.</summary>
internal static class CorsSetup
{
    private const string Setting = "GALLERY_CORS_ORIGINS";
    private static readonly TimeSpan PreflightAge = TimeSpan.FromMinutes(10);

    /// <exception cref="SettingsException">An entry is not an origin.</exception>
    public static void AddGalleryCors(this IServiceCollection services, IConfiguration settings)
    {
        var origins = (settings.Find(Setting) ?? "").Split([',', ' ', '\t', '\r', '\n'], StringSplitOptions.RemoveEmptyEntries).Select(ParseOrigin).ToArray();
        if (origins.Length == 0) return;

        services.AddCors(cors => cors.AddDefaultPolicy(policy => policy
            .WithOrigins(origins)
            .WithMethods(HttpMethods.Get, HttpMethods.Head, HttpMethods.Post, HttpMethods.Delete)
            .WithHeaders(HeaderNames.Authorization, Authentication.KeyHeader, HeaderNames.ContentType, HeaderNames.IfMatch, HeaderNames.IfNoneMatch, HeaderNames.TraceParent, RequestIds.Header)
            .WithExposedHeaders(HeaderNames.ETag, HeaderNames.Link, HeaderNames.Location, HeaderNames.RetryAfter, RequestIds.Header)
            .SetPreflightMaxAge(PreflightAge)));
    }

    /// <summary>As browsers send it: lower case, without a path or a default port.</summary>
    private static string ParseOrigin(string entry) =>
        Uri.TryCreate(entry, UriKind.Absolute, out var uri)
        && (uri.Scheme == Uri.UriSchemeHttps || uri.Scheme == Uri.UriSchemeHttp)
        && uri is { PathAndQuery: "/", Fragment: "", UserInfo: "" }
        && !entry.Contains('*', StringComparison.Ordinal)
            ? uri.GetLeftPart(UriPartial.Authority)
            : throw new SettingsException($"{Setting}: \"{entry}\" is not an origin. Use https://app.example.com or http://localhost:3000, without * or a path.");
}
