using System.Diagnostics;
using Gallery.Sql.Database;

namespace Gallery.Sql.Images;

/// <remarks>Lists are read by key, never by offset, so that every page costs the same.</remarks>
public sealed partial class ImageRepository
{
    // Further lists would only compete for the database's processors.
    private const int ListsAtOnce = 2;

    private const int MaximumPageBytes = 512 * 1024;

    // Equals the limit in the SQL. A large page takes several statements, so that a page of large images reads few rows in vain.
    private const int MaximumRowsRead = 51;

    private readonly SemaphoreSlim _listing = new(ListsAtOnce);

    /// <summary>Live images, newest first. A page ends at 512 KB of text, unless its first image is larger.</summary>
    /// <param name="userId">Their owner. Null for everyone's.</param>
    /// <param name="limit">Maximum images, 1 or more.</param>
    public Task<ImagePage> ListImagesAsync(string? userId, ImageKeyset after, int limit, CancellationToken ct)
    {
        // The inner limit is a number. For a parameter the planner expects a tenth of the user's images. That looks so expensive that it would plan each
        // execution again.
        // language=PostgreSQL
        const string ofUser = $"""
            select {ImageRow.Columns}
            from
            (
                select {ImageRow.Columns}
                from gallery.image as i
                where i.user_id = @UserId
                  and i.deleted_at is null
                  and (i.created_at, i.image_id) < (@At, @ImageId)
                order by i.created_at desc, i.image_id desc
                limit 51
            ) as i
            order by i.created_at desc, i.image_id desc
            limit @Limit
            """;

        // language=PostgreSQL
        const string ofEveryone = $"""
            select {ImageRow.Columns}
            from
            (
                select {ImageRow.Columns}
                from gallery.image as i
                where i.deleted_at is null
                  and (i.created_at, i.image_id) < (@At, @ImageId)
                order by i.created_at desc, i.image_id desc
                limit 51
            ) as i
            order by i.created_at desc, i.image_id desc
            limit @Limit
            """;

        return ListAsync(userId is null ? ofEveryone : ofUser, userId, after, limit, image => new(image.CreatedAt, image.ImageId), ct);
    }

    /// <summary>Images in the trash, latest deletion first.</summary>
    /// <inheritdoc cref="ListImagesAsync" path="/param"/>
    public Task<ImagePage> ListDeletedImagesAsync(string? userId, ImageKeyset after, int limit, CancellationToken ct)
    {
        // language=PostgreSQL
        const string ofUser = $"""
            select {ImageRow.Columns}
            from
            (
                select {ImageRow.Columns}
                from gallery.image as i
                where i.user_id = @UserId
                  and i.deleted_at is not null
                  and (i.deleted_at, i.image_id) < (@At, @ImageId)
                order by i.deleted_at desc, i.image_id desc
                limit 51
            ) as i
            order by i.deleted_at desc, i.image_id desc
            limit @Limit
            """;

        // language=PostgreSQL
        const string ofEveryone = $"""
            select {ImageRow.Columns}
            from
            (
                select {ImageRow.Columns}
                from gallery.image as i
                where i.deleted_at is not null
                  and (i.deleted_at, i.image_id) < (@At, @ImageId)
                order by i.deleted_at desc, i.image_id desc
                limit 51
            ) as i
            order by i.deleted_at desc, i.image_id desc
            limit @Limit
            """;

        return ListAsync(userId is null ? ofEveryone : ofUser, userId, after, limit, image => new(image.DeletedAt!.Value, image.ImageId), ct);
    }

    private Task<ImagePage> ListAsync(
        string sql, string? userId, ImageKeyset after, int limit, Func<ImageRow, ImageKeyset> keysetOf, CancellationToken ct)
    {
        var since = Stopwatch.GetTimestamp();
        return ReadPageAsync(
            (place, wanted) =>
            {
                (string, object)[] parameters = [("At", place.At), ("ImageId", place.ImageId), ("Limit", wanted)];
                return _lists.QueryAsync<ImageRow>(sql, since, ct, userId is null ? parameters : [.. parameters, ("UserId", userId)]);
            },
            after, limit, keysetOf).WaitAsync(GalleryDatabase.Patience, CancellationToken.None);
    }

    private static async Task<ImagePage> ReadPageAsync(
        Func<ImageKeyset, int, Task<IReadOnlyList<ImageRow>>> read, ImageKeyset after, int limit, Func<ImageRow, ImageKeyset> keysetOf)
    {
        var (images, next) = await ReadPageAsync(read, after, limit, keysetOf, image => image);
        return new ImagePage(images, next);
    }

    private static async Task<(IReadOnlyList<T> Rows, ImageKeyset? Next)> ReadPageAsync<T>(
        Func<ImageKeyset, int, Task<IReadOnlyList<T>>> read, ImageKeyset after, int limit, Func<T, ImageKeyset> keysetOf, Func<T, ImageRow> imageOf)
    {
        var page = new List<T>();
        var bytes = 0L;
        while (true)
        {
            var wanted = Math.Min(limit + 1 - page.Count, MaximumRowsRead);   // one row more than the page shows whether another page follows
            var rows = await read(after, wanted);
            foreach (var row in rows)
            {
                bytes += imageOf(row).AnswerBytes;
                if (page.Count == limit || (page.Count > 0 && bytes > MaximumPageBytes)) return (page, keysetOf(page[^1]));
                page.Add(row);
            }

            if (rows.Count < wanted) return (page, null);
            after = keysetOf(page[^1]);
        }
    }
}
