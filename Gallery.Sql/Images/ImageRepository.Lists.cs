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
        string sql, string? userId, ImageKeyset after, int limit, Func<ImageRow, ImageKeyset> keysetOf, CancellationToken ct) =>
        ReadPageAsync(sql, userId, after, limit, keysetOf, ct).WaitAsync(GalleryDatabase.Patience, ct);

    private async Task<ImagePage> ReadPageAsync(
        string sql, string? userId, ImageKeyset after, int limit, Func<ImageRow, ImageKeyset> keysetOf, CancellationToken ct)
    {
        var since = Stopwatch.GetTimestamp();
        var images = new List<ImageRow>();
        var bytes = 0L;
        while (true)
        {
            var wanted = Math.Min(limit + 1 - images.Count, MaximumRowsRead);   // one row more than the page shows whether another page follows
            var rows = await ReadPartAsync(sql, userId, after, wanted, since, ct);
            foreach (var row in rows)
            {
                bytes += row.AnswerBytes;
                if (images.Count == limit || (images.Count > 0 && bytes > MaximumPageBytes)) return new ImagePage(images, keysetOf(images[^1]));
                images.Add(row);
            }

            if (rows.Count < wanted) return new ImagePage(images, null);
            after = keysetOf(images[^1]);
        }
    }

    private async Task<IReadOnlyList<ImageRow>> ReadPartAsync(string sql, string? userId, ImageKeyset after, int limit, long since, CancellationToken ct)
    {
        var patience = GalleryDatabase.Patience - Stopwatch.GetElapsedTime(since);   // no part starts after the caller timed out
        if (patience <= TimeSpan.Zero || !await _listing.WaitAsync(patience, ct)) throw new TimeoutException("The lists before this one took too long.");
        try
        {
            (string, object)[] place = [("At", after.At), ("ImageId", after.ImageId), ("Limit", limit)];
            return await _statements.QueryAsync<ImageRow>(sql, since, ct, userId is null ? place : [.. place, ("UserId", userId)]);
        }
        finally
        {
            _listing.Release();
        }
    }
}
