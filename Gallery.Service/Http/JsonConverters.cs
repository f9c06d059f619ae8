using System.Buffers.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Gallery.Service.Http;

/// <summary>Writes times with six fraction digits always. System.Text.Json drops trailing zeros, and some parsers need a fixed width.</summary>
internal sealed class UtcTimeConverter : JsonConverter<DateTime>
{
    public override DateTime Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => reader.GetDateTime();

    public override void Write(Utf8JsonWriter writer, DateTime value, JsonSerializerOptions options)
    {
        const int length = 26;                               // 2026-01-15T10:30:00.000000
        Span<byte> text = stackalloc byte[length + 2];
        Utf8Formatter.TryFormat(value, text, out _, 'O');    // has seven digits, then Z
        text[length] = (byte)'Z';
        writer.WriteStringValue(text[..(length + 1)]);
    }
}

/// <summary>Writes a string that is already JSON without change. PostgreSQL's output needs no second parse.</summary>
internal sealed class RawJsonConverter : JsonConverter<string>
{
    public override string Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        JsonElement.ParseValue(ref reader).GetRawText();

    public override void Write(Utf8JsonWriter writer, string value, JsonSerializerOptions options) =>
        writer.WriteRawValue(value, skipInputValidation: true);
}

/// <summary>Writes a count as a number, or as text if it ends with a plus.</summary>
internal sealed class CountConverter : JsonConverter<string>
{
    public override string Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => JsonElement.ParseValue(ref reader).ToString();

    public override void Write(Utf8JsonWriter writer, string value, JsonSerializerOptions options)
    {
        if (value.EndsWith('+')) writer.WriteStringValue(value);
        else writer.WriteRawValue(value, skipInputValidation: true);
    }
}
