using Gallery.Sql.Database;
using Gallery.Sql.Images;

namespace Gallery.Sql.Sharing;

/// <summary>A row of <c>gallery.image_share</c>, in the order of <see cref="Columns"/>.</summary>
/// <param name="ExpiresAt">UTC, like all times here. Null if it never expires.</param>
/// <param name="MaxViews">Null if there is no maximum.</param>
/// <param name="Views">How often the link was opened.</param>
/// <param name="LastViewedAt">Null before the first view.</param>
/// <param name="IsOpen">Whether the link shows its image now, given its password.</param>
public sealed record ShareRow(
    Guid ImageId, Guid ShareId, DateTime CreatedAt, DateTime? ExpiresAt, long? MaxViews, long Views, DateTime? LastViewedAt, bool HasPassword, bool ShowPrompt, string? Note, bool IsOpen)
{
    /// <summary>Whether the link shows its image. On the link <c>s</c> and its image <c>i</c>.</summary>
    internal const string IsOpenNow = """
        i.deleted_at is null
              and i.user_id = s.user_id
              and (s.expires_at is null or s.expires_at > clock_timestamp())     -- now() would be before the wait for the row
              and (s.max_views is null or s.openings < s.max_views)
        """;

    internal const string Columns = $"""
        s.image_id, s.share_id, s.created_at, s.expires_at, s.max_views, least(s.openings, s.max_views) as views, s.last_viewed_at, s.password_hash is not null as has_password, s.show_prompt, s.note,
               ({IsOpenNow}) as is_open
        """;
}

/// <summary>Names a link.</summary>
/// <param name="ShareId">The first 128 bits of the SHA-256 of its secret.</param>
public readonly record struct ShareKey(Guid ImageId, Guid ShareId);

/// <summary>A link to be made.</summary>
/// <param name="PasswordHash">Null if it asks for no password.</param>
public sealed record NewShare(ShareKey Key, Caller Caller, DateTime? ExpiresAt, long? MaxViews, string? PasswordHash, bool ShowPrompt, string? Note);

/// <summary>What came of a request to open a link.</summary>
/// <param name="Image">The whole image. Only what the link allows may leave the service. Null if the link does not show it.</param>
/// <param name="AsksForPassword">Whether it would with its password.</param>
public sealed record ShareOpening(ImageRow? Image, bool ShowPrompt, bool AsksForPassword)
{
    /// <summary>The link is unknown, expired, used up or revoked, or its image is in the trash or has another owner.</summary>
    internal static readonly ShareOpening Nothing = new(null, false, false);
}

/// <summary>Links of one list, and the place where its next page starts. Null on the last page.</summary>
public sealed record SharePage(IReadOnlyList<ShareRow> Shares, ImageKeyset? Next);
