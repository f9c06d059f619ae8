using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Gallery.Service.Health;
using Gallery.Service.Images;

namespace Gallery.Service.Http;

/// <summary>Every type that goes over the wire, with its serialiser made at build time.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(Envelope<Image>))]
[JsonSerializable(typeof(SavedImage))]
[JsonSerializable(typeof(PageEnvelope<Image>))]
[JsonSerializable(typeof(Envelope<HealthReport>))]
[JsonSerializable(typeof(CreateImageRequest))]
[JsonSerializable(typeof(Problem))]
internal sealed partial class GalleryJson : JsonSerializerContext
{
    /// <summary>For what is written outside the framework's own results; the same options as theirs.</summary>
    public static GalleryJson Wire { get; } = MakeWire();

    public static void Configure(JsonSerializerOptions options)
    {
        options.NumberHandling = JsonNumberHandling.Strict;
        options.PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower;
        options.Converters.Add(new UtcTimeConverter());
        options.Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping;   // text as it was sent: this is application/json, never part of a page
    }

    private static GalleryJson MakeWire()
    {
        var options = new JsonSerializerOptions();
        Configure(options);
        return new GalleryJson(options);
    }
}
