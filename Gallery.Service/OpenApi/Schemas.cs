using Gallery.Service.Images;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace Gallery.Service.OpenApi;

/// <summary>What the types alone do not say of their schemas.</summary>
internal static class Schemas
{
    public static Task DescribeAsync(OpenApiSchema schema, OpenApiSchemaTransformerContext context, CancellationToken _)
    {
        if (context.JsonPropertyInfo is { Name: "metadata" } metadata)   // a string here, since it is passed on as it is; an object on the wire
        {
            schema.Type = metadata.DeclaringType == typeof(CreateImageRequest) ? JsonSchemaType.Object | JsonSchemaType.Null : JsonSchemaType.Object;
            schema.AdditionalPropertiesAllowed = true;
        }

        if (context.JsonPropertyInfo is { Name: "image_url" }) schema.Format = "uri";
        if (context.JsonPropertyInfo is null && context.JsonTypeInfo.Type == typeof(CreateImageRequest))
            schema.AdditionalPropertiesAllowed = false;   // a field of another name is a 400
        return Task.CompletedTask;
    }
}
