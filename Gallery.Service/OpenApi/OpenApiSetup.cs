using Gallery.Service.Http;
using Microsoft.OpenApi;
using Scalar.AspNetCore;

namespace Gallery.Service.OpenApi;

/// <summary>The OpenAPI document at <c>/openapi/v1.json</c>, and its page at <c>/docs</c>.</summary>
internal static class OpenApiSetup
{
    public static void AddGalleryOpenApi(this IServiceCollection services) =>
        services.AddOpenApi("v1", options =>
        {
            options.AddDocumentTransformer((document, _, _) =>
            {
                document.Info = new OpenApiInfo
                {
                    Title = "Gallery",
                    Version = "v1",
                    Description = "The metadata of generated images that Cloudinary hosts. Each of these routes answers with and without its trailing slash, and HEAD wherever it answers GET.",
                };
                document.Servers?.Clear();   // which host it is asked at is no part of the contract
                document.Paths = WithSlashes(document.Paths);
                Security.Describe(document);
                return Task.CompletedTask;
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

    /// <summary>Declares answers with a body of this type, and the failures that any route may have.</summary>
    public static RouteHandlerBuilder Answers<T>(this RouteHandlerBuilder route, params int[] statuses)
    {
        foreach (var status in statuses) route.Produces<T>(status, "application/json");
        return route.Problems(
            StatusCodes.Status408RequestTimeout,        // these two have to do with a body, which a client may send anywhere
            StatusCodes.Status413PayloadTooLarge,
            StatusCodes.Status500InternalServerError,
            StatusCodes.Status503ServiceUnavailable);
    }

    /// <summary>Declares an answer without a body.</summary>
    public static RouteHandlerBuilder Answers(this RouteHandlerBuilder route, int status) => route.Produces(status);

    /// <summary>Declares what any route that asks for credentials may answer to them.</summary>
    public static RouteGroupBuilder AnswersToCredentials(this RouteGroupBuilder routes)
    {
        foreach (var status in new[] { StatusCodes.Status400BadRequest, StatusCodes.Status401Unauthorized })
            routes.WithMetadata(new ProducesResponseTypeMetadata(status, typeof(Problem), [Problem.ContentType]));
        return routes;
    }

    /// <summary>Declares that callers are counted here.</summary>
    public static RouteGroupBuilder Limited(this RouteGroupBuilder routes) =>
        routes.WithMetadata(new ProducesResponseTypeMetadata(StatusCodes.Status429TooManyRequests, typeof(Problem), [Problem.ContentType]));

    /// <summary>Declares failures.</summary>
    public static RouteHandlerBuilder Problems(this RouteHandlerBuilder route, params int[] statuses)
    {
        foreach (var status in statuses) route.Produces<Problem>(status, Problem.ContentType);
        return route;
    }
}
