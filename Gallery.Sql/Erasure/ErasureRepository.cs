using System.Diagnostics;
using Gallery.Sql.Database;
using Npgsql;

namespace Gallery.Sql.Erasure;

/// <summary>
/// Deletes many rows permanently, batch by batch. Each method runs one batch, which is one statement. It returns an item for each row that the batch found, at most
/// <see cref="BatchSize"/>. The item is null if another transaction changed the row first. Callers repeat it until a batch is not full. They may stop at any time.
/// </summary>
/// <remarks>
/// Several callers may work at once. Each <c>delete</c> repeats the conditions. So two batches may wait for each other, but they never delete a row twice. The
/// limits in the SQL are numbers, because for a parameter the planner expects a tenth of the table.
/// </remarks>
public sealed class ErasureRepository(NpgsqlDataSource database)
{
    public const int BatchSize = 1000;

    private readonly StatementRunner _statements = new(database);

    /// <summary>Purges a batch of a user's trash, the oldest deletions first.</summary>
    public Task<IReadOnlyList<Guid?>> EmptyTrashAsync(Caller caller, string userId, CancellationToken ct)
    {
        // language=PostgreSQL
        const string sql = $"""
            with old as materialized
            (
                select i.image_id
                from gallery.image as i
                where i.user_id = @UserId
                  and i.deleted_at is not null
                order by i.deleted_at, i.image_id
                limit 1000
            ),
            {Purge}
            """;

        return PurgeAsync(sql, ct, ("UserId", userId), ("Actor", caller.Name ?? ""));
    }

    /// <summary>Purges a batch of everyone's images that have been in the trash for so many days, by the database's clock.</summary>
    public Task<IReadOnlyList<Guid?>> PurgeOldTrashAsync(Caller caller, int days, CancellationToken ct)
    {
        // language=PostgreSQL
        const string sql = $"""
            with old as materialized
            (
                select i.image_id
                from gallery.image as i
                where i.deleted_at < now() - make_interval(days => @Days)
                order by i.deleted_at, i.image_id
                limit 1000
            ),
            {Purge}
            """;

        return PurgeAsync(sql, ct, ("Days", days), ("Actor", caller.Name ?? ""));
    }

    /// <summary>Purges a batch of a user's images, live or in the trash.</summary>
    public Task<IReadOnlyList<Guid?>> EraseImagesAsync(Caller caller, string userId, CancellationToken ct)
    {
        // language=PostgreSQL
        const string sql = $"""
            with old as materialized
            (
                select i.image_id
                from
                (
                    (
                        select i.image_id
                        from gallery.image as i
                        where i.user_id = @UserId
                          and i.deleted_at is null
                        order by i.created_at, i.image_id
                        limit 1000
                    )
                    union all
                    (
                        select i.image_id
                        from gallery.image as i
                        where i.user_id = @UserId
                          and i.deleted_at is not null
                        order by i.deleted_at, i.image_id
                        limit 1000
                    )
                ) as i
                limit 1000
            ),
            w as
            (
                delete from gallery.image as i
                using old
                where i.image_id = old.image_id
                  and i.user_id = @UserId
                returning i.image_id, i.user_id, i.created_at, i.updated_at, i.revision
            ),
            {Recorded}
            """;

        return PurgeAsync(sql, ct, ("UserId", userId), ("Actor", caller.Name ?? ""));
    }

    /// <summary>
    /// Removes the user from a batch of events. Of a purged image there remains only that it was purged, so that a late save is still refused. Returns the
    /// number of events that the batch found.
    /// </summary>
    public async Task<int> EraseEventsAsync(string userId, CancellationToken ct)
    {
        // The first event stays as an empty row. A save that runs while its image is purged conflicts with it, and so does not create the image again.
        // language=PostgreSQL
        const string sql = """
            with old as materialized
            (
                select e.image_id, e.revision
                from gallery.image_event as e
                where e.user_id = @UserId
                limit 1000
            ),
            kept as
            (
                update gallery.image_event as e
                set user_id     = '',
                    fields      = '{}',
                    actor       = case when e.event = 'purged' and e.actor <> 'user:' || @UserId then e.actor end,
                    occurred_at = case when e.event = 'purged' then e.occurred_at else 'epoch' end
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

        return (await _statements.QueryAsync<int>(sql, Stopwatch.GetTimestamp(), ct, ("UserId", userId)))[0];
    }

    /// <summary>Ends a batch of grants to the user. Returns how many.</summary>
    public async Task<int> EraseGrantsAsync(string userId, CancellationToken ct)
    {
        // language=PostgreSQL
        const string sql = """
            with old as materialized
            (
                select g.image_id
                from gallery.image_grant as g
                where g.user_id = @UserId
                order by g.granted_at, g.image_id
                limit 1000
            )
            delete from gallery.image_grant as g
            using old
            where g.image_id = old.image_id
              and g.user_id = @UserId
            returning 1
            """;

        return (await _statements.QueryAsync<int>(sql, Stopwatch.GetTimestamp(), ct, ("UserId", userId))).Count;
    }

    /// <summary>Removes the user from a batch of events in which they changed another user's image. Returns how many.</summary>
    public async Task<int> EraseActorAsync(string userId, CancellationToken ct)
    {
        // language=PostgreSQL
        const string sql = """
            with old as materialized
            (
                select e.image_id, e.revision
                from gallery.image_event as e
                where e.actor = 'user:' || @UserId
                  and e.actor like 'user:%'                               -- these two are the index's
                  and e.actor <> 'user:' || e.user_id
                order by e.image_id, e.revision
                limit 1000
            )
            update gallery.image_event as e
            set actor = null
            from old
            where e.image_id = old.image_id
              and e.revision = old.revision
            returning 1
            """;

        return (await _statements.QueryAsync<int>(sql, Stopwatch.GetTimestamp(), ct, ("UserId", userId))).Count;
    }

    /// <summary>Deletes a batch of events that are older than so many days, tombstones too. Returns the number of events.</summary>
    public async Task<int> PurgeOldEventsAsync(int days, CancellationToken ct)
    {
        // language=PostgreSQL
        const string sql = """
            with old as materialized
            (
                select e.image_id, e.revision
                from gallery.image_event as e
                where e.occurred_at < now() - make_interval(days => @Days)
                order by e.occurred_at
                limit 1000
            ),
            gone as
            (
                delete from gallery.image_event as e
                using old
                where e.image_id = old.image_id
                  and e.revision = old.revision
            )
            select count(*)::int
            from old
            """;

        return (await _statements.QueryAsync<int>(sql, Stopwatch.GetTimestamp(), ct, ("Days", days)))[0];
    }

    /// <summary>How many images of all users are in the trash. Counts to a million, and then stops.</summary>
    public async Task<long> CountTrashAsync(CancellationToken ct)
    {
        // language=PostgreSQL
        const string sql = """
            select count(*)
            from
            (
                select
                from gallery.image as i
                where i.deleted_at is not null
                limit 1000000
            ) as trash
            """;

        return (await _statements.QueryWithinAsync<long>(sql, TimeSpan.FromSeconds(1), Stopwatch.GetTimestamp(), ct))[0];
    }

    // Purges the rows of "old" that are still in the trash.
    private const string Purge = $"""
        w as
            (
                delete from gallery.image as i
                using old
                where i.image_id = old.image_id
                  and i.deleted_at is not null
                returning i.image_id, i.user_id, i.created_at, i.updated_at, i.revision
            ),
            {Recorded}
        """;

    // Adds the history of the rows in "w", which were deleted, and answers for each row of "old" whether it was.
    private const string Recorded = """
        e as
            (
                insert into gallery.image_event (image_id, revision, event, occurred_at, actor, user_id)
                select w.image_id, w.revision + 1, 'purged', greatest(w.updated_at, now()), nullif(@Actor, ''), w.user_id
                from w
                union all
                select w.image_id, 1, 'created', w.created_at, null, w.user_id
                from w
                on conflict (image_id, revision) do nothing
            )
            select w.image_id
            from old
            left join w on w.image_id = old.image_id
        """;

    /// <summary>Not run again if its answer was lost, because the second run would report nothing of the first.</summary>
    private Task<IReadOnlyList<Guid?>> PurgeAsync(string sql, CancellationToken ct, params (string, object)[] parameters) =>
        _statements.ReadAsync<Guid?>(sql, _ => row => row.IsDBNull(0) ? null : row.GetGuid(0), isRepeatable: false, Stopwatch.GetTimestamp(), ct, parameters);
}
