using System.Text.Json;
using System.Text.Json.Serialization;

namespace Gallery.Service.Http;

/// <summary>Writes a string that is already JSON without change. PostgreSQL's output needs no second parse.</summary>
internal sealed class RawJsonConverter : JsonConverter<string>
{
    public override string Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        JsonElement.ParseValue(ref reader).GetRawText();

    public override void Write(Utf8JsonWriter writer, string value, JsonSerializerOptions options) =>
        writer.WriteRawValue(value, skipInputValidation: true);
}
