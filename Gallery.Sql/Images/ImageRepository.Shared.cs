using System.Data.Common;
using System.Diagnostics;
using Dapper;
using Gallery.Sql.Database;

namespace Gallery.Sql.Images;

/// <remarks>What other users share with a user is a list for itself. Owned or shared in one list would read a small user's list from all shared images.</remarks>
public sealed partial class ImageRepository
{
    /// <summary>Live images that others share with a user, the latest grant first. A page ends at 512 KB of text, unless its first image is larger.</summary>
    /// <param name="limit">Maximum images, 1 or more.</param>
    public Task<SharedImagePage> ListSharedWithAsync(string userId, ImageKeyset after, int limit, CancellationToken ct)
    {
        // language=PostgreSQL
        const string sql = $"""
            select g.role, g.granted_at, {ImageRow.Columns}
            from gallery.image_grant as g
            join gallery.image as i on i.image_id = g.image_id
            where g.user_id = @UserId
              and i.user_id = g.owner_id
              and i.deleted_at is null
              and (g.granted_at, g.image_id) < (@At, @ImageId)
            order by g.granted_at desc, g.image_id desc
            limit @Limit
            """;

        var since = Stopwatch.GetTimestamp();
        return ReadAsync().WaitAsync(GalleryDatabase.Patience, CancellationToken.None);

        async Task<SharedImagePage> ReadAsync()
        {
            var (images, next) = await ReadPageAsync(
                (place, wanted) => _shared.ReadAsync(sql, ParserOf, isRepeatable: true, since, ct, ("UserId", userId), ("At", place.At), ("ImageId", place.ImageId), ("Limit", wanted)),
                after, limit, shared => new(shared.GrantedAt, shared.Image.ImageId), shared => shared.Image);
            return new(images, next);
        }

        static Func<DbDataReader, SharedImageRow> ParserOf(DbDataReader reader)
        {
            var image = reader.GetRowParser<ImageRow>(startIndex: 2);
            return row => new(image(row), row.GetString(0), row.GetDateTime(1));
        }
    }
}

/// <summary>An image that another user shares.</summary>
/// <param name="Role">view or edit.</param>
/// <param name="GrantedAt">UTC.</param>
public sealed record SharedImageRow(ImageRow Image, string Role, DateTime GrantedAt);

/// <summary>A page of shared images, and the place where the next one starts. Null on the last page.</summary>
public sealed record SharedImagePage(IReadOnlyList<SharedImageRow> Images, ImageKeyset? Next);
