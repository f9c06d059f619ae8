using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using Gallery.Service.Http;
using Gallery.Service.Limits;
using Gallery.Sql.Database;
using Gallery.Sql.Tags;

namespace Gallery.Service.Tags;

internal static class TagNoun
{
    /// <summary>The key of the turns of lists.</summary>
    public const string Lists = "tag_lists";

    public static readonly Noun Noun = new(
        (services, _) => services.AddSingleton<TagRepository>().AddKeyedSingleton<UserTurns>(Lists), TagEndpoints.MapTags, TagJsonContext.Default, new Dictionary<string, (string, string)>
        {
            ["image_tag_label_length"] = ("tags", "A tag must have 1 to 64 characters."),
        });
}

/// <summary>A tag in the list of tags.</summary>
public sealed record TagCount(
    [property: Description("As the oldest image with the tag shows it, live or in the trash.")] string Name,
    [property: Description("The live images that have it.")] long Count)
{
    internal static TagCount Of(TagRow row) => new(row.Label, row.Images);
}

/// <summary>Which tag to rename.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record RenameTagRequest(
    [property: Required, MinLength(1), MaxLength(Tag.MaximumCodePoints), RegularExpression(TagRules.Pattern), Description("The tag to rename, in any case. " + TagRules.Length)] string From,
    [property: Required, MinLength(1), MaxLength(Tag.MaximumCodePoints), RegularExpression(TagRules.Pattern), Description("The new tag. An image that has it already loses the old one. " + TagRules.Length)] string To,
    [property: MinLength(1), MaxLength(Caller.UserIdMaximum), Description("Whose images. A service key must send it; with a user's token it is the token's sub.")] string? UserId = null);

/// <summary>What a renaming did.</summary>
public sealed record TagRename(
    [property: Description("The images that this request changed.")] int Renamed,
    [property: Description("false: more images have the old tag. Send the request again.")] bool IsComplete);

[JsonSerializable(typeof(PageEnvelope<TagCount>))]
[JsonSerializable(typeof(RenameTagRequest))]
[JsonSerializable(typeof(Envelope<TagRename>))]
internal sealed partial class TagJsonContext : JsonSerializerContext;
