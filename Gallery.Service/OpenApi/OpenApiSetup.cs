using System.IO.Compression;
using Gallery.Service.Http;
using Gallery.Service.Limits;
using Gallery.Service.Page;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.AspNetCore.ResponseCompression;
using Microsoft.OpenApi;
using Scalar.AspNetCore;

namespace Gallery.Service.OpenApi;

/// <summary>The OpenAPI document at <c>/openapi/v1.json</c>, and its page at <c>/docs</c>.</summary>
internal static class OpenApiSetup
{
    private const string Name = "v1";

    private static readonly string[] Get = [HttpMethods.Get, HttpMethods.Head];

    /// <param name="description">What the service is for.</param>
    public static void AddGalleryOpenApi(this IServiceCollection services, string description) =>
        services.AddOpenApi(Name, options =>
        {
            options.AddDocumentTransformer(async (document, context, ct) =>
            {
                document.Info = new OpenApiInfo
                {
                    Title = "Gallery",
                    Version = "v1",
                    Description = $"{description} Each route works with and without its trailing slash, and answers HEAD where it answers GET.",
                };
                document.Servers = [new OpenApiServer { Url = "/" }];   // the host that serves this document
                document.Paths = WithSlashes(document.Paths);
                document.AddComponent(nameof(Problem), await context.GetOrCreateSchemaAsync(typeof(Problem), cancellationToken: ct));
                Security.Describe(document);
            });
            options.AddSchemaTransformer(Schemas.DescribeAsync);
            options.AddOperationTransformer(Operations.DescribeAsync);
            options.AddOperationTransformer(Security.DescribeAsync);
        });

    public static void MapGalleryOpenApi(this IEndpointRouteBuilder routes)
    {
        // The generator takes 124 ms of CPU, so it runs once.
        var document = new Lazy<Task<PageFile>>(() => GenerateAsync(routes.ServiceProvider));
        routes.MapMethods("/openapi/v1.json", Get, async (HttpContext http, IResponseCompressionProvider codings) =>
        {
            var answer = (await document.Value).Answer(http, codings);
            http.Response.Headers.CacheControl = "public, max-age=300";
            return answer;
        }).AllowAnonymous().ExcludeFromDescription().WithMetadata(new StreamedAnswer());
        // Fonts, telemetry and the vendor's tools would use other hosts. The page loads only its own assets.
        var docs = routes.MapScalarApiReference("/docs", scalar => scalar
            .WithTitle("Gallery")
            .DisableDefaultFonts()
            .DisableTelemetry()
            .DisableAgent()
            .DisableMcp()
            .HideDeveloperTools()
            .HideClientButton()).AllowAnonymous();
        docs.AddEndpointFilter(async (context, next) =>
        {
            if (context.HttpContext.GetRouteValue("documentName") is not null) return TypedResults.NotFound();   // a link would say what the page loads
            // Holds for whatever a later version of the page may load.
            context.HttpContext.Response.Headers.ContentSecurityPolicy =
                $"default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'none'; {BrowserHeaders.NoFrames}";
            context.HttpContext.Request.Headers.AcceptEncoding = "gzip";   // the script is stored as gzip; inflating it takes 77 ms of CPU each time
            return await next(context);
        });
        ((IEndpointConventionBuilder)docs).Finally(page =>
        {
            page.Metadata.Add(new HttpMethodMetadata(Get));
            page.Metadata.Add(new StreamedAnswer());
        });
    }

    private static async Task<PageFile> GenerateAsync(IServiceProvider services)
    {
        var document = await services.GetRequiredKeyedService<IOpenApiDocumentProvider>(Name).GetOpenApiDocumentAsync();
        using var json = new MemoryStream();
        await document.SerializeAsJsonAsync(json, OpenApiSpecVersion.OpenApi3_1);
        return new PageFile("v1.json", json.ToArray(), CompressionLevel.Fastest);
    }

    /// <summary>The framework trims the trailing slash that Location and Link have, and lists HEAD under GET's operationId.</summary>
    private static OpenApiPaths WithSlashes(OpenApiPaths paths)
    {
        var renamed = new OpenApiPaths();
        foreach (var (path, item) in paths)
        {
            item.Operations?.Remove(HttpMethod.Head);
            renamed.Add(path.StartsWith("/v1/", StringComparison.Ordinal) ? path + "/" : path, item);
        }

        return renamed;
    }
}
