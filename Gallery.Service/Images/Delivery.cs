using System.Buffers;
using System.Text;
using System.Text.Json;

namespace Gallery.Service.Images;

/// <summary>What a client receives at an image's URL, as far as the URL and the metadata say with certainty. Cloudinary is not asked.</summary>
/// <param name="ThumbnailUrl">Null if the URL cannot be transformed, or not without a signature. It depends on the URL alone.</param>
/// <param name="Width">In pixels, like the height.</param>
internal readonly record struct Delivery(string? ThumbnailUrl, int? Width, int? Height, string? Format)
{
    // cloudinary.com/documentation/transformation_reference, the parameters sorted as the SDKs do
    private const string Thumbnail = "c_fill,h_320,w_320/";
    private const string JpegThumbnail = "c_fill,f_jpg,h_320,w_320/";   // f_jpg counts more than the extension

    /// <param name="metadata">A JSON object. Its keys <c>width</c>, <c>height</c> and <c>format</c> are those of Cloudinary's answer to an upload: they describe the original.</param>
    public static Delivery Of(string url, string metadata)
    {
        var read = DeliveryUrl.Read(url);
        if (!read.IsKnown) return default;

        var transformations = read.Transformations;
        var (width, height) = transformations.Size is { } size ? ((int?)size.Width, (int?)size.Height) : (null, null);
        var extension = ImageFormats.Find(read.Extension);
        var format = transformations.KeepFormat ? extension : transformations.Format;
        var hasThumbnail = read.Place >= 0 && !ImageFormats.IsOnlyStored(extension);
        var transformation = ImageFormats.IsShown(format ?? extension) ? Thumbnail : JpegThumbnail;
        var thumbnail = hasThumbnail ? string.Concat(url.AsSpan(0, read.Place), transformation, url.AsSpan(read.Place)) : null;
        if (transformations.KeepSize || (transformations.KeepFormat && format is null))
        {
            var original = ReadOriginal(metadata);
            if (transformations.KeepSize) (width, height) = (original.Width, original.Height);
            if (transformations.KeepFormat) format ??= original.Format;
        }

        return new(thumbnail, width, height, format);
    }

    private static (int? Width, int? Height, string? Format) ReadOriginal(string metadata)
    {
        (int? width, int? height, string? format) = (null, null, null);
        var expected = Count("\"width\"") + Count("\"height\"") + Count("\"format\"");   // perhaps in an inner object
        if (expected == 0) return default;

        var bytes = ArrayPool<byte>.Shared.Rent(Encoding.UTF8.GetMaxByteCount(metadata.Length));
        var reader = new Utf8JsonReader(bytes.AsSpan(0, Encoding.UTF8.GetBytes(metadata, bytes)));
        reader.Read();
        while (expected > 0 && reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var (isWidth, isHeight, isFormat) = (reader.ValueTextEquals("width"u8), reader.ValueTextEquals("height"u8), reader.ValueTextEquals("format"u8));
            reader.Read();
            if (isWidth) width = ReadPixels(ref reader);
            else if (isHeight) height = ReadPixels(ref reader);
            else if (isFormat && reader.TokenType == JsonTokenType.String) format = ImageFormats.Find(reader.GetString());
            else reader.Skip();
            if (isWidth || isHeight || isFormat) expected--;
        }

        ArrayPool<byte>.Shared.Return(bytes);
        return (width, height, format);

        int Count(string name) => metadata.Contains(name, StringComparison.Ordinal) ? 1 : 0;
    }

    /// <summary>A whole number of pixels. Anything else is null.</summary>
    private static int? ReadPixels(ref Utf8JsonReader reader)
    {
        if (reader.TokenType == JsonTokenType.Number) return reader.TryGetInt32(out var pixels) && pixels >= 1 ? pixels : null;
        reader.Skip();
        return null;
    }
}
