using System.Text;
using System.Text.Json;
using Gallery.Service.Http;
using Gallery.Service.Limits;
using Gallery.Service.Page.Demo;
using Gallery.Service.Sharing;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.ResponseCompression;
using Microsoft.Extensions.Options;

namespace Gallery.Service.Page;

/// <summary>
/// The page at <c>/</c>, the page of a link at <c>/s/{token}</c>, and their files below <c>/page/</c>. Their URLs are relative, so they work behind a proxy's path prefix too. Each file is a route, so
/// an unknown one is 404 like any other path.
/// </summary>
internal static class PageEndpoints
{
    private static readonly string[] Get = [HttpMethods.Get, HttpMethods.Head];

    /// <param name="isPrivate">Whether the database is the service's private one.</param>
    public static void MapPage(this IEndpointRouteBuilder routes, bool isPrivate)
    {
        var options = routes.ServiceProvider.GetRequiredService<PageOptions>();
        if (!options.IsOn) return;

        // Invented images must not get among real ones.
        var told = options.Told with { IsDemo = isPrivate && !options.Told.AsksForCredentials };
        var files = PageFile.ReadAll();
        var json = routes.ServiceProvider.GetRequiredService<IOptions<Microsoft.AspNetCore.Http.Json.JsonOptions>>().Value.SerializerOptions;
        files.Add("settings.json", new PageFile("settings.json", JsonSerializer.SerializeToUtf8Bytes(told, json)));

        var page = routes.MapGroup("").AllowAnonymous().ExcludeFromDescription().DisableRateLimiting().WithMetadata(new StreamedAnswer());   // one visit takes some 30 files, and their bytes are ready
        files.Remove("index.html", out var index);
        page.MapMethods("/", Get, (HttpContext http, IResponseCompressionProvider codings) => AnswerHtml(index!, http, codings));
        files.Remove("shared.html", out var shared);
        page.MapMethods("/s/{token}", Get, IResult (string token, HttpContext http, IResponseCompressionProvider codings) =>
        {
            if (http.Request.Path.Value!.EndsWith('/'))   // relative URLs would lead elsewhere
            {
                if (token.Length != ShareToken.Length) return TypedResults.NotFound();   // Location would repeat the text, and proxies limit the headers of an answer
                return TypedResults.Redirect($"../{Uri.EscapeDataString(token)}", permanent: true, preserveMethod: true);
            }

            http.Response.Headers["X-Robots-Tag"] = "noindex";   // a link is for those who were given it
            return AnswerHtml(shared!, http, codings);
        });
        foreach (var (name, file) in files)
            page.MapMethods($"/page/{name}", Get, (HttpContext http, IResponseCompressionProvider codings) => file.Answer(http, codings));
        if (told.IsDemo) page.MapMethods("/page/demo/{image_id:uuid}.svg", Get, DrawDemo);

        FileStreamHttpResult AnswerHtml(PageFile html, HttpContext http, IResponseCompressionProvider codings)
        {
            http.Response.Headers.ContentSecurityPolicy = options.Policy;
            http.Response.Headers["Cross-Origin-Opener-Policy"] = "same-origin";   // a page that opens this one cannot watch where it goes
            return html.Answer(http, codings);
        }
    }

    private static ContentHttpResult DrawDemo([FromRoute(Name = "image_id")] Guid imageId, HttpResponse response)
    {
        response.Headers.CacheControl = "public, max-age=86400";
        response.Headers.ContentSecurityPolicy = $"default-src 'none'; {BrowserHeaders.NoFrames}";
        return TypedResults.Text(new DemoImage(imageId).Draw(), "image/svg+xml", Encoding.UTF8);
    }
}
