using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Routing.Patterns;
using Microsoft.AspNetCore.Routing.Template;

namespace Gallery.Service.Http;

/// <summary>Gives the framework's empty answers (no route, wrong method, …) the body that every failure has.</summary>
internal static class StatusProblems
{
    // Made once for each host, because making one costs more than using it.
    private static readonly ConditionalWeakTable<EndpointDataSource, (RouteEndpoint Endpoint, TemplateMatcher Matcher)[]> Matchers = [];

    /// <summary>
    /// Middleware. The framework matches methods in any case, but RFC 9110, section 9.1, distinguishes cases. Without an endpoint the answer
    /// is 405, because the path has other methods.
    /// </summary>
    public static Task RefuseOtherCaseAsync(HttpContext http, RequestDelegate next)
    {
        if (http.GetEndpoint() is RouteEndpoint endpoint && Methods(endpoint) is { Count: > 0 } methods && !methods.Contains(http.Request.Method))
            http.SetEndpoint(null);
        return next(http);
    }

    public static Task WriteAsync(StatusCodeContext context)
    {
        var request = context.HttpContext.Request;
        var response = context.HttpContext.Response;
        // A 404 with an endpoint is that endpoint's own: /metrics hides.
        if (response.StatusCode == StatusCodes.Status405MethodNotAllowed || response.StatusCode == StatusCodes.Status404NotFound && context.HttpContext.GetEndpoint() is null)
            Correct(response, ListAt(context.HttpContext));
        var problem = response.StatusCode switch
        {
            StatusCodes.Status404NotFound => new ProblemResult(
                StatusCodes.Status404NotFound,
                "route_not_found",
                $"There is no route {TextRules.Clip(request.Path.ToString())}. /docs lists all routes. An id is a UUID with its hyphens."),
            StatusCodes.Status405MethodNotAllowed => new ProblemResult(
                StatusCodes.Status405MethodNotAllowed,
                "method_not_allowed",
                $"{TextRules.Clip(request.Method, 30)} is not allowed at {TextRules.Clip(request.Path.ToString())}. Use {response.Headers.Allow}."),
            var status => new ProblemResult(status, "bad_request", "The request cannot be processed."),
        };
        return problem.ExecuteAsync(context.HttpContext);
    }

    /// <summary>
    /// The framework matches the method before it checks a constraint. It answers 405 to PUT /v1/gallery/no-uuid/ and 404 to
    /// DELETE /v1/gallery/deleted/. So the path's methods are read from the routes.
    /// </summary>
    private static void Correct(HttpResponse response, RouteEndpoint[] endpoints)
    {
        string[] allowed = [.. endpoints.SelectMany(Methods).Distinct().Order(StringComparer.Ordinal)];
        response.StatusCode = allowed.Length > 0 ? StatusCodes.Status405MethodNotAllowed : StatusCodes.Status404NotFound;
        response.Headers.Allow = allowed.Length > 0 ? string.Join(", ", allowed) : default;
    }

    private static IReadOnlyList<string> Methods(RouteEndpoint endpoint) => endpoint.Metadata.GetMetadata<IHttpMethodMetadata>()?.HttpMethods ?? [];

    private static RouteEndpoint[] ListAt(HttpContext http) =>
    [
        .. Matchers.GetValue(http.RequestServices.GetRequiredService<EndpointDataSource>(), CreateMatchers)
            .Where(route => IsAt(route.Endpoint.RoutePattern, route.Matcher, http)).Select(route => route.Endpoint),
    ];

    private static (RouteEndpoint, TemplateMatcher)[] CreateMatchers(EndpointDataSource routes) =>
        [.. routes.Endpoints.OfType<RouteEndpoint>().Select(endpoint => (endpoint, new TemplateMatcher(new RouteTemplate(endpoint.RoutePattern), [])))];

    private static bool IsAt(RoutePattern pattern, TemplateMatcher matcher, HttpContext http)
    {
        var values = new RouteValueDictionary();
        return matcher.TryMatch(http.Request.Path, values)
            && pattern.Parameters.All(parameter => !parameter.ParameterPolicies.Any(policy => policy.Content == UuidRouteConstraint.Name)
                || UuidRouteConstraint.IsUuid((string)values[parameter.Name]!));
    }
}
