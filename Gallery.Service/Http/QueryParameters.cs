using System.Globalization;
using System.Text.Json;
using Gallery.Service.OpenApi;
using Gallery.Sql.Database;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.Primitives;
using Microsoft.OpenApi;

namespace Gallery.Service.Http;

/// <summary>Parameters of the query. A wrong value is a fault that names the parameter.</summary>
internal static class QueryParameters
{
    // What other services call the parameters that several routes have.
    private static readonly OtherNames Others = new(
        ("cursor", "page offset skip"),
        ("limit", "per_page page_size"),
        ("sort", "order order_by ordering"),
        ("count", "total"),
        ("Send it in X-API-Key or Authorization.", "api_key apikey key token access_token"));

    // Names of list parameters, which nobody means as keys of an object.
    private static readonly string[] OfLists = ["limit", "cursor", "sort", "count", "fields", "page", "offset", "per_page", "page_size"];

    /// <summary>
    /// Middleware. A parameter that the route does not declare is a fault, because a misspelt one would change what is meant. So is one that is given twice.
    /// </summary>
    public static Task CheckNamesAsync(HttpContext http, RequestDelegate next)
    {
        if (!http.Request.QueryString.HasValue || http.GetEndpoint()?.Metadata is not { } facts || facts.GetMetadata<AllowedCallers>() is null) return next(http);

        http.Features.Set<IQueryFeature>(new QueryFeature(Parse(http.Request.QueryString.Value)));
        var known = Declared(facts).ToList();
        var errors = new FieldErrors();
        foreach (var (name, values) in http.Request.Query)
        {
            if (known.Find(one => IsNamed(one, name)) is not { } parameter)
            {
                if (errors.IsFull) errors.Count();   // a suggestion takes microseconds, and thousands of names fit into a request
                else errors.Add(TextRules.Clip(name), UnknownMessage(TextRules.Clip(name), known, facts));
            }
            else if (values.Count > 1 && parameter.Schema!.Type != JsonSchemaType.Array) errors.Add(name, $"{name} is given {(values.Count == 2 ? "twice" : $"{values.Count} times")}. Send it once.");
        }

        return errors.Any ? errors.ToProblem().ExecuteAsync(http) : next(http);
    }

    /// <summary>The keys that the name of a value in an object leads through: <c>name.a.b</c>, or <c>name[a][b]</c> as OpenAPI's style deepObject has it. Empty for another name.</summary>
    public static IReadOnlyList<string> Path(string name, string parameter)
    {
        if (!name.StartsWith(parameter, StringComparison.Ordinal)) return [];
        List<string> keys = [];
        for (var rest = name.AsSpan(parameter.Length); rest.Length > 0;)
        {
            var length = rest[0] == '.' ? rest[1..].IndexOfAny('.', '[') : rest[0] == '[' ? rest[1..].IndexOf(']') : -1;
            if (length < 0 && rest[0] != '.') return [];
            if (length < 0) length = rest.Length - 1;
            keys.Add(rest.Slice(1, length).ToString());
            rest = rest[(length + (rest[0] == '[' ? 2 : 1))..];
        }

        return keys;
    }

    /// <summary>The parameters by name, with their case. The framework would merge <c>metadata.Model</c> into <c>metadata.model</c>.</summary>
    private static QueryCollection Parse(string? text)
    {
        var parameters = new Dictionary<string, List<string>>(StringComparer.Ordinal);
        foreach (var parameter in new QueryStringEnumerable(text))
        {
            var name = parameter.DecodeName().ToString();
            if (!parameters.TryGetValue(name, out var values)) parameters.Add(name, values = []);
            values.Add(parameter.DecodeValue().ToString());
        }

        return new(parameters.ToDictionary(one => one.Key, one => new StringValues([.. one.Value]), StringComparer.Ordinal));
    }

    private static IEnumerable<OpenApiParameter> Declared(IEnumerable<object> facts) => facts.OfType<OpenApiParameter>().Where(parameter => parameter.In == ParameterLocation.Query);

    private static bool IsNamed(OpenApiParameter parameter, string name) =>
        parameter.Style == ParameterStyle.DeepObject ? Path(name, parameter.Name!).Count > 0 : name == parameter.Name;

    /// <summary>The answer to a parameter that a route with these facts does not declare.</summary>
    public static ProblemResult Unknown(string name, IEnumerable<object> facts) => FieldErrors.Of(name, UnknownMessage(name, [.. Declared(facts)], facts));

    /// <summary>Suggests a field of the body, another parameter, or a key of an object, such as <c>metadata.session_id</c>.</summary>
    private static string UnknownMessage(string name, List<OpenApiParameter> known, IEnumerable<object> facts)
    {
        if (known.Any(parameter => parameter.Name == name)) return $"{name} needs a key. Send {name}.key=value.";
        if (facts.OfType<IAcceptsMetadata>().Any(body => IsField(body.RequestType, name))) return $"Unknown parameter '{name}'. Send {name} in the body.";
        var names = known.Select(parameter => parameter.Name!).ToList();
        var holder = known.Find(parameter => parameter.Style == ParameterStyle.DeepObject);
        if (holder is not null && (name.StartsWith($"{holder.Name}.", StringComparison.Ordinal) || name.StartsWith($"{holder.Name}[", StringComparison.Ordinal)))
            return $"Unknown parameter '{name}'. Send {holder.Name}.key=value, or {holder.Name}[key]=value.";
        var meant = facts.OfType<OtherNames>().Append(Others).Select(others => others.Find(name, names)).FirstOrDefault(right => right is not null);
        var suggestion = meant?.Contains(' ') == true ? $" {meant}"
            : meant is not null ? $" Did you mean {meant}?"
            : holder is not null && name.StartsWith($"{holder.Name}_", StringComparison.Ordinal) ? $" Did you mean {holder.Name}.{name[(holder.Name!.Length + 1)..]}?"
            : Spelling.Suggest(name.Split('.', '[')[0], names) is { Length: > 0 } question ? $" {question.TrimEnd()}" : "";
        var rest = names.Count > 0 ? $" Known parameters: {string.Join(", ", names)}." : suggestion.Length == 0 ? " Remove it; this route has none." : "";
        var hint = suggestion.Length == 0 && holder is not null && name is not (['.' or '[', ..] or "") && !OfLists.Contains(name)
            ? $" For a value of {holder.Name}, send {holder.Name}.{name}=value."
            : "";
        return $"Unknown parameter '{name}'.{suggestion}{rest}{hint}";
    }

    private static bool IsField(Type? body, string name) => body?.GetProperties().Any(field => JsonNamingPolicy.SnakeCaseLower.ConvertName(field.Name) == name) == true;

    /// <summary>The filter <c>user_id</c>. A user's token has its user as the default. Null for everyone's rows.</summary>
    /// <param name="isRequired">Whether a service key has to send it.</param>
    public static string? ReadUserId(this IQueryCollection query, Caller caller, FieldErrors errors, bool isRequired = false)
    {
        var userId = query.TryGetValue("user_id", out var text) ? text.ToString() : caller.UserId;
        if (userId is not null && TextRules.FindFault("user_id", userId, 1, Caller.UserIdMaximum) is { } fault)
            errors.Add("user_id", caller.UserId is not null ? $"{fault} Leave user_id out for your own." : isRequired ? fault : $"{fault} Leave user_id out for everyone's.");
        return userId;
    }

    /// <summary>False if it is absent.</summary>
    public static bool ReadSwitch(this IQueryCollection query, string name, FieldErrors errors)
    {
        if (!query.TryGetValue(name, out var text) || text is ["true"]) return text is ["true"];
        if (text is not ["false"]) errors.Add(name, $"{name} is '{TextRules.Clip(text.ToString(), 20)}'. Send true or false.");
        return false;
    }

    /// <summary>Null if it is absent or has a fault.</summary>
    public static bool? ReadTruth(this IQueryCollection query, string name, FieldErrors errors) =>
        query.TryGetValue(name, out var text) && (query.ReadSwitch(name, errors) || text is ["false"]) ? text is ["true"] : null;

    /// <summary>A time in UTC, or a day, which stands for its first moment in UTC. Null if it is absent or has a fault.</summary>
    public static DateTime? ReadTime(this IQueryCollection query, string name, FieldErrors errors)
    {
        if (!query.TryGetValue(name, out var text)) return null;
        if (TimeText.Parse(DateOnly.TryParseExact(text.ToString(), "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out _) ? $"{text}T00:00:00Z" : text.ToString()) is { } time)
            return time;
        errors.Add(name, $"{name} is '{TextRules.Clip(text.ToString(), 40)}'. Send a time with its offset, such as 2026-01-15T10:30Z, or a day. In a URL, + is %2B.");
        return null;
    }

    /// <summary>The different UUIDs of a list with commas. Null if it is absent or has a fault.</summary>
    public static IReadOnlyList<Guid>? ReadIds(this IQueryCollection query, string name, int maximum, FieldErrors errors)
    {
        if (!query.TryGetValue(name, out var text)) return null;
        var ids = text.ToString().Split(',');
        if (ids.Length > maximum) errors.Add(name, $"{name} has {ids.Length} items. The maximum is {maximum}.");
        else if (ids.FirstOrDefault(id => !UuidRouteConstraint.IsUuid(id)) is { } wrong)
            errors.Add(name, $"{name} contains '{TextRules.Clip(wrong, 40)}', which is not a UUID. Send UUIDs with commas between them, without spaces.");
        else return [.. ids.Select(id => Guid.ParseExact(id, "D")).Distinct()];
        return null;
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
