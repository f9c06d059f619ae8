namespace Gallery.Service.Images;

/// <summary>The formats in which Cloudinary delivers images, by their names in a URL or in metadata.</summary>
internal static class ImageFormats
{
    private static readonly Dictionary<string, string>.AlternateLookup<ReadOnlySpan<char>> Known = new[]
        {
            "jpg", "png", "gif", "webp", "avif", "jxl", "jp2", "jxr", "bmp", "tif", "tiff", "ico", "heic", "heif", "svg", "pdf", "psd", "ai", "eps", "ps", "tga", "djvu", "arw", "cr2", "cr3", "dng",
            "mp4", "webm", "mov", "ogv",
        }
        .Select(name => KeyValuePair.Create(name, name)).Append(new("jpeg", "jpg")).Append(new("jpe", "jpg"))
        .ToDictionary(StringComparer.OrdinalIgnoreCase).GetAlternateLookup<ReadOnlySpan<char>>();

    /// <summary>The format as answers show it; null if it is not known.</summary>
    public static string? Find(ReadOnlySpan<char> name) => Known.TryGetValue(name, out var format) ? format : null;

    /// <summary>Whether every current browser shows a picture of this format. One that is not known counts as shown.</summary>
    public static bool IsShown(string? format) => format is null or "jpg" or "png" or "gif" or "webp" or "avif" or "bmp" or "ico" or "svg";

    /// <summary>Whether Cloudinary only stores the format: cloudinary.com/documentation/formats_supported_for_transformation.</summary>
    public static bool IsOnlyStored(string? format) => format is "djvu" or "arw" or "cr2" or "cr3" or "dng";
}
