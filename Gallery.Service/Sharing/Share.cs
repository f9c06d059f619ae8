using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using Gallery.Service.Http;
using Gallery.Service.Images;
using Gallery.Sql.Images;
using Gallery.Sql.Sharing;

namespace Gallery.Service.Sharing;

/// <summary>A link to an image, as the image's owner sees it.</summary>
public sealed record Share(
    [property: Description("Names the link, for example to revoke it. It does not open it.")] Guid ShareId,
    Guid ImageId,
    [property: Description("Whether the link shows the image now. false: it has expired or is used up, or the image is in the trash.")] bool IsOpen,
    [property: Description("UTC.")] DateTime CreatedAt,
    [property: Description("UTC. Null if the link never expires.")] DateTime? ExpiresAt,
    [property: Description("How often the link may be opened. Null if there is no maximum.")] long? MaxViews,
    [property: Description("How often it was opened.")] long Views,
    [property: Description("UTC. Null if it was never opened.")] DateTime? LastViewedAt,
    [property: Description("Whether it asks for a password.")] bool HasPassword,
    [property: Description("Whether it shows the prompt too.")] bool ShowPrompt,
    [property: Description("What the owner wrote about the link. The link does not show it.")] string? Note,
    [property: Description("What opens the link. Only in the answer that creates the link, because it is stored nowhere."), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Token = null,
    [property: Description("The link, to be passed on. Only in the answer that creates it."), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Url = null)
{
    internal static Share Of(ShareRow row) => new(
        row.ShareId, row.ImageId, row.IsOpen, row.CreatedAt, row.ExpiresAt, row.MaxViews, row.Views, row.LastViewedAt, row.HasPassword, row.ShowPrompt, row.Note);
}

/// <summary>What a link is to allow.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record CreateShareRequest(
    [property: Range(1, CreateShareRequest.MaxViewsMaximum), Description("How often the link may be opened. Without it as often as anyone likes.")] long? MaxViews = null,
    [property: MinLength(SharePasswords.Minimum), MaxLength(SharePasswords.Maximum), RegularExpression(SharePasswords.Pattern), Description("Without it the link asks for no password.")] string? Password = null,
    [property: Description("Whether the link shows the prompt too. Without it no.")] bool? ShowPrompt = null,
    [property: MaxLength(CreateShareRequest.NoteMaximum), Description("For the owner. The link does not show it.")] string? Note = null)
{
    [Description("A time to come. Without it the link expires after 7 days. null: it never expires.")]
    public DateTime? ExpiresAt { get; init; }

    internal const long MaxViewsMaximum = 1_000_000_000;
    internal const int NoteMaximum = 200;

    internal static readonly TimeSpan DefaultTime = TimeSpan.FromDays(7);

    private static readonly string[] Fields = ["expires_at", "max_views", "password", "show_prompt", "note"];

    /// <summary>The link that a body asks for. Its faults go to <paramref name="errors"/>.</summary>
    /// <exception cref="System.Text.Json.JsonException">The body is not a JSON object.</exception>
    internal static CreateShareRequest Read(ReadOnlyMemory<byte> json, DateTime now, FieldErrors errors)
    {
        var fields = JsonFields.Read(json, Fields, errors);
        DateTime? expiresAt = fields.IsNull("expires_at") ? null : fields.FindTime("expires_at") ?? now + DefaultTime;
        if (expiresAt <= now) errors.Add("expires_at", "expires_at is over. Send a time to come, or null for a link that never expires.");
        var password = fields.FindText("password", 0, int.MaxValue);
        if (password is not null && SharePasswords.FindFault(password) is { } fault) errors.Add("password", fault);
        return new(fields.FindNumber("max_views", 1, MaxViewsMaximum), password, fields.FindSwitch("show_prompt"), fields.FindText("note", 0, NoteMaximum)) { ExpiresAt = expiresAt };
    }
}

/// <summary>What was revoked.</summary>
public sealed record Revocation(
    [property: Description("The links that this request revoked.")] int Revoked,
    [property: Description("false: more are left. Send the request again.")] bool IsComplete);

/// <summary>What a link shows to anyone.</summary>
public sealed record SharedImage(
    Guid ImageId,
    [property: Url] string ImageUrl,
    [property: Url, Description("The picture at 320 × 320 pixels, cropped to fill them. Null if there is none.")] string? ThumbnailUrl,
    [property: Description("Pixels of the picture at image_url. Null if not known."), Range(1, int.MaxValue)] int? Width,
    [property: Description("Like width."), Range(1, int.MaxValue)] int? Height,
    [property: Description("Such as jpg. Null if not known.")] string? Format,
    [property: Description("Null if the link does not show it, or if the image has none.")] string? RefinedPrompt)
{
    internal static SharedImage Of(ImageRow image, bool showPrompt)
    {
        var delivery = Delivery.Of(image.ImageUrl, image.Metadata);
        return new(image.ImageId, image.ImageUrl, delivery.ThumbnailUrl, delivery.Width, delivery.Height, delivery.Format, showPrompt ? image.RefinedPrompt : null);
    }
}
