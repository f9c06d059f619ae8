using System.Globalization;
using Gallery.Service.Http;
using Gallery.Service.Images;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace Gallery.Service.OpenApi;

/// <summary>What the handlers' signatures do not say: query parameters, headers, examples.</summary>
internal static class Operations
{
    public static Task DescribeAsync(OpenApiOperation operation, OpenApiOperationTransformerContext _, CancellationToken __)
    {
        if (operation.OperationId is "ListImages" or "ListDeletedImages") DescribePaging(operation);
        if (operation.OperationId is "FindImage") operation.Parameters!.Add(Header("If-None-Match", "An ETag of before: 304 if the image has not changed since."));
        foreach (var content in operation.RequestBody?.Content?.Values ?? []) content.Example = Examples.Request();

        foreach (var (status, response) in operation.Responses ?? [])
        {
            foreach (var content in response.Content?.Values ?? [])
                content.Example = Examples.Find(operation.OperationId!, status);
            if (response is OpenApiResponse open) DescribeHeaders(open, operation.OperationId!, status);
        }

        return Task.CompletedTask;
    }

    private static void DescribePaging(OpenApiOperation operation)
    {
        operation.Parameters =
        [
            new OpenApiParameter
            {
                Name = "user_id",
                In = ParameterLocation.Query,
                Description = "Whose; left out, everyone's, or with a user's token their own.",
                Schema = new OpenApiSchema { Type = JsonSchemaType.String, MinLength = 1, MaxLength = CreateImageRequest.UserIdMaximum },
            },
            new OpenApiParameter
            {
                Name = "limit",
                In = ParameterLocation.Query,
                Description = "Items a page, at most: a page of large ones ends at 2 MB, and next_cursor leads on.",
                Schema = new OpenApiSchema
                {
                    Type = JsonSchemaType.Integer,
                    Minimum = "1",
                    Maximum = PageQuery.MaximumLimit.ToString(CultureInfo.InvariantCulture),
                    Default = PageQuery.DefaultLimit,
                },
            },
            new OpenApiParameter
            {
                Name = "cursor",
                In = ParameterLocation.Query,
                Description = "next_cursor of the page before, with the same user_id; left out, the first page.",
                Schema = new OpenApiSchema { Type = JsonSchemaType.String },
            },
        ];
    }

    private static void DescribeHeaders(OpenApiResponse response, string operationId, string status)
    {
        response.Headers ??= new Dictionary<string, IOpenApiHeader>();
        response.Headers["X-Request-Id"] = Header("The request's own X-Request-Id, if that is a token of up to 128 characters; else its trace id.");
        if (status is "200" or "201" or "304" && operationId.EndsWith("Image", StringComparison.Ordinal) && operationId != "PurgeImage")
            response.Headers["ETag"] = Header("Changes with the image.");
        if (status is "201") response.Headers["Location"] = Header("The image's own path.");
        if (status is "200" && operationId.StartsWith("List", StringComparison.Ordinal))
            response.Headers["Link"] = Header("The next page, rel=\"next\"; absent on the last.");
        if (status is "401") response.Headers["WWW-Authenticate"] = Header("The challenge; with an error where a credential was given.");
        if (status is "429" or "503") response.Headers["Retry-After"] = Header("Seconds to wait before trying again.");
    }

    private static OpenApiHeader Header(string description) =>
        new() { Description = description, Schema = new OpenApiSchema { Type = JsonSchemaType.String } };

    private static OpenApiParameter Header(string name, string description) =>
        new() { Name = name, In = ParameterLocation.Header, Description = description, Schema = new OpenApiSchema { Type = JsonSchemaType.String } };
}
