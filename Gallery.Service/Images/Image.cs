using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using Gallery.Service.Erasure;
using Gallery.Service.Http;
using Gallery.Service.OpenApi;
using Gallery.Service.Tags;
using Gallery.Sql.Database;
using Gallery.Sql.Images;
using Gallery.Sql.Statistics;
using Gallery.Sql.Tags;

namespace Gallery.Service.Images;

/// <summary>An image as callers see it.</summary>
public sealed record Image(
    [property: Description("The UUID in the image's Cloudinary URL.")] Guid ImageId,
    [property: Description("The owner.")] string UserId,
    [property: Description("As saved, without Cloudinary's access token (__cld_token__)."), Url] string ImageUrl,
    [property: Description("The picture at 320 × 320 pixels, cropped to fill them. A JPEG if browsers do not show the format at image_url. Null if image_url cannot be transformed, or not without a signature, or not with certainty."), Url] string? ThumbnailUrl,
    [property: Description("Pixels of the picture at image_url, by its transformation, otherwise by metadata.width. Null if not known."), Range(1, int.MaxValue)] int? Width,
    [property: Description("Like width."), Range(1, int.MaxValue)] int? Height,
    [property: Description("The format at image_url, such as jpg, by its transformation or extension, otherwise by metadata.format. Null if not known, or if the client's browser decides.")] string? Format,
    [property: Description("Null if never given, or erased.")] string? RefinedPrompt,
    [property: Description("Null if never given, or erased.")] string? Intent,
    [property: Description("What callers keep with the image. Each save adds the keys that are missing."), JsonConverter(typeof(RawJsonConverter))] string Metadata,
    [property: Description("As first written, in the order of adding.")] IReadOnlyList<string> Tags,
    [property: Description("UTC. The first save; a later one does not move it.")] DateTime CreatedAt,
    [property: Description("UTC. The last change, including deletion and restore.")] DateTime UpdatedAt,
    [property: Description("UTC. When the image went to the trash; null while it is live.")] DateTime? DeletedAt,
    [property: Description("UTC. From when the image in the trash may be deleted permanently. Null while it is live, or if the trash is kept.")] DateTime? PurgeAt,
    [property: Description("1 when created, 1 more with each change. It goes on after a permanent deletion.")] long Revision,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull), Description("How often it was viewed. Only in lists, if fields names it.")] long? Views = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull), Description("How often it was downloaded. Only in lists, if fields names it.")] long? Downloads = null)
{
    internal static Image Of(ImageRow row, RetentionOptions retention)
    {
        var delivery = Delivery.Of(row.ImageUrl, row.Metadata);
        return new(
            row.ImageId, row.UserId, row.ImageUrl, delivery.ThumbnailUrl, delivery.Width, delivery.Height, delivery.Format, row.RefinedPrompt, row.Intent, row.Metadata,
            TagArray.Labels(row.Tags), row.CreatedAt, row.UpdatedAt, row.DeletedAt, retention.PurgeAt(row.DeletedAt), row.Revision);
    }

    internal Image With(VisitCount count) => this with { Views = count.Views, Downloads = count.Downloads };
}

/// <summary>The answer to a save: the envelope, and what the save came to.</summary>
public sealed record SavedImage(
    bool Success,
    Image Data,
    [property: AllowedValues("created", "updated", "unchanged", "in_trash")]
    [property: Description("created, updated (the save added something), unchanged (it had nothing to add) or in_trash (the image stays in the trash).")] string Outcome,
    [property: Description("The fields whose stored value differs from the one sent: refined_prompt, or metadata.status for a key of metadata. A save fills in and never replaces. tags are only added, so they are never here.")]
    IReadOnlyList<string> Kept,
    string Message)
{
    internal static SavedImage Of(ImageWrite save, RetentionOptions retention, string outcome, string message) =>
        new(true, Image.Of(save.Image!, retention), outcome, save.Kept, message);
}

/// <summary>What a save sends. It fills in what the stored image lacks, and replaces nothing.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record CreateImageRequest(
    [property: Required, Url, MinLength(1), MaxLength(CreateImageRequest.ImageUrlMaximum)]
    [property: Description("A Cloudinary URL whose file name holds the image's UUID, which becomes its image_id.")]
    string ImageUrl,
    [property: MinLength(1), MaxLength(Caller.UserIdMaximum), Description("The owner. A save never changes it. A service key must send it; with a user's token it is the token's sub. May not be '.' or '..'.")]
    string? UserId = null,
    [property: MaxLength(CreateImageRequest.RefinedPromptMaximum), Description("Stored if the image has none yet.")]
    string? RefinedPrompt = null,
    [property: MaxLength(CreateImageRequest.IntentMaximum), Description("Stored if the image has none yet.")]
    string? Intent = null,
    [property: Description("At most 64 KB and 32 levels. Keys that the stored metadata lacks are added."), JsonConverter(typeof(RawJsonConverter))]
    string? Metadata = null,
    [property: MaxLength(Tag.MaximumPerImage), Items(1, Tag.MaximumCodePoints, TagRules.Pattern, TagRules.Length), Description("Added to the stored ones. A tag that differs only in case is the same tag.")]
    IReadOnlyList<string>? Tags = null)
{
    internal const int ImageUrlMaximum = 2_048;
    internal const int RefinedPromptMaximum = 16_384;
    internal const int IntentMaximum = 100;
    internal const int MetadataMaximumBytes = 65_536;
    internal const int MetadataMaximumDepth = 32;

    private static readonly string[] Fields = ["user_id", "image_url", "refined_prompt", "intent", "metadata", "tags"];

    /// <summary>The image that a body asks to save; null if a field is at fault.</summary>
    /// <param name="callersUserId">The owner if the body names none. Null if the body must name one.</param>
    /// <param name="id">The UUID in image_url, also if another field is at fault. Null if image_url is.</param>
    /// <exception cref="System.Text.Json.JsonException">The body is not a JSON object.</exception>
    internal static NewImage? Read(ReadOnlyMemory<byte> json, ImageHosts hosts, string? callersUserId, FieldErrors errors, out Guid? id)
    {
        var fields = JsonFields.Read(json, Fields, errors);
        var userId = callersUserId is null ? fields.RequireText("user_id", 1, Caller.UserIdMaximum) : fields.FindText("user_id", 1, Caller.UserIdMaximum) ?? callersUserId;
        CheckUserId(userId, errors);
        var imageUrl = fields.RequireText("image_url", 1, ImageUrlMaximum);
        var refinedPrompt = fields.FindText("refined_prompt", 0, RefinedPromptMaximum);
        var intent = fields.FindText("intent", 0, IntentMaximum);
        var metadata = fields.FindObject("metadata", MetadataMaximumBytes, MetadataMaximumDepth);
        var tags = fields.FindTags("tags", errors);

        var url = imageUrl is null ? default : CloudinaryUrl.Parse(imageUrl, hosts);
        if (url.Error is { } fault) errors.Add("image_url", fault.Message, fault.Code);
        id = imageUrl is null || url.Error is not null ? null : url.ImageId;
        return errors.Any ? null : new NewImage(url.ImageId, userId!, url.Stored!, refinedPrompt, intent, metadata) { Tags = TagArray.Of([.. (tags ?? []).Select(tag => tag.Label)]) };
    }

    /// <summary>Clients remove the segments <c>.</c> and <c>..</c> from a URL's path (RFC 3986, section 5.2.4), so such a user could not be erased.</summary>
    internal static void CheckUserId(string? userId, FieldErrors errors)
    {
        if (userId is "." or "..") errors.Add("user_id", $"user_id is '{userId}', which the path of a URL cannot contain. Send another one.");
    }
}
