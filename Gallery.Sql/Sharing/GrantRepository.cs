using System.Diagnostics;
using Gallery.Sql.Database;
using Npgsql;

namespace Gallery.Sql.Sharing;

/// <summary>
/// The statements of grants, <c>gallery.image_grant</c>. The statements that find and edit images read them too. A grant holds while the image is live and has the
/// owner who gave it.
/// </summary>
public sealed class GrantRepository(NpgsqlDataSource database)
{
    /// <summary>Users with whom one image is shared, so that a purge of many images is never slow. Equals the number in the SQL.</summary>
    public const int MaximumPerImage = 100;

    private readonly StatementRunner _statements = new(database);

    /// <summary>Lets a user see or edit a live image, or changes what they may. Null if the image is unknown, another user's, in the trash, or has <see cref="MaximumPerImage"/> grants.</summary>
    /// <exception cref="PostgresException">23514, <c>image_grant_to_another</c>: the user owns the image.</exception>
    public async Task<GrantRow?> PutGrantAsync(Guid imageId, string userId, string role, Caller caller, CancellationToken ct)
    {
        // language=PostgreSQL
        const string sql = $"""
            insert into gallery.image_grant as g (image_id, user_id, owner_id, role)
            select i.image_id, @GranteeId, i.user_id, @Role
            from gallery.image as i
            where i.image_id = @ImageId
              and (@IsAnyone or i.user_id = @UserId)
              and i.deleted_at is null
              and (select count(*) from gallery.image_grant as g where g.image_id = @ImageId and g.user_id <> @GranteeId) < 100
            on conflict (image_id, user_id) do update
                set role = excluded.role, owner_id = excluded.owner_id
            returning {GrantRow.Columns}
            """;

        return (await _statements.QueryAsync<GrantRow>(sql, Stopwatch.GetTimestamp(), ct, [.. Owned(imageId, caller), ("GranteeId", userId), ("Role", role)])).SingleOrDefault();
    }

    /// <summary>Ends a grant. Its user may do so too. Returns whether there was one.</summary>
    public async Task<bool> RemoveGrantAsync(Guid imageId, string userId, Caller caller, CancellationToken ct)
    {
        // language=PostgreSQL
        const string sql = """
            delete from gallery.image_grant as g
            using gallery.image as i
            where g.image_id = @ImageId
              and g.user_id = @GranteeId
              and i.image_id = g.image_id
              and (@IsAnyone or i.user_id = @UserId or g.user_id = @UserId and i.deleted_at is null)
            returning 1
            """;

        return (await _statements.QueryAsync<int>(sql, Stopwatch.GetTimestamp(), ct, [.. Owned(imageId, caller), ("GranteeId", userId)])).Count > 0;
    }

    /// <summary>The grants of a live image, by user id. Empty if the image is unknown, another user's, or in the trash.</summary>
    /// <param name="after">A user id. Empty for the first page.</param>
    public async Task<GrantPage> ListGrantsAsync(Guid imageId, Caller caller, string after, int limit, CancellationToken ct)
    {
        // language=PostgreSQL
        const string sql = $"""
            select {GrantRow.Columns}
            from gallery.image_grant as g
            join gallery.image as i on i.image_id = g.image_id
            where g.image_id = @ImageId
              and (@IsAnyone or i.user_id = @UserId)
              and i.user_id = g.owner_id
              and i.deleted_at is null
              and g.user_id > @After
            order by g.user_id
            limit @Limit
            """;

        var rows = await _statements.QueryAsync<GrantRow>(sql, Stopwatch.GetTimestamp(), ct, [.. Owned(imageId, caller), ("After", after), ("Limit", limit + 1)]);
        return rows.Count <= limit ? new(rows, null) : new([.. rows.Take(limit)], rows[limit - 1].UserId);
    }

    private static (string, object)[] Owned(Guid imageId, Caller caller) => [("ImageId", imageId), ("IsAnyone", caller.UserId is null), ("UserId", caller.UserId ?? "")];
}
