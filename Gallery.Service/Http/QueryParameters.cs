using System.Globalization;
using Gallery.Service.OpenApi;
using Gallery.Sql.Database;
using Microsoft.OpenApi;

namespace Gallery.Service.Http;

/// <summary>Parameters of the query. A wrong value is a fault that names the parameter.</summary>
internal static class QueryParameters
{
    /// <summary>
    /// Middleware. A parameter that the route does not declare is a fault, because a misspelt one would change what is meant. So is one that is given twice.
    /// </summary>
    public static Task CheckNamesAsync(HttpContext http, RequestDelegate next)
    {
        if (http.Request.Query.Count == 0 || http.GetEndpoint()?.Metadata is not { } facts || facts.GetMetadata<AllowedCallers>() is null) return next(http);

        var known = Names(facts).ToList();
        var errors = new FieldErrors();
        foreach (var (name, values) in http.Request.Query)
        {
            if (!known.Contains(name)) errors.Add(TextRules.Clip(name), UnknownMessage(name, known));
            else if (values.Count > 1) errors.Add(name, $"{name} is given {(values.Count == 2 ? "twice" : $"{values.Count} times")}. Send it once.");
        }

        return errors.Any ? errors.ToProblem().ExecuteAsync(http) : next(http);
    }

    /// <summary>The parameters that a route declares.</summary>
    public static IEnumerable<string> Names(IEnumerable<object> facts) =>
        facts.OfType<OpenApiParameter>().Where(parameter => parameter.In == ParameterLocation.Query).Select(parameter => parameter.Name!);

    public static ProblemResult Unknown(string name, IReadOnlyList<string> known) => FieldErrors.Of(name, UnknownMessage(name, known));

    private static string UnknownMessage(string name, IReadOnlyList<string> known) =>
        $"Unknown parameter '{TextRules.Clip(name)}'. {(known.Count == 0 ? "Remove it; this route has none." : $"Known parameters: {string.Join(", ", known)}.")}";

    /// <summary>The filter <c>user_id</c>. A user's token has its user as the default. Null for everyone's rows.</summary>
    public static string? ReadUserId(this IQueryCollection query, Caller caller, FieldErrors errors)
    {
        var userId = query.TryGetValue("user_id", out var text) ? text.ToString() : caller.UserId;
        if (userId is not null && TextRules.FindFault("user_id", userId, 1, Caller.UserIdMaximum) is { } fault)
            errors.Add("user_id", $"{fault} Leave user_id out for {(caller.UserId is null ? "everyone's" : "your own")}.");
        return userId;
    }

    /// <summary>False if it is absent.</summary>
    public static bool ReadSwitch(this IQueryCollection query, string name, FieldErrors errors)
    {
        if (!query.TryGetValue(name, out var text) || text is ["true"]) return text is ["true"];
        if (text is not ["false"]) errors.Add(name, $"{name} is '{TextRules.Clip(text.ToString(), 20)}'. Send true or false.");
        return false;
    }

    /// <summary>The first choice if it is absent.</summary>
    public static string ReadChoice(this IQueryCollection query, string name, FieldErrors errors, params string[] choices)
    {
        if (!query.TryGetValue(name, out var text)) return choices[0];
        if (choices.Contains(text.ToString())) return text.ToString();
        errors.Add(name, $"{name} is '{TextRules.Clip(text.ToString(), 20)}'. Send {string.Join(" or ", choices)}.");
        return choices[0];
    }

    /// <summary>0 if it is absent.</summary>
    public static int ReadNumber(this IQueryCollection query, string name, int maximum, FieldErrors errors)
    {
        if (!query.TryGetValue(name, out var text)) return 0;
        if (text is [{ } digits] && digits.All(char.IsAsciiDigit) && int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number <= maximum)
            return number;
        errors.Add(name, NumberFault(name, text.ToString(), maximum));
        return 0;
    }

    public static string NumberFault(string name, string text, int maximum) => $"{name} is '{TextRules.Clip(text, 20)}'. Send a whole number from 0 to {maximum}.";
}
