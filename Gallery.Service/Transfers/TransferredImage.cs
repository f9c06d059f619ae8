using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using Gallery.Service.Http;
using Gallery.Service.Images;
using Gallery.Service.Tags;
using Gallery.Sql.Database;
using Gallery.Sql.Images;
using Gallery.Sql.Tags;

namespace Gallery.Service.Transfers;

/// <summary>A line of an export or an import: one image, live or in the trash. An export has every field.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record TransferredImage
{
    [Description("The UUID in image_url. An import may leave it out.")]
    public Guid? ImageId { get; init; }

    [Required, MinLength(1), MaxLength(Caller.UserIdMaximum), Description("The owner. May not be '.' or '..'.")]
    public required string UserId { get; init; }

    [Required, Url, MinLength(1), MaxLength(CreateImageRequest.ImageUrlMaximum), Description("A Cloudinary URL whose file name holds the image's UUID.")]
    public required string ImageUrl { get; init; }

    [MaxLength(CreateImageRequest.RefinedPromptMaximum)]
    public string? RefinedPrompt { get; init; }

    [MaxLength(CreateImageRequest.IntentMaximum)]
    public string? Intent { get; init; }

    [Description("What callers keep with the image. Default {}."), JsonConverter(typeof(RawJsonConverter))]
    public string? Metadata { get; init; }

    [MaxLength(Tag.MaximumPerImage), Description("Its tags, as first written. Default [].")]
    public IReadOnlyList<string>? Tags { get; init; }

    [Required, Description("ISO 8601 with an offset. An export writes UTC. The first save.")]
    public required DateTime CreatedAt { get; init; }

    [Description("The last change, including deletion and restore. Default: the later one of created_at and deleted_at.")]
    public DateTime? UpdatedAt { get; init; }

    [Description("When the image went to the trash. Null while it is live.")]
    public DateTime? DeletedAt { get; init; }

    [Range(typeof(long), "1", "9000000000000000000"), Description("The higher one wins, if the image exists already. Default 1.")]
    public long? Revision { get; init; }

    internal static readonly TransferredImage Example = Of(new(
        ImageExamples.ImageId, ImageExamples.Live.UserId, ImageExamples.Live.ImageUrl, ImageExamples.Live.RefinedPrompt, ImageExamples.Live.Intent, ImageExamples.Live.Metadata,
        ImageExamples.Live.CreatedAt, ImageExamples.Live.UpdatedAt, ImageExamples.Live.DeletedAt, ImageExamples.Live.Revision));

    private static readonly string[] Fields = ["image_id", "user_id", "image_url", "refined_prompt", "intent", "metadata", "created_at", "updated_at", "deleted_at", "revision", "tags"];

    // The table's own limit. PostgreSQL prints what was saved within the limit of a save in up to half as much again.
    private const int MetadataMaximumBytes = 98_304;

    private const long RevisionMaximum = 9_000_000_000_000_000_000;   // the column is a bigint, and later changes add to it

    private static readonly TimeSpan ClockSkew = TimeSpan.FromDays(1);

    /// <summary>The image of a line; null if a field is at fault.</summary>
    /// <param name="now">UTC. Times may be a day later.</param>
    /// <exception cref="System.Text.Json.JsonException">The line is not a JSON object.</exception>
    internal static ImageRow? Read(ReadOnlyMemory<byte> json, ImageHosts hosts, DateTime now, FieldErrors errors)
    {
        var fields = JsonFields.Read(json, Fields, errors);
        var id = fields.FindText("image_id", 0, 100);
        var userId = fields.RequireText("user_id", 1, Caller.UserIdMaximum);
        CreateImageRequest.CheckUserId(userId, errors);
        var imageUrl = fields.RequireText("image_url", 1, CreateImageRequest.ImageUrlMaximum);
        var refinedPrompt = fields.FindText("refined_prompt", 0, CreateImageRequest.RefinedPromptMaximum);
        var intent = fields.FindText("intent", 0, CreateImageRequest.IntentMaximum);
        var metadata = fields.FindObject("metadata", MetadataMaximumBytes, CreateImageRequest.MetadataMaximumDepth);
        var createdAt = fields.RequireTime("created_at");
        var updatedAt = fields.FindTime("updated_at");
        var deletedAt = fields.FindTime("deleted_at");
        var revision = fields.FindNumber("revision", 1, RevisionMaximum);
        var tags = fields.FindTags("tags", errors);

        var url = imageUrl is null ? default : CloudinaryUrl.Parse(imageUrl, hosts);
        if (url.Error is { } fault) errors.Add("image_url", fault.Message, fault.Code);
        else if (imageUrl is not null && id is not null && !id.Equals(url.ImageId.ToString(), StringComparison.OrdinalIgnoreCase))
            errors.Add("image_id", $"image_id is not the UUID in image_url, which is {url.ImageId}. Correct one of them, or leave image_id out.");
        foreach (var (name, time) in new[] { ("created_at", createdAt), ("updated_at", updatedAt), ("deleted_at", deletedAt) })
            if (time > now + ClockSkew) errors.Add(name, $"{name} is more than a day in the future. Correct it.");
        if (deletedAt < createdAt) errors.Add("deleted_at", "deleted_at is before created_at. Correct one of them.");
        if (updatedAt < createdAt || updatedAt < deletedAt) errors.Add("updated_at", "updated_at is before created_at or deleted_at. Send the latest of them, or leave updated_at out.");
        if (errors.Any) return null;
        return new ImageRow(url.ImageId, userId!, url.Stored!, refinedPrompt, intent, metadata ?? "{}", createdAt!.Value, updatedAt ?? deletedAt ?? createdAt.Value, deletedAt, revision ?? 1,
            tags is null ? TagArray.Empty : TagArray.Of([.. tags.Select(tag => tag.Label)]));
    }

    internal static TransferredImage Of(ImageRow row) => new()
    {
        ImageId = row.ImageId,
        UserId = row.UserId,
        ImageUrl = row.ImageUrl,
        RefinedPrompt = row.RefinedPrompt,
        Intent = row.Intent,
        Metadata = row.Metadata,
        CreatedAt = row.CreatedAt,
        UpdatedAt = row.UpdatedAt,
        DeletedAt = row.DeletedAt,
        Revision = row.Revision,
        Tags = TagArray.Labels(row.Tags),
    };
}

/// <summary>What an import did.</summary>
public sealed record ImportReport(
    [property: Description("Lines that are not blank: the sum of the four numbers below.")] long Lines,
    [property: Description("New images.")] long Created,
    [property: Description("Images that were replaced, because their revision was lower.")] long Updated,
    [property: Description("Images that have this revision or a higher one already.")] long Unchanged,
    [property: Description("Lines that were left out.")] long Failed,
    [property: Description("Why lines failed, and where the import stopped if it did. At most 1,000.")] IReadOnlyList<ImportError> Errors)
{
    internal static readonly ImportReport Example = new(3, 1, 0, 1, 1, [new(3, "no_uuid_in_file_name", "The file name 'cat.png' contains no UUID. Upload the image under a UUID, such as 8d76bd3a-….png.")]);
}

/// <summary>Why a line failed.</summary>
public sealed record ImportError(
    [property: Description("The line's number, from 1. Blank lines count.")] long Line,
    [property: Description("The word that clients switch on.")] string Code,
    [property: Description("What is wrong, and what to do.")] string Message);

[JsonSerializable(typeof(TransferredImage))]
[JsonSerializable(typeof(Envelope<ImportReport>))]
internal sealed partial class TransferJsonContext : JsonSerializerContext;
