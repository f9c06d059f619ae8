using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using System.Text.Json.Serialization;
using Gallery.Service.Http;
using Gallery.Service.OpenApi;
using Gallery.Service.Tags;
using Gallery.Sql.Database;
using Gallery.Sql.Images;
using Gallery.Sql.Tags;

namespace Gallery.Service.Images;

/// <summary>What an edit sends: a JSON merge patch (RFC 7396). A field that is left out stays as it is, and null erases.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record UpdateImageRequest(
    [property: MaxLength(CreateImageRequest.RefinedPromptMaximum), Description("Replaces the prompt. Null erases it.")]
    string? RefinedPrompt = null,
    [property: MaxLength(CreateImageRequest.IntentMaximum), Description("Replaces the intent. Null erases it.")]
    string? Intent = null,
    [property: Description("Changes the keys that it names, at any depth. A key that is null is removed. Null erases all keys."), JsonConverter(typeof(RawJsonConverter))]
    string? Metadata = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull), MinLength(1), MaxLength(Caller.UserIdMaximum), Description("The new owner, for accounts that merge. With a service key only. May not be '.' or '..'.")]
    string? UserId = null,
    [property: MaxLength(Tag.MaximumPerImage), Items(1, Tag.MaximumCodePoints, TagRules.Pattern, TagRules.Length), Description("Replaces all tags. Null or [] removes them. A tag that the image has keeps its spelling.")]
    IReadOnlyList<string>? Tags = null)
{
    private static readonly string[] Fields = ["refined_prompt", "intent", "metadata", "user_id", "tags"];
    private static readonly string[] ReadOnly = ["image_id", "image_url", "thumbnail_url", "width", "height", "format", "created_at", "updated_at", "deleted_at", "purge_at", "revision"];

    /// <summary>The edit that a body asks for, the owner that it names, and its size in a statement. No edit if a field is at fault.</summary>
    /// <exception cref="JsonException">The body is not a JSON object.</exception>
    internal static (Func<ImageRow, ImageRow>? Edit, string? UserId, int Bytes) Read(ReadOnlyMemory<byte> json, FieldErrors errors)
    {
        var fields = JsonFields.Read(json, Fields, errors, ReadOnly);
        var userId = fields.FindText("user_id", 1, Caller.UserIdMaximum);
        CreateImageRequest.CheckUserId(userId, errors);
        if (fields.IsNull("user_id")) errors.Add("user_id", "user_id cannot be erased. Send another owner, or leave it out.");
        var refinedPrompt = fields.FindText("refined_prompt", 0, CreateImageRequest.RefinedPromptMaximum);
        var intent = fields.FindText("intent", 0, CreateImageRequest.IntentMaximum);
        var metadata = fields.FindObject("metadata", CreateImageRequest.MetadataMaximumBytes, CreateImageRequest.MetadataMaximumDepth);
        var tags = fields.IsNull("tags") ? [] : fields.FindTags("tags", errors);
        var (noPrompt, noIntent, noMetadata) = (fields.IsNull("refined_prompt"), fields.IsNull("intent"), fields.IsNull("metadata"));   // now, because the edit may run when the body's bytes are gone
        return (errors.Any ? null : Edit, userId, json.Length + (tags?.Count ?? 0) * Tag.RowBytes);

        ImageRow Edit(ImageRow image) => image with
        {
            UserId = userId ?? image.UserId,
            RefinedPrompt = noPrompt ? null : refinedPrompt ?? image.RefinedPrompt,
            Intent = noIntent ? null : intent ?? image.Intent,
            Metadata = noMetadata ? "{}" : metadata is null ? image.Metadata : JsonMergePatch.Apply(image.Metadata, metadata),
            Tags = tags is null ? image.Tags : TagArray.Replace(image.Tags, tags),
        };
    }
}
