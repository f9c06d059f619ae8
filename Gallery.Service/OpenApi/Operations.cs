using System.Text.Json;
using System.Text.Json.Nodes;
using Gallery.Service.Access;
using Gallery.Service.Http;
using Gallery.Service.Limits;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.Options;
using Microsoft.OpenApi;

namespace Gallery.Service.OpenApi;

/// <summary>Writes a route's metadata into its operation.</summary>
internal static class Operations
{
    private const string TraceId = "0af7651916cd43dd8448eb211c80319c";

    /// <summary>A request leaves out what it does not set. In an edit, null would erase.</summary>
    private static JsonObject WithoutNulls(JsonObject body)
    {
        foreach (var name in body.Where(member => member.Value is null).Select(member => member.Key).ToList()) body.Remove(name);
        return body;
    }

    public static Task DescribeAsync(OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken _)
    {
        var facts = context.Description.ActionDescriptor.EndpointMetadata;
        var json = context.ApplicationServices.GetRequiredService<IOptions<JsonOptions>>().Value.SerializerOptions;
        JsonNode? Write(object value) => JsonSerializer.SerializeToNode(value, value.GetType(), json);

        var tag = facts.OfType<OpenApiTag>().Single();
        context.Document!.Tags!.Single(known => known.Name == tag.Name).Description = tag.Description;
        var declared = facts.OfType<OpenApiParameter>().ToList();
        operation.Parameters = [.. (operation.Parameters ?? []).Where(known => !declared.Exists(one => one.In == known.In && one.Name == known.Name)), .. declared];
        if (facts.OfType<BodyExample>().SingleOrDefault() is { } body)
            foreach (var content in operation.RequestBody!.Content!.Values) content.Example = WithoutNulls(Write(body.Value)!.AsObject());

        var responses = operation.Responses!.ToDictionary(response => response.Key, response => (OpenApiResponse)response.Value);
        foreach (var example in facts.OfType<AnswerExample>())
            foreach (var content in responses[$"{example.Status}"].Content!.Values) content.Example = Write(example.Value);
        foreach (var other in facts.OfType<OtherAnswer>())
            responses[$"{other.Status}"].Content!.Add(other.MediaType, new OpenApiMediaType { Schema = new OpenApiSchema { Type = JsonSchemaType.String }, Example = other.Example });
        foreach (var (status, response) in responses)
            foreach (var header in facts.OfType<AnswerHeader>().Where(header => header.Status is null || $"{header.Status}" == status))
                AddHeader(response, header.Name, header.Description);
        foreach (var problems in facts.OfType<ProblemResult>().Concat(ProblemsOfAll(facts)).GroupBy(problem => problem.Status))
            responses[$"{problems.Key}"] = Describe([.. problems], Write(problems.First().ToBody(TraceId)), context.Document!);

        operation.Responses = [];
        foreach (var (status, response) in responses.OrderBy(response => response.Key, StringComparer.Ordinal))
        {
            AddHeader(response, "X-Request-Id", "The request's own X-Request-Id if it is a token of up to 128 characters, otherwise the trace id.");
            if (status is "401") AddHeader(response, "WWW-Authenticate", "The challenge. It has an error if the request had a credential.");
            if (status is "412") AddHeader(response, "ETag", "The current state. Absent if there is none.");
            if (status is "429" or "503") AddHeader(response, "Retry-After", "Seconds to wait before the next try.");
            operation.Responses[status] = response;
        }

        if (facts.OfType<BodyMaximum>().SingleOrDefault() is { } maximum) operation.AddExtension("x-maximum-bytes", new JsonNodeExtension(maximum.Bytes));
        if (facts.OfType<AllowedCallers>().SingleOrDefault() is { } allowed)
            operation.AddExtension("x-allowed-to", new JsonNodeExtension(new JsonArray([.. allowed.Callers.Select(caller => JsonValue.Create(JsonNamingPolicy.SnakeCaseLower.ConvertName($"{caller}")))])));
        return Task.CompletedTask;
    }

    /// <summary>The failures that follow from what a route is: whether it takes a body, asks for credentials, and counts its callers.</summary>
    private static IEnumerable<ProblemResult> ProblemsOfAll(IList<object> facts)
    {
        var takesBody = facts.OfType<IAcceptsMetadata>().Any();
        yield return ProblemExceptionHandler.BodyTooSlow;   // of a body, which a client may send anywhere
        var maximum = facts.OfType<IRequestSizeLimitMetadata>().SingleOrDefault();
        var isUnlimited = maximum is { MaxRequestBodySize: null };
        if (!isUnlimited) yield return BodyLimit.TooLarge(takesBody ? (maximum as BodyMaximum)?.Bytes ?? ServiceLimits.DefaultBodyBytes : BodyLimit.StrayBytes);
        yield return ProblemExceptionHandler.Unexpected;
        yield return ProblemExceptionHandler.ShuttingDown;
        if (takesBody)
        {
            yield return JsonBody.NotJson;
            yield return ProblemExceptionHandler.MalformedBody;
        }

        if (takesBody && !isUnlimited)
        {
            yield return FieldErrors.Of("user_id", "user_id is required: a string of 1 to 255 characters.");
            yield return JsonBody.Invalid("The body is not a JSON object.");
        }

        if (facts.OfType<IHttpMethodMetadata>().Any(route => !route.HttpMethods.All(CrossOriginGuard.IsSafe))) yield return CrossOriginGuard.Forbidden;
        if (!facts.OfType<DisableRateLimitingAttribute>().Any())
        {
            yield return RateLimit.Rejected(100, retryAfterSeconds: 1);
            yield return ConnectionLimit.TooMany;
        }

        if (facts.OfType<IAllowAnonymous>().Any()) yield break;
        yield return QueryParameters.Unknown("page", facts);
        foreach (var problem in ProblemExceptionHandler.OfDatabase) yield return problem;
        yield return Authentication.Several;
        yield return LoopbackGuard.OtherName;
        yield return UserTokens.Expired;
        yield return UserTokens.Invalid("It is not a JWT.");
        yield return Authentication.InvalidKey;
        yield return Authentication.Missing;
        yield return Permissions.ForbiddenOAuthClient;
        yield return Permissions.ForbiddenAnonymousUser;
        yield return UserTokens.KeysAway(retryAfterSeconds: 15);
    }

    /// <summary>The codes are those of this operation. Clients must accept others, since a later release may add some.</summary>
    private static OpenApiResponse Describe(IReadOnlyList<ProblemResult> problems, JsonNode? example, OpenApiDocument document)
    {
        var code = new OpenApiSchema
        {
            AnyOf =
            [
                new OpenApiSchema { Type = JsonSchemaType.String, Enum = [.. problems.Select(problem => problem.Code).Distinct().Select(known => (JsonNode)known)] },
                new OpenApiSchema { Type = JsonSchemaType.String },
            ],
        };
        var schema = new OpenApiSchema
        {
            AllOf =
            [
                new OpenApiSchemaReference(nameof(Problem), document),
                new OpenApiSchema { Type = JsonSchemaType.Object, Properties = new Dictionary<string, IOpenApiSchema> { ["code"] = code } },
            ],
        };
        return new OpenApiResponse
        {
            Description = ReasonPhrases.GetReasonPhrase(problems[0].Status),
            Content = new Dictionary<string, OpenApiMediaType> { [Problem.ContentType] = new OpenApiMediaType { Schema = schema, Example = example } },
        };
    }

    private static void AddHeader(OpenApiResponse response, string name, string description)
    {
        response.Headers ??= new Dictionary<string, IOpenApiHeader>();
        response.Headers[name] = new OpenApiHeader { Description = description, Schema = new OpenApiSchema { Type = JsonSchemaType.String } };
    }
}
