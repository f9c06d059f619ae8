using System.Diagnostics;

namespace Gallery.Sql.Erasure;

/// <remarks>What is left of a user after their images: events, and sharing.</remarks>
public sealed partial class ErasureRepository
{
    /// <summary>
    /// Removes the user from a batch of events. The event that an image was purged stays, without the user's id. So a late save is still rejected. Returns the
    /// number of events that the batch found.
    /// </summary>
    public async Task<int> EraseEventsAsync(string userId, int limit, CancellationToken ct)
    {
        // The first event stays as an empty row. A save that runs while its image is purged conflicts with it, and so does not create the image again. It loses its
        // place, because many such rows in a row would delay a consumer of the feed that has not read them.
        // language=PostgreSQL
        const string sql = """
            with old as materialized
            (
                select e.image_id, e.revision
                from
                (
                    select e.image_id, e.revision
                    from gallery.image_event as e
                    where e.user_id = @UserId
                    limit 1000
                ) as e
                limit @Limit
            ),
            kept as
            (
                update gallery.image_event as e
                set user_id     = '',
                    fields      = '{}',
                    actor       = case when e.event = 'purged' and e.actor <> 'user:' || @UserId then e.actor end,
                    occurred_at = case when e.event = 'purged' then e.occurred_at else 'epoch' end,
                    position    = case when e.event = 'purged' then e.position else 0 end
                from old
                where e.image_id = old.image_id
                  and e.revision = old.revision
                  and e.user_id = @UserId
                  and (e.event = 'purged' or e.revision = 1)
            ),
            gone as
            (
                delete from gallery.image_event as e
                using old
                where e.image_id = old.image_id
                  and e.revision = old.revision
                  and e.user_id = @UserId
                  and e.event <> 'purged'
                  and e.revision > 1
            )
            select count(*)::int
            from old
            """;

        return (await _statements.QueryAsync<int>(sql, Stopwatch.GetTimestamp(), ct, ("UserId", userId), ("Limit", limit)))[0];
    }

    /// <summary>
    /// Ends a batch of grants to the user, and of grants by the user. Grants by the user were deleted with the images. One remains only if it was given while its
    /// image changed owner. Returns how many the batch found.
    /// </summary>
    public async Task<int> EraseGrantsAsync(string userId, int limit, CancellationToken ct)
    {
        // language=PostgreSQL
        const string sql = """
            with old as materialized
            (
                select g.image_id, g.user_id
                from
                (
                    (
                        select g.image_id, g.user_id
                        from gallery.image_grant as g
                        where g.user_id = @UserId
                        limit 1000
                    )
                    union all
                    (
                        select g.image_id, g.user_id
                        from gallery.image_grant as g
                        where g.owner_id = @UserId
                        limit 1000
                    )
                ) as g
                limit @Limit
            ),
            gone as
            (
                delete from gallery.image_grant as g
                using old
                where g.image_id = old.image_id
                  and g.user_id = old.user_id
                  and @UserId in (g.user_id, g.owner_id)
            )
            select count(*)::int
            from old
            """;

        return (await _statements.QueryAsync<int>(sql, Stopwatch.GetTimestamp(), ct, ("UserId", userId), ("Limit", limit)))[0];
    }

    /// <summary>
    /// Revokes a batch of the user's links. Links were deleted with the images. One remains only if it was made while its image changed owner. Returns how many the
    /// batch found.
    /// </summary>
    public async Task<int> EraseSharesAsync(string userId, int limit, CancellationToken ct)
    {
        // language=PostgreSQL
        const string sql = """
            with old as materialized
            (
                select s.image_id, s.share_id
                from
                (
                    select s.image_id, s.share_id
                    from gallery.image_share as s
                    where s.user_id = @UserId
                    limit 1000
                ) as s
                limit @Limit
            ),
            gone as
            (
                delete from gallery.image_share as s
                using old
                where s.image_id = old.image_id
                  and s.share_id = old.share_id
            )
            select count(*)::int
            from old
            """;

        return (await _statements.QueryAsync<int>(sql, Stopwatch.GetTimestamp(), ct, ("UserId", userId), ("Limit", limit)))[0];
    }

    /// <summary>Removes the user from a batch of events in which they changed another user's image. Returns how many the batch found.</summary>
    public async Task<int> EraseActorAsync(string userId, int limit, CancellationToken ct)
    {
        // language=PostgreSQL
        const string sql = """
            with old as materialized
            (
                select e.image_id, e.revision
                from
                (
                    select e.image_id, e.revision
                    from gallery.image_event as e
                    where e.actor = 'user:' || @UserId
                      and e.actor like 'user:%'                           -- these two are the index's
                      and e.actor <> 'user:' || e.user_id
                    order by e.image_id, e.revision
                    limit 1000
                ) as e
                limit @Limit
            ),
            anonymous as
            (
                update gallery.image_event as e
                set actor = null
                from old
                where e.image_id = old.image_id
                  and e.revision = old.revision
            )
            select count(*)::int
            from old
            """;

        return (await _statements.QueryAsync<int>(sql, Stopwatch.GetTimestamp(), ct, ("UserId", userId), ("Limit", limit)))[0];
    }
}
