using System.Text.Json;

namespace Gallery.Service.Http;

/// <summary>
/// The fields of a request's JSON object, each read by its rule. Every fault is gathered, so the caller mends all in one go.
/// A field that is null is a field not given.
/// </summary>
internal sealed class JsonFields
{
    private readonly Dictionary<string, ReadOnlyMemory<byte>> _values = new(StringComparer.Ordinal);
    private readonly FieldErrors _errors;

    private JsonFields(FieldErrors errors) => _errors = errors;

    /// <param name="known">The names that the object may hold: another one is a fault, lest a misspelt field be lost in silence.</param>
    /// <exception cref="JsonException">This is not a JSON object.</exception>
    public static JsonFields Read(ReadOnlyMemory<byte> json, ReadOnlySpan<string> known, FieldErrors errors)
    {
        var fields = new JsonFields(errors);
        var reader = new Utf8JsonReader(json.Span, new JsonReaderOptions { MaxDepth = int.MaxValue });
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject) throw new JsonException("no object");
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = ReadName(ref reader);
            reader.Read();
            var start = (int)reader.TokenStartIndex;
            reader.Skip();
            if (!known.Contains(name))
                errors.Add(name, $"There is no field of this name; known are {string.Join(", ", known!)}.");
            else if (!fields._values.TryAdd(name, json[start..(int)reader.BytesConsumed]))
                errors.Add(name, $"{name} is given twice; which value is meant can not be told.");
        }

        reader.Read();   // what follows the object is an error, and the reader's own
        return fields;
    }

    /// <summary>A string within its bounds, which count Unicode code points; null if not given or at fault.</summary>
    public string? FindText(string name, int minimum, int maximum)
    {
        if (!_values.TryGetValue(name, out var json) || IsNull(json)) return null;

        var reader = new Utf8JsonReader(json.Span);
        reader.Read();
        if (reader.TokenType != JsonTokenType.String)
        {
            _errors.Add(name, $"{name} must be a string, not {Describe(reader.TokenType)}.");
            return null;
        }

        string text;
        try
        {
            text = reader.GetString()!;
        }
        catch (InvalidOperationException)   // half of a surrogate pair has no string; the rule below has the words for it
        {
            text = "\ud800";
        }

        if (TextRules.FindFault(name, text, minimum, maximum) is not { } fault) return text;
        _errors.Add(name, fault);
        return null;
    }

    /// <summary>As <see cref="FindText"/>, and not given is a fault too.</summary>
    public string? RequireText(string name, int minimum, int maximum)
    {
        if (!_values.TryGetValue(name, out var json) || IsNull(json))
            _errors.Add(name, $"{name} is required: a string of {minimum} to {maximum} characters.");
        return FindText(name, minimum, maximum);
    }

    /// <summary>An object that PostgreSQL takes as <c>jsonb</c>, as it was sent; null if not given or at fault.</summary>
    public string? FindObject(string name, int maximumBytes, int maximumDepth)
    {
        if (!_values.TryGetValue(name, out var json) || IsNull(json)) return null;

        var fault = json.Span[0] == '{'
            ? JsonRules.FindFault(name, json, maximumBytes, maximumDepth)
            : $"{name} must be an object, such as {{\"model\": \"…\"}}.";
        if (fault is null) return System.Text.Encoding.UTF8.GetString(json.Span);
        _errors.Add(name, fault);
        return null;
    }

    private static bool IsNull(ReadOnlyMemory<byte> json) => json.Span[0] == 'n';

    private static string ReadName(ref Utf8JsonReader reader)
    {
        try
        {
            var name = reader.GetString()!;
            return name.Length <= 100 ? name : $"{name.AsSpan(0, 99)}…";
        }
        catch (InvalidOperationException)
        {
            throw new JsonException("half of a surrogate pair in a name");
        }
    }

    private static string Describe(JsonTokenType type) => type switch
    {
        JsonTokenType.Number => "a number",
        JsonTokenType.True or JsonTokenType.False => "a boolean",
        JsonTokenType.StartArray => "an array",
        _ => "an object",
    };
}
