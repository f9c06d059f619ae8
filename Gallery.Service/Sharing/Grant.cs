using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using Gallery.Service.Erasure;
using Gallery.Service.Images;
using Gallery.Sql.Images;
using Gallery.Sql.Sharing;

namespace Gallery.Service.Sharing;

/// <summary>A user with whom an image is shared.</summary>
public sealed record Grant(
    Guid ImageId,
    [property: Description("Who may see the image.")] string UserId,
    [property: AllowedValues("view", "edit"), Description("view, or edit: then they may also edit and tag the image.")] string Role,
    [property: Description("UTC. A change of the role does not move it.")] DateTime GrantedAt)
{
    internal static Grant Of(GrantRow row) => new(row.ImageId, row.UserId, row.Role, row.GrantedAt);
}

/// <summary>What a user may do with an image.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record PutGrantRequest([property: Required, AllowedValues("view", "edit"), Description("view, or edit: then they may also edit and tag the image.")] string Role);

/// <summary>What a removal did.</summary>
public sealed record GrantRemoval([property: Description("false: the image was not shared with this user.")] bool Removed);

/// <summary>An image that another user shares.</summary>
public sealed record GrantedImage(
    [property: AllowedValues("view", "edit"), Description("What the caller may do with it.")] string Role,
    [property: Description("UTC. Since when.")] DateTime GrantedAt,
    Image Image)
{
    internal static GrantedImage Of(SharedImageRow row, RetentionOptions retention) => new(row.Role, row.GrantedAt, Image.Of(row.Image, retention));
}
