using System.Collections.Frozen;
using System.Text.RegularExpressions;

namespace Gallery.Service.Images;

/// <summary>
/// Reads the image's UUID from its Cloudinary URL. The UUID is in the last segment of the public ID, because only that segment
/// names the image. Folders, layers and fetched URLs name other things. Some paths have two readings. The first segment may be a
/// cloud name or a folder. The last may be an SEO suffix or the public ID. If the readings give different UUIDs, the URL is
/// rejected. Forms: cloudinary.com/documentation/advanced_url_delivery_options and /delivery_url_signatures.
/// </summary>
/// <param name="ImageId">A UUID of any version, never nil. Empty if there is an error.</param>
/// <param name="Stored">The URL without access tokens. Null if there is an error.</param>
/// <param name="Error">Null if the URL names an image.</param>
internal readonly partial record struct CloudinaryUrl(Guid ImageId, string? Stored, CloudinaryUrl.Refusal? Error)
{
    /// <param name="Code">Stable. Clients switch on it.</param>
    /// <param name="Message">What is wrong, then what to do. Never contains the query.</param>
    public sealed record Refusal(string Code, string Message);

    /// <summary>
    /// Never throws, and takes linear time. Reports the first fault in this order: syntax, host, cloud, resource type,
    /// delivery type, shape of the path, UUID.
    /// </summary>
    public static CloudinaryUrl Parse(string url, ImageHosts hosts)
    {
        var stored = RemoveAccessTokens(url);
        var refusal = FindFileNames(stored, hosts, out var fileNames);
        var imageId = Guid.Empty;
        refusal ??= FindImageId(fileNames, out imageId);
        return refusal is null ? new CloudinaryUrl(imageId, stored, Error: null) : new CloudinaryUrl(Guid.Empty, Stored: null, refusal);
    }

    /// <summary>The UUIDs in the last segment of a public ID, as Cloudinary lists it. A URL of it with exactly one of them gives an image that id.</summary>
    public static IEnumerable<Guid> FindUuids(string publicId) =>
        Uuid().Matches(publicId[(publicId.LastIndexOf('/') + 1)..]).Select(match => Guid.ParseExact(match.ValueSpan, "D"));

    /// <summary>
    /// Removes each parameter that contains the access token's name, after <c>?</c>, <c>#</c>, <c>&amp;</c> or <c>;</c>, raw or
    /// percent-encoded. The rest stays as it was sent.
    /// </summary>
    private static string RemoveAccessTokens(string url)
    {
        var opening = "";
        return Parameter().Replace(url, parameter =>
        {
            var separator = parameter.Groups["separator"].Value;
            if (separator is "?" or "#")
                opening = "";
            if (Uri.UnescapeDataString(parameter.Value).Contains("__cld_token__", StringComparison.OrdinalIgnoreCase))
            {
                opening = separator is "?" or "#" ? separator : opening;
                return "";
            }

            // The first parameter that stays takes the '?' or '#' of those that were removed before it.
            var kept = opening.Length > 0 ? opening + parameter.Value[separator.Length..] : parameter.Value;
            opening = "";
            return kept;
        });
    }

    /// <summary>Lists the segments that may be the last of the public ID, one for each reading of the URL.</summary>
    private static Refusal? FindFileNames(string url, ImageHosts hosts, out List<string> fileNames)
    {
        fileNames = [];
        if (!HttpUrl.TryParse(url, out var parsed, out var wrong))
            return Malformed(wrong);
        if (hosts.Find(parsed.Host) is not { } host)
            return new Refusal(
                "host_not_allowed",
                $"The host '{Clip(parsed.Host)}' is not an allowed image host. Use res.cloudinary.com or add it to {ImageHosts.Setting}.");
        if (!parsed.HasDefaultPort)
            return new Refusal("host_not_allowed", "Cloudinary does not serve images on the URL's port. Remove the port.");

        ReadOnlySpan<string> path = Split(parsed.Segments);
        var afterFirst = path[1..];
        var hasCloudName = host == ImageHost.Shared && !BeginsWithTypes(path);
        if (hasCloudName && (path[0] is "" or "." or ".." || SignatureOrVersion().IsMatch(path[0])))
            return Malformed("The URL has no cloud name. Send the secure_url that Cloudinary returned.");
        if (host != ImageHost.Cname && !hosts.AllowsCloud(parsed.Host, path[0], out var cloud))
            return new Refusal("cloud_not_allowed", $"The cloud '{Clip(cloud)}' is not allowed here. Use your own cloud or add it to {ImageHosts.CloudsSetting}.");
        if (hasCloudName)
            return Read(afterFirst, fileNames);

        var canBeCloudName = host != ImageHost.Shared && path[0] is not ("" or "." or "..") && !CanPrecedePublicId(path[0]);
        if (canBeCloudName && BeginsWithTypes(afterFirst))
            return Read(afterFirst, fileNames);

        // A private CDN's host contains the cloud name.
        canBeCloudName &= host == ImageHost.Cname || parsed.Host.StartsWith(path[0] + "-res", StringComparison.OrdinalIgnoreCase);
        var refusal = Read(path, fileNames);
        return refusal is null && canBeCloudName && !BeginsWithForm(path) && BeginsWithForm(afterFirst)
            ? Read(afterFirst, fileNames)
            : refusal;
    }

    /// <summary>
    /// Splits at percent-encoded slashes, except in a layer's text or path. Doubled slashes count as one. A slash at the end
    /// leaves an empty last segment.
    /// </summary>
    private static string[] Split(string[] segments)
    {
        var split = segments.SelectMany(segment => BeginsTransformation().IsMatch(segment) ? [segment] : segment.Split('/')).ToArray();
        return [.. split[..^1].Where(segment => segment.Length > 0), split[^1]];
    }

    /// <summary>Adds the possible file names of a path without a cloud name. Types come first: a fetched URL has slashes too.</summary>
    private static Refusal? Read(ReadOnlySpan<string> path, List<string> fileNames)
    {
        var hasSuffix = false;
        switch (path)
        {
            // Without a delivery type, or with one segment after it, this is a folder's name in a root path.
            case ["video" or "raw", var type, ..] when DeliveryTypes.Contains(type):
            case ["videos" or "files", _, _, ..]:
                return new Refusal(
                    "unsupported_resource_type",
                    $"The resource type '{path[0]}' is not supported. Send the URL of an image, such as …/image/upload/….");

            case ["image", "upload" or "private" or "authenticated", .. var rest]:
                path = rest;
                break;

            // Cloudinary adds delivery types, so a word that may be a new one is rejected too.
            case ["image", var type, .. var rest]
                when DeliveryTypes.Contains(type) || (rest is not ([] or [""]) && type.All(c => char.IsAsciiLetter(c) || c == '_') && !CanPrecedePublicId(type)):
                return new Refusal(
                    "unsupported_delivery_type",
                    $"The delivery type '{Clip(type)}' is not supported. Use upload, private or authenticated.");

            case ["images" or "private_images" or "authenticated_images", .. var rest]:
                path = rest;
                hasSuffix = path.Length > 1;
                break;

            case ["image" or "iu", .. var rest]:
                path = rest;
                break;
        }

        if (path is [] or [.., ""])
            return Malformed("The URL has no file name at its end. Remove the trailing slash or add the public ID.");
        if (path.ContainsAny(".", ".."))
            return Malformed("The URL's path contains the segment '.' or '..'. Remove it.");
        if (path.ToArray().Any(segment => segment.EndsWith("http:", StringComparison.OrdinalIgnoreCase) || segment.EndsWith("https:", StringComparison.OrdinalIgnoreCase)))
            return Malformed("The URL contains a second URL. Send the secure_url that Cloudinary returned.");

        // The last segment is no suffix if what precedes it can be a signature, transformation and version alone.
        if (!hasSuffix || path[..^1].ToArray().All(CanPrecedePublicId))
            fileNames.Add(path[^1]);
        if (hasSuffix)
            fileNames.Add(path[^2]);
        return null;
    }

    private static Refusal? FindImageId(List<string> fileNames, out Guid imageId)
    {
        imageId = Guid.Empty;
        var named = fileNames.FindAll(name => Uuid().IsMatch(name));
        if (named.Count == 0)
            return NoUuid(
                $"The file name '{Clip(fileNames[0])}' contains no UUID. Upload the image under a UUID, such as 8d76bd3a-….png.");
        if (named.TrueForAll(IsTransformation))
            return NoUuid($"The segment '{Clip(named[0])}' looks like a transformation. End the URL with the image's public ID.");
        if (named.Find(name => Uuid().Count(name) > 1) is { } several)
            return new Refusal("ambiguous_uuid", $"The file name '{Clip(several)}' contains several UUIDs. Upload the image under one UUID.");

        var ids = named.ConvertAll(name => Guid.ParseExact(Uuid().Match(name).ValueSpan, "D")).Distinct().ToArray();
        if (ids.Length > 1)
            return new Refusal("ambiguous_uuid", $"The UUID may be {ids[0]} or {ids[1]}. Send the URL in the form …/image/upload/….");

        imageId = ids[0];
        return imageId == Guid.Empty
            ? new Refusal("nil_uuid", "The file name contains the nil UUID. Upload the image under a random UUID.")
            : null;
    }

    private static bool BeginsWithTypes(ReadOnlySpan<string> path) =>
        path is ["image" or "video" or "raw", var type, ..] && DeliveryTypes.Contains(type);

    private static bool BeginsWithForm(ReadOnlySpan<string> path) =>
        path is ["image" or "images" or "private_images" or "authenticated_images" or "videos" or "files" or "iu", ..];

    /// <summary>
    /// Whether a file name is rejected as a transformation, because a UUID in it would be a layer's or a variable's. Public IDs
    /// such as <c>t_shirt:…</c>, <c>$…</c> and <c>c_fill,w_…</c> are rejected with them. One parameter without a colon
    /// (<c>t_550e8400-…</c>) is a public ID.
    /// </summary>
    private static bool IsTransformation(string segment) =>
        BeginsTransformation().IsMatch(segment) || (segment.Contains(',') && Parameters().IsMatch(segment));

    private static bool CanPrecedePublicId(string segment) =>
        SignatureOrVersion().IsMatch(segment) || BeginsTransformation().IsMatch(segment) || Parameters().IsMatch(segment);

    private static Refusal Malformed(string message) => new("malformed_url", message);

    private static Refusal NoUuid(string message) => new("no_uuid_in_file_name", message);

    private static string Clip(string text) =>
        text.Length <= 80 ? text : text[..(char.IsHighSurrogate(text[79]) ? 79 : 80)] + "…";

    // As the SDKs and the documentation name them.
    internal static readonly FrozenSet<string> DeliveryTypes = FrozenSet.Create(
        StringComparer.Ordinal,
        "upload", "private", "authenticated", "fetch", "list", "multi", "sprite", "text", "key", "private_delivery", "public_delivery",
        "facebook", "twitter", "twitter_name", "instagram", "instagram_name", "gravatar",
        "youtube", "hulu", "vimeo", "animoto", "worldstarhiphop", "dailymotion");

    // RFC 9562, section 4. With one more hexadecimal digit before or after it, it is another number.
    [GeneratedRegex("(?<![0-9A-Fa-f])[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}(?![0-9A-Fa-f])", RegexOptions.ExplicitCapture)]
    private static partial Regex Uuid();

    // A separator and the text up to the next one.
    [GeneratedRegex("(?<separator>[?#&;]|%(3[FfBb]|2[36]))([^?#&;%]|%(?!3[FfBb]|2[36]))*", RegexOptions.ExplicitCapture)]
    private static partial Regex Parameter();

    // A signature has 8 characters, or 32 with long_url_signature.
    [GeneratedRegex(@"\A(s--([A-Za-z0-9_-]{8}|[A-Za-z0-9_-]{32})--|v[0-9]+)\z", RegexOptions.ExplicitCapture)]
    private static partial Regex SignatureOrVersion();

    // A variable, or a parameter with a colon somewhere after it.
    [GeneratedRegex(@"\A(\$|(" + ParameterName + ")_[^:!]*[:!])", RegexOptions.ExplicitCapture)]
    private static partial Regex BeginsTransformation();

    // One component of cloudinary.com/documentation/transformation_reference: parameters separated by commas.
    [GeneratedRegex(@"\A(" + ParameterName + @")_[^,]+(,(" + ParameterName + @")_[^,]+)*\z", RegexOptions.ExplicitCapture)]
    private static partial Regex Parameters();

    /// <summary>The names of a transformation's parameters.</summary>
    internal static readonly HashSet<string> ParameterNames = ParameterName.Split('|').Skip(1).ToHashSet(StringComparer.Ordinal);

    private const string ParameterName =
        @"\$[A-Za-z0-9]+|ac|af|ar|a|bl|bo|br|b|co|cs|c|dl|dn|dpr|du|d|eo|e|fl|fn|fps|f|g|h|if|ki|l|o|pg|p|q|r|so|sp|t|u|vc|vs|w|x|y|z";
}
