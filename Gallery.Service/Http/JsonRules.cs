using System.Text.Json;

namespace Gallery.Service.Http;

/// <summary>
/// What PostgreSQL takes as <c>jsonb</c>. The parser takes more: U+0000, half surrogate pairs, any number, a key twice.
/// </summary>
internal static class JsonRules
{
    /// <summary>What is wrong with a JSON object, as a sentence; null if nothing is.</summary>
    /// <param name="field">The field that holds it, to name in the sentence.</param>
    /// <param name="json">Well-formed JSON in well-formed UTF-8, beginning with its brace.</param>
    /// <param name="maximumBytes">Of the object as sent, numbers counted as PostgreSQL writes them out.</param>
    /// <param name="maximumDepth">Objects and arrays in one another, the object itself being the first.</param>
    public static string? FindFault(string field, ReadOnlyMemory<byte> json, int maximumBytes, int maximumDepth)
    {
        var size = (long)json.Length;
        var reader = new Utf8JsonReader(json.Span, new JsonReaderOptions { MaxDepth = int.MaxValue });
        while (reader.Read())
        {
            switch (reader.TokenType)
            {
                case JsonTokenType.StartObject or JsonTokenType.StartArray when reader.CurrentDepth >= maximumDepth:
                    return $"{field} is nested more than {maximumDepth} deep; flatten it.";
                case JsonTokenType.String or JsonTokenType.PropertyName when reader.ValueIsEscaped && FindFault(field, ref reader) is { } fault:
                    return fault;
                case JsonTokenType.Number:
                    if (JsonNumber.WrittenLength(reader.ValueSpan) is not { } written)
                        return $"{field} holds a number that PostgreSQL can not: 16,383 digits after the point and 131,072 before it at most. Send it as a string.";
                    size += Math.Max(0, written - reader.ValueSpan.Length);
                    break;
            }
        }

        if (size > maximumBytes) return $"{field} has {size} bytes (numbers written out in full); {maximumBytes} at most.";
        return HasKeyTwice(json) ? $"{field} holds a key twice in one object; which value is meant can not be told." : null;
    }

    private static string? FindFault(string field, ref Utf8JsonReader reader)
    {
        try
        {
            return reader.GetString()!.Contains('\0', StringComparison.Ordinal)
                ? $"{field} holds the character U+0000 (\\u0000), which PostgreSQL can not store; remove it."
                : null;
        }
        catch (InvalidOperationException)   // the reader's answer to \ud800 without its second half
        {
            return $"{field} holds half of a surrogate pair (\\ud800 to \\udfff alone), which is no character; send the whole pair or remove it.";
        }
    }

    private static bool HasKeyTwice(ReadOnlyMemory<byte> json)
    {
        try
        {
            JsonDocument.Parse(json, new JsonDocumentOptions { AllowDuplicateProperties = false }).Dispose();
            return false;
        }
        catch (JsonException)   // well-formed and not deep, so a key twice is all that is left
        {
            return true;
        }
    }
}
