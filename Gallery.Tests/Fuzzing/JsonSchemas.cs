using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Gallery.Tests.Fuzzing;

/// <summary>
/// The part of JSON Schema that the document uses. Any other keyword or format throws, so that nothing stays unchecked. One rule
/// is stricter than the standard: if an object's schema names members, other members are a fault.
/// </summary>
internal sealed class JsonSchemas(JsonElement components)
{
    private const string Reference = "#/components/schemas/";

    private static readonly string[] Known =
    [
        "$ref", "type", "enum", "properties", "required", "additionalProperties", "items", "minItems", "maxItems", "minLength", "maxLength", "pattern", "minimum", "maximum", "format",
        "description", "default", "example", "anyOf", "allOf", "maxProperties",
    ];

    /// <summary>Follows a reference to the schema itself.</summary>
    public JsonElement Resolve(JsonElement schema)
    {
        if (schema.EnumerateObject().Select(keyword => keyword.Name).FirstOrDefault(name => !Known.Contains(name)) is { } unknown)
            throw new NotSupportedException($"The schema has {unknown}, which the fuzzer does not know: {schema}");
        if (!schema.TryGetProperty("$ref", out var reference)) return schema;
        return reference.GetString() is { } name && name.StartsWith(Reference, StringComparison.Ordinal)
            ? Resolve(components.GetProperty(name[Reference.Length..]))
            : throw new NotSupportedException($"The fuzzer does not follow {reference}.");
    }

    /// <summary>The names of the types that a schema allows.</summary>
    public IReadOnlyList<string> Types(JsonElement schema) => !Resolve(schema).TryGetProperty("type", out var type)
        ? throw new NotSupportedException($"A schema without a type: {schema}")
        : type.ValueKind == JsonValueKind.Array ? [.. type.EnumerateArray().Select(one => one.GetString()!)] : [type.GetString()!];

    /// <summary>Why a value is not what the schema says; null if it is.</summary>
    /// <param name="isPart">Whether other schemas name further members of the same object.</param>
    /// <param name="fields">The only members that each item of a list has. Null for those that the schema requires.</param>
    public string? FindFault(JsonElement given, JsonElement value, string at = "$", bool isPart = false, IReadOnlySet<string>? fields = null)
    {
        if (given.TryGetProperty("allOf", out var parts))
            return parts.EnumerateArray().Select(part => FindFault(part, value, at, isPart: !part.TryGetProperty("$ref", out _), fields)).FirstOrDefault(fault => fault is not null);
        // The one use of anyOf is an enum that is open to clients. This release answers with the listed values only.
        if (given.TryGetProperty("anyOf", out var alternatives)) return FindFault(alternatives[0], value, at, fields: fields);

        var schema = Resolve(given);
        if (!schema.EnumerateObject().Any()) return null;
        var types = Types(schema);
        if (!types.Contains(TypeOf(value)) && !(TypeOf(value) == "integer" && types.Contains("number"))) return $"{at} is {TypeOf(value)}, not {string.Join(" or ", types)}";
        if (schema.TryGetProperty("enum", out var allowed) && !allowed.EnumerateArray().Any(one => JsonElement.DeepEquals(one, value))) return $"{at} is none of {allowed}";
        return value.ValueKind switch
        {
            JsonValueKind.Object => FindFaultOfObject(schema, value, at, isPart, fields),
            JsonValueKind.Array when value.GetArrayLength() < FindBound(schema, "minItems") || value.GetArrayLength() > FindBound(schema, "maxItems") => $"{at} has {value.GetArrayLength()} items",
            JsonValueKind.Array => value.EnumerateArray().Select((item, i) => FindFault(schema.GetProperty("items"), item, $"{at}[{i}]", fields: fields)).FirstOrDefault(fault => fault is not null),
            JsonValueKind.String => FindFaultOfText(schema, value.GetString()!, at),
            JsonValueKind.Number => FindFaultOfNumber(schema, value, at),
            _ => null,
        };
    }

    /// <summary>The members that an object must have. user_id is one where no credentials name the user, as in the fuzzed service.</summary>
    public static HashSet<string> Required(JsonElement schema)
    {
        var names = schema.TryGetProperty("required", out var required) ? required.EnumerateArray().Select(name => name.GetString()!).ToHashSet() : [];
        if (names.Count > 0 && schema.GetProperty("properties").TryGetProperty("user_id", out _)) names.Add("user_id");
        return names;
    }

    /// <summary>A higher bound than an int holds is that of an int.</summary>
    public static int? FindBound(JsonElement schema, string keyword) => schema.TryGetProperty(keyword, out var bound) ? bound.TryGetInt32(out var number) ? number : int.MaxValue : null;

    public static string? FindPattern(JsonElement schema) => schema.TryGetProperty("pattern", out var pattern) ? pattern.GetString() : null;

    public static string? FindFormat(JsonElement schema) => schema.TryGetProperty("format", out var format) ? format.GetString() : null;

    private string? FindFaultOfObject(JsonElement schema, JsonElement value, string at, bool isPart, IReadOnlySet<string>? fields)
    {
        var selected = at.EndsWith(']') ? fields : null;
        IEnumerable<string> needed = selected ?? (schema.TryGetProperty("required", out var required) ? required.EnumerateArray().Select(name => name.GetString()!) : []);
        if (needed.FirstOrDefault(name => !value.TryGetProperty(name, out _)) is { } missing) return $"{at} lacks {missing}";

        var named = schema.TryGetProperty("properties", out var properties);
        var open = schema.TryGetProperty("additionalProperties", out var additional) ? additional.ValueKind != JsonValueKind.False : !named;
        foreach (var member in value.EnumerateObject())
        {
            if (selected?.Contains(member.Name) == false) return $"{at}.{member.Name} was not selected";
            if (named && properties.TryGetProperty(member.Name, out var one))
            {
                if (FindFault(one, member.Value, $"{at}.{member.Name}", fields: selected is null ? fields : null) is { } fault) return fault;
            }
            else if (!open && !isPart)
            {
                return $"{at}.{member.Name} is not in the schema";
            }
            else if (additional.ValueKind == JsonValueKind.Object && FindFault(additional, member.Value, $"{at}.{member.Name}") is { } fault)
            {
                return fault;
            }
        }

        return null;
    }

    private static string? FindFaultOfText(JsonElement schema, string value, string at)
    {
        var length = value.EnumerateRunes().Count();
        if (length < FindBound(schema, "minLength") || length > FindBound(schema, "maxLength")) return $"{at} has {length} characters";
        if (FindPattern(schema) is { } pattern && !Regex.IsMatch(value, pattern, RegexOptions.ECMAScript)) return $"{at} does not match {pattern}";
        return FindFormat(schema) switch
        {
            null => null,
            "uuid" => Guid.TryParseExact(value, "D", out _) && !value.Any(char.IsAsciiLetterUpper) ? null : $"{at} is no UUID: {value}",
            "uri" => Uri.TryCreate(value, UriKind.Absolute, out _) ? null : $"{at} is no URI: {value}",
            "date" => DateOnly.TryParseExact(value, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out _) ? null : $"{at} is no day: {value}",
            "date-time" => value.EndsWith('Z') && DateTime.TryParse(value, CultureInfo.InvariantCulture, out _) ? null : $"{at} is no time in UTC: {value}",
            var format => throw new NotSupportedException($"The fuzzer does not know the format {format}."),
        };
    }

    private static string? FindFaultOfNumber(JsonElement schema, JsonElement value, string at)
    {
        var number = value.GetDouble();
        if (number < FindBound(schema, "minimum") || number > FindBound(schema, "maximum")) return $"{at} is {value}";
        return FindFormat(schema) switch
        {
            null or "double" => null,
            "int32" => value.TryGetInt32(out _) ? null : $"{at} is no 32-bit integer: {value}",
            "int64" => value.TryGetInt64(out _) ? null : $"{at} is no 64-bit integer: {value}",
            var format => throw new NotSupportedException($"The fuzzer does not know the format {format}."),
        };
    }

    /// <summary>JSON Schema's name of a value's type.</summary>
    public static string TypeOf(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => "object",
        JsonValueKind.Array => "array",
        JsonValueKind.String => "string",
        JsonValueKind.Number => value.GetRawText().AsSpan().ContainsAny(".eE") ? "number" : "integer",
        JsonValueKind.Null => "null",
        _ => "boolean",
    };
}
