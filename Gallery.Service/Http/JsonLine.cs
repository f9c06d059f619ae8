using System.Buffers;
using System.Text.Json;

namespace Gallery.Service.Http;

/// <summary>A line of JSON, as <c>application/x-ndjson</c> has them.</summary>
internal static class JsonLine
{
    public const string MediaType = "application/x-ndjson";

    public static void Write<T>(IBufferWriter<byte> text, T value, JsonSerializerOptions options)
    {
        using var writer = new Utf8JsonWriter(text, new JsonWriterOptions { Encoder = options.Encoder, SkipValidation = true });
        JsonSerializer.Serialize(writer, value, options);
        writer.Flush();
        text.Write("\n"u8);
    }
}
