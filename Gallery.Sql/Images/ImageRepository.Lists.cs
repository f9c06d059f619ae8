namespace Gallery.Sql.Images;

/// <summary>The lists: by keyset, never by offset, so that a page costs the same wherever it stands.</summary>
public sealed partial class ImageRepository
{
    /// <summary>Live images, newest first (<c>created_at</c>, then <c>image_id</c>, both falling).</summary>
    /// <param name="userId">Whose; null for everyone's.</param>
    /// <param name="after">The last row of the page before; null for the first page.</param>
    /// <param name="limit">How many rows at most.</param>
    /// <param name="read">Reads the rows; begins anew where the statement is run twice. What it gives is the answer.</param>
    public Task<T> ListImagesAsync<T>(
        string? userId, ImageKeyset? after, int limit, Func<ImageReader, CancellationToken, Task<T>> read, CancellationToken ct)
    {
        // The seek is one row comparison against coalesced values: "@At is null or …" would filter the whole index.
        // language=PostgreSQL
        const string ofOneUser = """
            select i.image_id,
                   i.user_id,
                   i.image_url,
                   i.refined_prompt,
                   i.intent,
                   i.metadata,
                   i.created_at,
                   i.updated_at,
                   i.deleted_at,
                   i.revision
            from gallery.image as i
            where i.user_id = @UserId
              and i.deleted_at is null
              and (i.created_at, i.image_id)
                < (coalesce(@At::timestamptz, 'infinity'), coalesce(@ImageId::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
            order by i.created_at desc,
                     i.image_id desc
            limit @Limit
            """;

        // language=PostgreSQL
        const string ofEveryone = """
            select i.image_id,
                   i.user_id,
                   i.image_url,
                   i.refined_prompt,
                   i.intent,
                   i.metadata,
                   i.created_at,
                   i.updated_at,
                   i.deleted_at,
                   i.revision
            from gallery.image as i
            where i.deleted_at is null
              and (i.created_at, i.image_id)
                < (coalesce(@At::timestamptz, 'infinity'), coalesce(@ImageId::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
            order by i.created_at desc,
                     i.image_id desc
            limit @Limit
            """;

        return ListAsync(userId is null ? ofEveryone : ofOneUser, userId, after, limit, read, ct);
    }

    /// <summary>The trash, latest deletion first (<c>deleted_at</c>, then <c>image_id</c>, both falling).</summary>
    /// <inheritdoc cref="ListImagesAsync" path="/param"/>
    public Task<T> ListDeletedImagesAsync<T>(
        string? userId, ImageKeyset? after, int limit, Func<ImageReader, CancellationToken, Task<T>> read, CancellationToken ct)
    {
        // language=PostgreSQL
        const string ofOneUser = """
            select i.image_id,
                   i.user_id,
                   i.image_url,
                   i.refined_prompt,
                   i.intent,
                   i.metadata,
                   i.created_at,
                   i.updated_at,
                   i.deleted_at,
                   i.revision
            from gallery.image as i
            where i.user_id = @UserId
              and i.deleted_at is not null
              and (i.deleted_at, i.image_id)
                < (coalesce(@At::timestamptz, 'infinity'), coalesce(@ImageId::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
            order by i.deleted_at desc,
                     i.image_id desc
            limit @Limit
            """;

        // language=PostgreSQL
        const string ofEveryone = """
            select i.image_id,
                   i.user_id,
                   i.image_url,
                   i.refined_prompt,
                   i.intent,
                   i.metadata,
                   i.created_at,
                   i.updated_at,
                   i.deleted_at,
                   i.revision
            from gallery.image as i
            where i.deleted_at is not null
              and (i.deleted_at, i.image_id)
                < (coalesce(@At::timestamptz, 'infinity'), coalesce(@ImageId::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
            order by i.deleted_at desc,
                     i.image_id desc
            limit @Limit
            """;

        return ListAsync(userId is null ? ofEveryone : ofOneUser, userId, after, limit, read, ct);
    }

    private Task<T> ListAsync<T>(
        string sql, string? userId, ImageKeyset? after, int limit, Func<ImageReader, CancellationToken, Task<T>> read, CancellationToken ct) =>
        _statements.QueryAsync(
            sql, new { UserId = userId, after?.At, after?.ImageId, Limit = limit }, isRepeatable: true, (reader, token) => read(new ImageReader(reader), token), ct);
}
