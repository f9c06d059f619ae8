using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Routing.Patterns;
using Microsoft.AspNetCore.Routing.Template;

namespace Gallery.Service.Http;

/// <summary>Gives the framework's bare answers (no route, wrong method, …) the body that every failure has.</summary>
internal static class StatusProblems
{
    public static Task WriteAsync(StatusCodeContext context)
    {
        var request = context.HttpContext.Request;
        var response = context.HttpContext.Response;
        if (response.StatusCode is StatusCodes.Status404NotFound or StatusCodes.Status405MethodNotAllowed) Correct(context.HttpContext);
        var problem = response.StatusCode switch
        {
            StatusCodes.Status404NotFound => new ProblemResult(
                StatusCodes.Status404NotFound,
                "route_not_found",
                $"There is no route {Clip(request.Path)}. /docs lists all routes. An id is a UUID with its hyphens."),
            StatusCodes.Status405MethodNotAllowed => new ProblemResult(
                StatusCodes.Status405MethodNotAllowed,
                "method_not_allowed",
                $"{request.Method} is not among the methods of {Clip(request.Path)}: {response.Headers.Allow}."),
            StatusCodes.Status415UnsupportedMediaType => JsonBody.UnsupportedMediaType(response),
            var status => new ProblemResult(status, "bad_request", "The request can not be served."),
        };
        return problem.ExecuteAsync(context.HttpContext);
    }

    private static string Clip(PathString path) => path.Value is { Length: > 100 } text ? $"{text.AsSpan(0, 100)}…" : path.Value ?? "/";

    /// <summary>
    /// The framework picks by method before it looks at a constraint: it says 405 to PUT /v1/gallery/no-uuid/, and 404 to
    /// DELETE /v1/gallery/deleted/. Which methods a path really has is asked of the routes themselves.
    /// </summary>
    private static void Correct(HttpContext http)
    {
        var allowed = http.RequestServices.GetRequiredService<EndpointDataSource>().Endpoints
            .OfType<RouteEndpoint>()
            .Where(endpoint => IsAt(endpoint.RoutePattern, http))
            .SelectMany(endpoint => endpoint.Metadata.GetMetadata<IHttpMethodMetadata>()?.HttpMethods ?? [])
            .Distinct()
            .Order(StringComparer.Ordinal)
            .ToArray();
        http.Response.StatusCode = allowed.Length > 0 ? StatusCodes.Status405MethodNotAllowed : StatusCodes.Status404NotFound;
        http.Response.Headers.Allow = allowed.Length > 0 ? string.Join(", ", allowed) : default;
    }

    private static bool IsAt(RoutePattern pattern, HttpContext http)
    {
        var values = new RouteValueDictionary();
        return new TemplateMatcher(new RouteTemplate(pattern), []).TryMatch(http.Request.Path, values)
            && pattern.Parameters.All(parameter => !parameter.ParameterPolicies.Any(policy => policy.Content == UuidRouteConstraint.Name)
                || UuidRouteConstraint.IsUuid((string)values[parameter.Name]!));
    }
}
