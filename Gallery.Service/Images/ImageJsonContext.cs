using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Gallery.Service.Http;

namespace Gallery.Service.Images;

/// <summary>The wire records of images.</summary>
[JsonSerializable(typeof(Envelope<Image>))]
[JsonSerializable(typeof(PageEnvelope<Image>))]
[JsonSerializable(typeof(PageEnvelope<JsonObject>))]
[JsonSerializable(typeof(Envelope<Facets>))]
[JsonSerializable(typeof(SavedImage))]
[JsonSerializable(typeof(CreateImageRequest))]
[JsonSerializable(typeof(UpdateImageRequest))]
internal sealed partial class ImageJsonContext : JsonSerializerContext;
