using System.Globalization;
using System.Text.Json;

namespace Gallery.Service.Http;

/// <summary>
/// What PostgreSQL can store as <c>jsonb</c>. The parser also accepts U+0000, half surrogate pairs, numbers of any size and duplicate keys.
/// </summary>
internal static class JsonRules
{
    private const int MaximumExponent = 16_383;   // also the most fraction digits of PostgreSQL's numeric

    /// <summary>The fault of a JSON object as a message; null if it has none.</summary>
    /// <param name="field">The field's name, for the message.</param>
    /// <param name="json">Well-formed JSON in valid UTF-8 that begins with <c>{</c>.</param>
    /// <param name="maximumBytes">Size as sent, with exponents written out as zeros, which is how PostgreSQL prints them.</param>
    /// <param name="maximumDepth">Nested objects and arrays, including the object itself.</param>
    public static string? FindFault(string field, ReadOnlyMemory<byte> json, int maximumBytes, int maximumDepth)
    {
        var size = (long)json.Length;
        var reader = new Utf8JsonReader(json.Span, new JsonReaderOptions { MaxDepth = int.MaxValue });
        while (reader.Read())
        {
            switch (reader.TokenType)
            {
                case JsonTokenType.StartObject or JsonTokenType.StartArray when reader.CurrentDepth >= maximumDepth:
                    return $"{field} is nested more than {maximumDepth} levels deep. Flatten it.";
                case JsonTokenType.String or JsonTokenType.PropertyName when reader.ValueIsEscaped:
                    if (TextRules.FindFault(field, JsonFields.Text(ref reader) ?? "\ud800", 0, int.MaxValue) is { } fault) return fault;
                    break;
                case JsonTokenType.Number:
                    if (WrittenLength(reader.ValueSpan) is not { } length)
                        return $"{field} contains a number with more than {MaximumExponent:N0} digits after the point or in its exponent. Send it as a string.";
                    size += length - reader.ValueSpan.Length;
                    break;
            }
        }

        if (size > maximumBytes)
            return string.Create(CultureInfo.InvariantCulture, $"{field} has {size:N0} bytes, with numbers written out in full. The maximum is {maximumBytes:N0}.");
        return HasDuplicateKey(json) ? $"{field} contains the same key twice in one object. Send each key once." : null;
    }

    /// <summary>The most characters that the number takes when written without an exponent; null if it is out of range.</summary>
    /// <param name="token">A number by JSON's grammar.</param>
    internal static int? WrittenLength(ReadOnlySpan<byte> token)
    {
        var e = token.IndexOfAny((byte)'e', (byte)'E');
        var mantissa = e < 0 ? token : token[..e];
        var exponent = 0;
        if (e >= 0 && !(int.TryParse(token[(e + 1)..], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out exponent) && exponent is >= -MaximumExponent and <= MaximumExponent))
            return null;

        var point = mantissa.IndexOf((byte)'.');
        var fraction = point < 0 ? 0 : mantissa.Length - point - 1;
        return fraction - exponent <= MaximumExponent ? token.Length + Math.Abs(exponent) : null;
    }

    /// <summary>Where the parser stopped, what it found there, and the cure of the common mistakes.</summary>
    /// <param name="line">From 0, like <paramref name="column"/>, which counts bytes.</param>
    public static string Explain(ReadOnlySpan<byte> json, long line, long column)
    {
        if (json.Trim(" \t\r\n"u8).IsEmpty) return "The body is empty. Send a JSON object.";
        var rest = json;
        for (var skipped = 0; skipped < line; skipped++) rest = rest[(rest.IndexOf((byte)'\n') + 1)..];
        rest = rest[(int)Math.Min(column, rest.Length)..];
        var what = rest switch
        {
            [] => "the JSON ends too early. Close every quote, bracket and brace.",
            _ when rest.StartsWith("NaN"u8) || rest.StartsWith("Infinity"u8) => "NaN and Infinity are not JSON. Send null or a string.",
            _ when rest.StartsWith("None"u8) || rest.StartsWith("True"u8) || rest.StartsWith("False"u8) => "use null, true and false, in lower case.",
            [(byte)'\'', ..] => "use double quotes.",
            [(byte)'}' or (byte)']', ..] => $"unexpected '{(char)rest[0]}'. Remove the comma before it or complete the value.",
            [< 0x20, ..] => $"unexpected control character 0x{rest[0]:X2}. Escape it, such as \\n for a line break.",
            [< 0x7f, ..] => $"unexpected '{(char)rest[0]}'.",
            _ => $"unexpected byte 0x{rest[0]:X2}.",
        };
        return $"Invalid JSON at line {line + 1}, byte {column + 1}: {what}";
    }

    private static bool HasDuplicateKey(ReadOnlyMemory<byte> json)
    {
        try
        {
            JsonDocument.Parse(json, new JsonDocumentOptions { AllowDuplicateProperties = false }).Dispose();
            return false;
        }
        catch (JsonException)   // the JSON is well-formed and not deep, so only a duplicate key is left
        {
            return true;
        }
    }
}
