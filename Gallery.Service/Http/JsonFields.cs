using System.Buffers;
using System.Buffers.Text;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Gallery.Sql.Database;

namespace Gallery.Service.Http;

/// <summary>The fields of a request's JSON object. All faults are collected. A field that is null counts as absent, except for <see cref="IsNull"/>.</summary>
internal sealed class JsonFields
{
    private readonly Dictionary<string, ReadOnlyMemory<byte>> _values = new(StringComparer.Ordinal);
    private readonly FieldErrors _errors;

    private JsonFields(FieldErrors errors) => _errors = errors;

    /// <param name="known">The allowed names. Any other name is a fault, so that a misspelt field is not lost silently. The first one gets a suggestion, which takes microseconds.</param>
    /// <param name="readOnly">Names that answers have, and that a caller cannot set.</param>
    /// <exception cref="JsonException">The body is not a JSON object. The message is for the caller.</exception>
    public static JsonFields Read(ReadOnlyMemory<byte> json, ReadOnlySpan<string> known, FieldErrors errors, ReadOnlySpan<string> readOnly = default)
    {
        var fields = new JsonFields(errors);
        string? firstUnknown = null;
        var reader = new Utf8JsonReader(json.Span, new JsonReaderOptions { MaxDepth = int.MaxValue });
        try
        {
            reader.Read();
            if (reader.TokenType != JsonTokenType.StartObject) throw new JsonException($"The body must be a JSON object, not {Describe(reader.TokenType)}.");
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var name = Text(ref reader) ?? throw new JsonException("A field's name contains half of a surrogate pair. Send the whole pair or remove it.");
                reader.Read();
                var start = (int)reader.TokenStartIndex;
                reader.Skip();
                if (readOnly.Contains(name))
                    errors.Add(name, $"{name} cannot be changed. Fields that can: {string.Join(", ", known!)}.");
                else if (!known.Contains(name) && errors.IsFull)
                    errors.Count();   // without a message: a large body has very many fields
                else if (!known.Contains(name))
                {
                    if (name == firstUnknown) continue;   // perhaps one of thousands
                    var clipped = TextRules.Clip(name);
                    errors.Add(clipped, $"Unknown field '{clipped}'. {(firstUnknown is null ? Spelling.Suggest(clipped, known.ToArray()) : "")}Known fields: {string.Join(", ", known!)}.");
                    firstUnknown ??= name;
                }
                else if (!fields._values.TryAdd(name, json[start..(int)reader.BytesConsumed]))
                    errors.Add(name, $"{name} is given twice. Send it once.");
            }

            reader.Read();   // throws if anything follows the object
            return fields;
        }
        catch (JsonException e) when (e.LineNumber is { } line)
        {
            throw new JsonException(JsonRules.Explain(json.Span, line, e.BytePositionInLine ?? 0), e);
        }
    }

    /// <summary>Whether the field is there and null.</summary>
    public bool IsNull(string name) => _values.TryGetValue(name, out var json) && json.Span[0] == 'n';

    /// <summary>Whether the field is there and not null.</summary>
    public bool Has(string name) => Find(name) is not null;

    /// <summary>A string within its bounds, in Unicode code points. Null if it is absent or has a fault.</summary>
    public string? FindText(string name, int minimum, int maximum) => FindText(name, (field, text) => TextRules.FindFault(field, text, minimum, maximum));

    /// <summary>A string that follows a rule. Null if it is absent or has a fault.</summary>
    /// <param name="findFault">The fault of the string as a message, from its name and value; null if it has none.</param>
    public string? FindText(string name, Func<string, string, string?> findFault)
    {
        if (Find(name) is not { } json) return null;

        var reader = new Utf8JsonReader(json.Span);
        reader.Read();
        var isText = reader.TokenType == JsonTokenType.String;
        var text = isText ? Text(ref reader) ?? "\ud800" : null;   // TextRules explains the surrogate
        var fault = isText ? findFault(name, text!) : $"{name} must be a string, not {Describe(reader.TokenType)}.";
        if (fault is null) return text;
        _errors.Add(name, fault);
        return null;
    }

    /// <summary>Like <see cref="FindText(string, int, int)"/>, and absence is a fault.</summary>
    public string? RequireText(string name, int minimum, int maximum) => RequireText(name, minimum, maximum, (field, text) => TextRules.FindFault(field, text, minimum, maximum));

    /// <inheritdoc cref="RequireText(string, int, int)"/>
    public string? RequireText(string name, int minimum, int maximum, Func<string, string, string?> findFault)
    {
        if (Find(name) is null) _errors.Add(name, $"{name} is required. Send a string of {minimum} to {maximum} characters.");
        return FindText(name, findFault);
    }

    /// <summary>A whole number within its bounds. Null if it is absent or has a fault.</summary>
    public long? FindNumber(string name, long minimum, long maximum)
    {
        if (Find(name) is not { } json) return null;
        if (Utf8Parser.TryParse(json.Span, out long number, out var length) && length == json.Length && number >= minimum && number <= maximum) return number;
        _errors.Add(name, $"{name} must be a whole number from {minimum} to {maximum}.");
        return null;
    }

    /// <summary>Like <see cref="FindNumber"/>, and absence is a fault.</summary>
    public long? RequireNumber(string name, long minimum, long maximum)
    {
        if (Find(name) is null) _errors.Add(name, $"{name} is required. Send a whole number from {minimum} to {maximum}.");
        return FindNumber(name, minimum, maximum);
    }

    /// <summary>A UUID with its hyphens. Null if it is absent or has a fault.</summary>
    public Guid? FindId(string name)
    {
        if (FindText(name, 0, int.MaxValue) is not { } text) return null;
        if (UuidRouteConstraint.IsUuid(text)) return Guid.ParseExact(text, "D");
        _errors.Add(name, $"{name} is '{TextRules.Clip(text, 40)}', which is not a UUID. Send one with its hyphens.");
        return null;
    }

    /// <summary>Like <see cref="FindId"/>, and absence is a fault.</summary>
    public Guid? RequireId(string name)
    {
        if (Find(name) is null) _errors.Add(name, $"{name} is required. Send a UUID.");
        return FindId(name);
    }

    /// <summary>A time of ISO 8601 with an offset, from 1970 on, in UTC and to the microsecond. Null if it is absent or has a fault.</summary>
    public DateTime? FindTime(string name)
    {
        if (FindText(name, 0, int.MaxValue) is not { } text) return null;
        if (TimeText.Parse(text) is { Year: >= 1970 } time) return time;
        _errors.Add(name, $"{name} is '{TextRules.Clip(text, 40)}'. Send a time such as 2026-01-15T10:30:00Z, with an offset, from 1970 on.");
        return null;
    }

    /// <summary>Like <see cref="FindTime"/>, and absence is a fault.</summary>
    public DateTime? RequireTime(string name)
    {
        if (Find(name) is null) _errors.Add(name, $"{name} is required. Send a time such as 2026-01-15T10:30:00Z.");
        return FindTime(name);
    }

    /// <summary>A list of strings. Null if it is absent or has a fault.</summary>
    /// <param name="findFault">The fault of an item as a message, from the item's name and value; null if it has none.</param>
    /// <param name="maximum">Strings that may be sent. Further ones are not read.</param>
    /// <param name="cure">What to send instead of more.</param>
    public IReadOnlyList<string>? FindTexts(string name, int maximum, string cure, Func<string, string, string?> findFault)
    {
        if (Find(name) is not { } json) return null;

        var reader = new Utf8JsonReader(json.Span, new JsonReaderOptions { MaxDepth = int.MaxValue });
        reader.Read();
        var texts = new List<string>();
        var fault = reader.TokenType == JsonTokenType.StartArray ? null : $"{name} must be a list of strings, not {Describe(reader.TokenType)}.";
        while (fault is null && reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            var item = $"{name}[{texts.Count}]";
            var isText = reader.TokenType == JsonTokenType.String;
            texts.Add(isText ? Text(ref reader) ?? "\ud800" : "");   // TextRules explains the surrogate
            fault = texts.Count > maximum ? $"{name} has more than {maximum} items. {cure}"
                : isText ? findFault(item, texts[^1]) : $"{item} must be a string, not {Describe(reader.TokenType)}.";
        }

        if (fault is null) return texts;
        _errors.Add(name, fault);
        return null;
    }

    /// <summary>An object that <c>jsonb</c> can store, as sent. Null if it is absent or has a fault.</summary>
    public string? FindObject(string name, int maximumBytes, int maximumDepth)
    {
        if (Find(name) is not { } json) return null;

        var fault = json.Span[0] == '{'
            ? JsonRules.FindFault(name, json, maximumBytes, maximumDepth)
            : $"{name} must be an object, such as {{\"key\": \"value\"}}.";
        if (fault is null) return Encoding.UTF8.GetString(json.Span);
        _errors.Add(name, fault);
        return null;
    }

    /// <summary>The items of an array that must be there and have one, each as JSON: all, or one more than the maximum. Null if it has a fault.</summary>
    public IReadOnlyList<ReadOnlyMemory<byte>>? RequireArray(string name, int maximum)
    {
        var items = new List<ReadOnlyMemory<byte>>();
        var range = string.Create(CultureInfo.InvariantCulture, $"Send 1 to {maximum:N0} items.");
        if (Find(name) is not { } json)
        {
            _errors.Add(name, $"{name} is required. {range}");
            return null;
        }

        var reader = new Utf8JsonReader(json.Span, new JsonReaderOptions { MaxDepth = int.MaxValue });
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            _errors.Add(name, $"{name} must be an array, not {Describe(reader.TokenType)}.");
            return null;
        }

        while (items.Count <= maximum && reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            var start = (int)reader.TokenStartIndex;
            reader.Skip();
            items.Add(json[start..(int)reader.BytesConsumed]);
        }

        if (items.Count == 0) _errors.Add(name, $"{name} is empty. {range}");
        return items.Count == 0 ? null : items;
    }

    /// <summary>One of the words. Null if it is absent or has a fault.</summary>
    public string? FindWord(string name, params string[] words)
    {
        var word = FindText(name, 0, int.MaxValue);
        if (word is null || words.Contains(word)) return word;
        _errors.Add(name, $"{name} is '{TextRules.Clip(word, 20)}'. Send {string.Join(" or ", words)}.");
        return null;
    }

    /// <summary>Like <see cref="FindWord"/>, and absence is a fault.</summary>
    public string? RequireWord(string name, params string[] words)
    {
        if (Find(name) is null) _errors.Add(name, $"{name} is required. Send {string.Join(" or ", words)}.");
        return FindWord(name, words);
    }

    /// <summary>False if it is absent or has a fault.</summary>
    public bool FindSwitch(string name)
    {
        if (Find(name) is not { } json) return false;
        if (json.Span[0] is not ((byte)'t' or (byte)'f')) _errors.Add(name, $"{name} must be true or false.");
        return json.Span[0] == 't';
    }

    /// <summary>The reader's string; null if it contains half of a surrogate pair.</summary>
    internal static string? Text(ref Utf8JsonReader reader)
    {
        try
        {
            return reader.GetString();
        }
        catch (InvalidOperationException)   // how the reader reports \ud800 without its second half
        {
            return null;
        }
    }

    // Not null: that would convert to an empty ReadOnlyMemory.
    private ReadOnlyMemory<byte>? Find(string name) => _values.TryGetValue(name, out var json) && json.Span[0] != 'n' ? json : default(ReadOnlyMemory<byte>?);

    private static string Describe(JsonTokenType type) => type switch
    {
        JsonTokenType.Null => "null",
        JsonTokenType.String => "a string",
        JsonTokenType.Number => "a number",
        JsonTokenType.True or JsonTokenType.False => "a boolean",
        JsonTokenType.StartArray => "an array",
        _ => "an object",
    };
}

/// <summary>What PostgreSQL can store as <c>text</c>.</summary>
internal static class TextRules
{
    /// <summary>The fault of a text as a message; null if it has none.</summary>
    /// <param name="minimum">In Unicode code points, like <paramref name="maximum"/> and PostgreSQL's <c>char_length</c>.</param>
    /// <param name="count">Counts other characters than code points. It gets well-formed text.</param>
    public static string? FindFault(string field, string value, int minimum, int maximum, Func<string, int>? count = null)
    {
        if (value.Contains('\0', StringComparison.Ordinal)) return $"{field} contains the character U+0000, which cannot be stored. Remove it.";

        var length = 0;
        for (var rest = value.AsSpan(); rest.Length > 0; length++)
        {
            if (Rune.DecodeFromUtf16(rest, out _, out var consumed) != OperationStatus.Done)
                return $"{field} contains half of a surrogate pair. Send the whole pair or remove it.";
            rest = rest[consumed..];
        }

        if (count is not null) length = count(value);
        if (length < minimum) return $"{field} is empty. Send {minimum} to {maximum} characters.";
        return length > maximum ? string.Create(CultureInfo.InvariantCulture, $"{field} has {length} characters. The maximum is {maximum}.") : null;
    }

    /// <summary>Text from a request, short enough to repeat in an answer.</summary>
    public static string Clip(string text, int maximum = 100) =>
        text.Length <= maximum ? text : $"{text.AsSpan(0, char.IsHighSurrogate(text[maximum - 1]) ? maximum - 1 : maximum)}…";
}
