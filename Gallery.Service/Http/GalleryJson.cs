using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Gallery.Service.Health;
using Gallery.Service.Page;

namespace Gallery.Service.Http;

/// <summary>How JSON is written, and the wire records that belong to no noun.</summary>
[JsonSerializable(typeof(Envelope<HealthReport>))]
[JsonSerializable(typeof(Problem))]
[JsonSerializable(typeof(PageSettings))]
internal sealed partial class GalleryJson : JsonSerializerContext
{
    /// <summary>Sets the one form of JSON, and adds the records of every noun.</summary>
    public static void Configure(JsonSerializerOptions options)
    {
        options.NumberHandling = JsonNumberHandling.Strict;
        options.PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower;
        options.Converters.Add(new UtcTimeConverter());
        options.Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping;   // text as it was sent: this is application/json, never part of a page
        options.TypeInfoResolverChain.Insert(0, Default);
        foreach (var noun in Nouns.All) options.TypeInfoResolverChain.Insert(0, noun.Json);
    }
}
