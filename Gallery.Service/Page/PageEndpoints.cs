using System.Text.Json;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.AspNetCore.ResponseCompression;
using Microsoft.Extensions.Options;

namespace Gallery.Service.Page;

/// <summary>
/// The page at <c>/</c> and its files below <c>/page/</c>. Its URLs are relative, so it works behind a proxy's path prefix too. Each file is a route, so
/// an unknown one is 404 like any other path.
/// </summary>
internal static class PageEndpoints
{
    private const string Index = "index.html";

    private static readonly string[] Get = [HttpMethods.Get, HttpMethods.Head];

    public static void MapPage(this IEndpointRouteBuilder routes)
    {
        var options = routes.ServiceProvider.GetRequiredService<PageOptions>();
        if (!options.IsOn) return;

        var files = PageFile.ReadAll();
        var json = routes.ServiceProvider.GetRequiredService<IOptions<JsonOptions>>().Value.SerializerOptions;
        files.Add("settings.json", new PageFile("settings.json", JsonSerializer.SerializeToUtf8Bytes(options.Told, json)));

        var page = routes.MapGroup("").AllowAnonymous().ExcludeFromDescription();
        files.Remove(Index, out var index);
        page.MapMethods("/", Get, (HttpContext http, IResponseCompressionProvider codings) =>
        {
            http.Response.Headers.ContentSecurityPolicy = options.Policy;
            return index!.Answer(http, codings);
        });
        foreach (var (name, file) in files)
            page.MapMethods($"/page/{name}", Get, (HttpContext http, IResponseCompressionProvider codings) => file.Answer(http, codings));
    }
}
