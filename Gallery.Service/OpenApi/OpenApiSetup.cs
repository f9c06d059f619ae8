using Gallery.Service.Http;
using Microsoft.OpenApi;
using Scalar.AspNetCore;

namespace Gallery.Service.OpenApi;

/// <summary>The OpenAPI document at <c>/openapi/v1.json</c>, and its page at <c>/docs</c>.</summary>
internal static class OpenApiSetup
{
    /// <param name="description">What the service is for.</param>
    public static void AddGalleryOpenApi(this IServiceCollection services, string description) =>
        services.AddOpenApi("v1", options =>
        {
            options.AddDocumentTransformer(async (document, context, ct) =>
            {
                document.Info = new OpenApiInfo
                {
                    Title = "Gallery",
                    Version = "v1",
                    Description = $"{description} Each route works with and without its trailing slash, and answers HEAD where it answers GET.",
                };
                document.Servers?.Clear();   // which host it is asked at is no part of the contract
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
        routes.MapOpenApi("/openapi/{documentName}.json").AllowAnonymous();
        // Fonts, telemetry and the vendor's tools would come from or go to other hosts: the page has its own assets only.
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
            // Keeps the page to its word, whatever a later version of it would load.
            context.HttpContext.Response.Headers.ContentSecurityPolicy =
                "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:";
            return await next(context);
        });
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
