using Gallery.Service.Http;
using Gallery.Sql.Database;
using Microsoft.Net.Http.Headers;

namespace Gallery.Service.Access;

/// <summary>Which web pages may call from a browser (CORS, WHATWG Fetch): those of <see cref="AllowedOrigins"/>. By default no page may.</summary>
internal static class CorsSetup
{
    private const int MaximumAsked = 1024;   // characters

    private static readonly TimeSpan PreflightAge = TimeSpan.FromMinutes(10);

    /// <exception cref="SettingsException">An entry is not an origin.</exception>
    public static void AddGalleryCors(this IServiceCollection services, IConfiguration settings)
    {
        var origins = AllowedOrigins.From(settings);
        services.AddSingleton(origins);
        if (origins.IsEmpty) return;

        services.AddCors(cors => cors.AddDefaultPolicy(policy => policy
            .SetIsOriginAllowed(origins.Contains)
            .AllowAnyMethod()
            .AllowAnyHeader()   // repeats what the preflight asks for. There are no cookies, so a page has only the credentials that it was given
            .WithExposedHeaders(
                HeaderNames.Accept, "Accept-Patch", HeaderNames.Allow, HeaderNames.ETag, HeaderNames.Link, HeaderNames.Location, HeaderNames.RetryAfter, HeaderNames.WWWAuthenticate, RequestIds.Header)
            .SetPreflightMaxAge(PreflightAge)));
    }

    /// <summary>Leaves out requests that ask for very long names, because the answer would repeat them, and proxies limit the headers of an answer.</summary>
    public static void UseGalleryCors(this WebApplication app) => app.UseWhen(
        http => http.Request.Headers.AccessControlRequestMethod.ToString().Length + http.Request.Headers.AccessControlRequestHeaders.ToString().Length <= MaximumAsked,
        branch => branch.UseCors());
}
