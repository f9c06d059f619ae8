using System.Collections.Frozen;
using System.Text.RegularExpressions;

namespace Gallery.Service.Images;

/// <summary>
/// What the URL of an image at Cloudinary says: the key it holds, or why it holds none. The rule is that the UUID stands in the
/// last segment of the public ID, because only that segment names the image: a folder, a layer or a fetched URL names others.
/// Forms: cloudinary.com/documentation/advanced_url_delivery_options and /delivery_url_signatures.
/// </summary>
/// <param name="ImageId">Any version of UUID, never nil; meaningless beside an error.</param>
/// <param name="Stored">The URL less its access token, which identifies nobody yet opens doors; null beside an error.</param>
/// <param name="Error">Null when the URL names an image.</param>
internal readonly partial record struct CloudinaryUrl(Guid ImageId, string? Stored, CloudinaryUrl.Refusal? Error)
{
    /// <param name="Code">The stable word that clients switch on.</param>
    /// <param name="Message">One sentence for the REST caller: what is wrong, and the cure. Never holds the query.</param>
    public sealed record Refusal(string Code, string Message);

    /// <summary>
    /// Never throws, and takes linear time. Of several faults the first in this order is told: syntax, host, resource type,
    /// delivery type, shape of the path, UUID.
    /// </summary>
    public static CloudinaryUrl Parse(string url, ImageHosts hosts)
    {
        if (!HttpUrl.TryParse(url, out var parsed, out var wrong))
        {
            return Refused(Malformed(wrong));
        }

        if (hosts.Find(parsed.Host) is not { } host)
        {
            return Refused(HostNotAllowed(
                $"The host '{Clip(parsed.Host)}' is not Cloudinary's: use res.cloudinary.com, or a CNAME listed in {ImageHosts.Setting}."));
        }

        if (!parsed.HasDefaultPort)
        {
            return Refused(HostNotAllowed("Cloudinary serves no other port than its scheme's own: remove the port from the URL."));
        }

        // An encoded slash separates like any other, but not within a layer's text or path.
        var segments = parsed.Segments;
        if (Array.Exists(segments, segment => segment.Contains('/')))
            segments = [.. segments.SelectMany(segment => BeginsTransformation().IsMatch(segment) ? [segment] : segment.Split('/'))];
        var imageId = Guid.Empty;
        var refusal = FindFileName(segments, host, out var fileName) ?? FindImageId(fileName, out imageId);
        return refusal is null
            ? new CloudinaryUrl(imageId, HttpUrl.RemoveQueryParameter(url, "__cld_token__"), Error: null)
            : Refused(refusal);
    }

    /// <summary>
    /// Finds the last segment of the public ID, or answers why there is none. The types come before the shape of what follows
    /// them: a fetched URL has its own slashes.
    /// </summary>
    private static Refusal? FindFileName(string[] segments, ImageHost host, out string fileName)
    {
        fileName = "";
        var hasCloudName = BeginsWithTypes(segments.AsSpan(1)) || host switch
        {
            ImageHost.Shared => !BeginsWithTypes(segments),
            ImageHost.PrivateCdn => false,
            _ => !BeginsWithForm(segments) && BeginsWithForm(segments.AsSpan(1)),
        };
        if (hasCloudName && IsEmptyOrDots(segments[0]))
        {
            return Malformed("The URL has no cloud name after its host: give the whole URL, as Cloudinary returns it in secure_url.");
        }

        ReadOnlySpan<string> path = segments.AsSpan(hasCloudName ? 1 : 0);
        var hasSuffix = false;
        switch (path)
        {
            case ["video" or "videos" or "raw" or "files", ..]:
                return new Refusal(
                    "unsupported_resource_type",
                    $"The URL's resource type, '{path[0]}', is not an image: give the URL of an image, as in …/image/upload/….");

            case ["image", "upload" or "private" or "authenticated", .. var rest]:
                path = rest;
                break;

            // With nothing after it, a name that is no known type is the public ID image/<name> of a root path.
            case ["image", var type, .. var rest]
                when !IsEmptyOrDots(type) && (rest is not ([] or [""]) || DeliveryTypes.Contains(type)):
                return new Refusal(
                    "unsupported_delivery_type",
                    $"The delivery type '{Clip(type)}' is not of an image kept at Cloudinary: use upload, private or authenticated.");

            case ["images" or "private_images" or "authenticated_images", .. var rest]:
                path = rest;
                hasSuffix = true;
                break;

            case ["iu", .. var rest]:
                path = rest;
                break;

            case ["image"]:
                path = [];
                break;
        }

        if (path is [] or [.., ""])
        {
            return Malformed("The URL ends before the public ID: let it end with the file's name, without a slash after it.");
        }

        if (Array.Exists(segments, IsEmptyOrDots))
        {
            return Malformed("The URL's path has an empty, '.' or '..' segment: remove it.");
        }

        // A suffix follows a public ID: where a signature, version or transformation is all that goes before, there is none.
        fileName = hasSuffix && path is [.., var publicId, _] && !IsNoPublicId(publicId) ? publicId : path[^1];
        return null;
    }

    private static Refusal? FindImageId(string fileName, out Guid imageId)
    {
        imageId = Guid.Empty;
        var uuids = Uuid().Matches(fileName);
        if (uuids.Count == 0)
        {
            return new Refusal(
                "no_uuid_in_file_name",
                $"The URL's file name, '{Clip(fileName)}', holds no UUID of its own: name the file by one, with its dashes.");
        }

        if (IsTransformation(fileName))
        {
            return new Refusal(
                "no_uuid_in_file_name",
                $"The URL's last segment, '{Clip(fileName)}', reads as a layer or transformation, whose UUID does not name the image: "
                    + "let the URL end with a file name that is plainly one.");
        }

        if (uuids.Count > 1)
        {
            return new Refusal(
                "ambiguous_uuid",
                $"The URL's file name, '{Clip(fileName)}', holds {uuids.Count} UUIDs: name the file by exactly one.");
        }

        imageId = Guid.ParseExact(uuids[0].ValueSpan, "D");
        return imageId == Guid.Empty
            ? new Refusal("nil_uuid", "The URL's file name holds the nil UUID, which names no image: name the file by a UUID of its own.")
            : null;
    }

    private static bool BeginsWithTypes(ReadOnlySpan<string> path) =>
        path is ["image" or "video" or "raw", var type, ..] && DeliveryTypes.Contains(type);

    private static bool BeginsWithForm(ReadOnlySpan<string> path) =>
        path is ["image" or "video" or "raw" or "images" or "private_images" or "authenticated_images" or "videos" or "files" or "iu", ..];

    private static bool IsEmptyOrDots(string segment) => segment is "" or "." or "..";

    /// <summary>
    /// Whether the segment is evidently no file name: a UUID in it is a layer's or a variable's. A single parameter without a
    /// colon is not evident (<c>t_550e8400-…</c>).
    /// </summary>
    private static bool IsTransformation(string segment) =>
        BeginsTransformation().IsMatch(segment) || (segment.Contains(',') && Parameters().IsMatch(segment));

    /// <summary>
    /// Whether a segment before the last of an SEO form is a signature, version or transformation. A single parameter with a
    /// UUID is a public ID all the same, unless it is a layer, underlay or default image.
    /// </summary>
    private static bool IsNoPublicId(string segment) =>
        SignatureOrVersion().IsMatch(segment)
        || IsTransformation(segment)
        || (Parameters().IsMatch(segment) && (segment is ['d' or 'l' or 'u', '_', ..] || !Uuid().IsMatch(segment)));

    private static CloudinaryUrl Refused(Refusal refusal) => new(Guid.Empty, Stored: null, refusal);

    private static Refusal Malformed(string message) => new("malformed_url", message);

    private static Refusal HostNotAllowed(string message) => new("host_not_allowed", message);

    /// <summary>Keeps a message one readable sentence, whatever the caller sent.</summary>
    private static string Clip(string text) =>
        text.Length <= 80 ? text : text[..(char.IsHighSurrogate(text[79]) ? 79 : 80)] + "…";

    // As the SDKs and the documentation name them; Cloudinary adds some now and then, so the list only tells a delivery type
    // from a name where the place alone does not.
    private static readonly FrozenSet<string> DeliveryTypes = FrozenSet.Create(
        StringComparer.Ordinal,
        "upload", "private", "authenticated", "fetch", "list", "multi", "sprite", "text", "key", "private_delivery", "public_delivery",
        "facebook", "twitter", "twitter_name", "instagram", "instagram_name", "gravatar",
        "youtube", "hulu", "vimeo", "animoto", "worldstarhiphop", "dailymotion");

    // RFC 9562, section 4; with one more hexadecimal digit before or after it, it is some other number.
    [GeneratedRegex("(?<![0-9A-Fa-f])[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}(?![0-9A-Fa-f])", RegexOptions.ExplicitCapture)]
    private static partial Regex Uuid();

    // A signature has 8 characters, or 32 with long_url_signature.
    [GeneratedRegex(@"\A(s--([A-Za-z0-9_-]{8}|[A-Za-z0-9_-]{32})--|v[0-9]+)\z", RegexOptions.ExplicitCapture)]
    private static partial Regex SignatureOrVersion();

    // A variable, or a parameter with a colon somewhere after it, which public IDs hardly have.
    [GeneratedRegex(@"\A(\$|(" + Parameter + ")_[^:!]*[:!])", RegexOptions.ExplicitCapture)]
    private static partial Regex BeginsTransformation();

    // One component: parameters of cloudinary.com/documentation/transformation_reference, with commas between.
    [GeneratedRegex(@"\A(" + Parameter + @")_[^,]+(,(" + Parameter + @")_[^,]+)*\z", RegexOptions.ExplicitCapture)]
    private static partial Regex Parameters();

    private const string Parameter =
        @"\$[A-Za-z0-9]+|ac|af|ar|a|bl|bo|br|b|co|cs|c|dl|dn|dpr|du|d|eo|e|fl|fn|fps|f|g|h|if|ki|l|o|pg|p|q|r|so|sp|t|u|vc|vs|w|x|y|z";
}
