using Gallery.Service.Access;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace Gallery.Service.OpenApi;

/// <summary>Which credentials there are, and which operations ask for one of them.</summary>
internal static class Security
{
    private const string Bearer = "bearer";
    private const string Key = "key";

    public static void Describe(OpenApiDocument document)
    {
        document.Components ??= new OpenApiComponents();
        document.Components.SecuritySchemes = new Dictionary<string, IOpenApiSecurityScheme>
        {
            [Bearer] = new OpenApiSecurityScheme
            {
                Type = SecuritySchemeType.Http,
                Scheme = "bearer",
                Description = "A user's token, a JWT of Supabase Auth: it reaches the rows of its sub. Or a service key. A service that serves only its own machine may ask for neither.",
            },
            [Key] = new OpenApiSecurityScheme
            {
                Type = SecuritySchemeType.ApiKey,
                In = ParameterLocation.Header,
                Name = Authentication.KeyHeader,
                Description = "A service key. It reaches every user's rows.",
            },
        };
    }

    public static Task DescribeAsync(OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken _)
    {
        var isOpen = context.Description.ActionDescriptor.EndpointMetadata.OfType<IAllowAnonymous>().Any();
        // One or the other. An empty list states that none is needed.
        operation.Security = isOpen ? [] : [.. new[] { Bearer, Key }.Select(scheme => new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference(scheme, context.Document)] = [] })];
        return Task.CompletedTask;
    }
}
