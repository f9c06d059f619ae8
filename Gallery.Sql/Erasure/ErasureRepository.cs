using System.Diagnostics;
using Gallery.Sql.Database;
using Npgsql;

namespace Gallery.Sql.Erasure;

/// <summary>
/// Deletes many rows permanently, batch by batch. Each method except <see cref="CountTrashAsync"/> runs one batch, which is one statement. It returns an item for each row that the batch found, or their
/// number. The item is null if another transaction changed the row first. <see cref="Portions.RepeatAsync"/> repeats it until a batch is not full. It may stop at any time.
/// </summary>
/// <remarks>
/// Several callers may work at once. Each <c>delete</c> repeats the conditions. So two batches may wait for each other, but they never delete a row twice. The
/// inner limits in the SQL are numbers, because for a parameter alone the planner expects a tenth of the table.
/// </remarks>
public sealed partial class ErasureRepository(NpgsqlDataSource database)
{
    private readonly StatementRunner _statements = new(database);

    /// <summary>Purges a batch of a user's trash, the oldest deletions first.</summary>
    public Task<IReadOnlyList<Guid?>> EmptyTrashAsync(Caller caller, string userId, int limit, CancellationToken ct)
    {
        // language=PostgreSQL
        const string sql = $"""
            with old as materialized
            (
                select i.image_id, i.user_id, i.deleted_at
                from
                (
                    select i.image_id, i.user_id, i.deleted_at
                    from gallery.image as i
                    where i.user_id = @UserId
                      and i.deleted_at is not null
                    order by i.deleted_at, i.image_id
                    limit 1000
                ) as i
                limit @Limit
            ),
            {Purge}
            """;

        return PurgeAsync(sql, ct, ("UserId", userId), ("Limit", limit), ("Actor", caller.Name ?? ""));
    }

    /// <summary>Purges a batch of everyone's images that have been in the trash for so many days, by the database's clock.</summary>
    public Task<IReadOnlyList<Guid?>> PurgeOldTrashAsync(Caller caller, int days, int limit, CancellationToken ct)
    {
        // language=PostgreSQL
        const string sql = $"""
            with old as materialized
            (
                select i.image_id, i.user_id, i.deleted_at
                from
                (
                    select i.image_id, i.user_id, i.deleted_at
                    from gallery.image as i
                    where i.deleted_at < now() - make_interval(hours => 24 * @Days)   -- purge_at knows no summer time
                    order by i.deleted_at, i.image_id
                    limit 1000
                ) as i
                limit @Limit
            ),
            {Purge}
            """;

        return PurgeAsync(sql, ct, ("Days", days), ("Limit", limit), ("Actor", caller.Name ?? ""));
    }

    /// <summary>Purges a batch of a user's images, live or in the trash.</summary>
    public Task<IReadOnlyList<Guid?>> EraseImagesAsync(Caller caller, string userId, int limit, CancellationToken ct)
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
                limit @Limit
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

        return PurgeAsync(sql, ct, ("UserId", userId), ("Limit", limit), ("Actor", caller.Name ?? ""));
    }

    /// <summary>Deletes a batch of events that are older than so many days, tombstones too. Returns the number of events.</summary>
    public async Task<int> PurgeOldEventsAsync(int days, int limit, CancellationToken ct)
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
                    where e.occurred_at < now() - make_interval(hours => 24 * @Days)
                    order by e.occurred_at
                    limit 1000
                ) as e
                limit @Limit
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

        return (await _statements.QueryAsync<int>(sql, Stopwatch.GetTimestamp(), ct, ("Days", days), ("Limit", limit)))[0];
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

    // Purges the rows of "old" that are still in the trash. One that was restored and trashed again meanwhile has its own time there.
    private const string Purge = $"""
        w as
            (
                delete from gallery.image as i
                using old
                where i.image_id = old.image_id
                  and i.deleted_at = old.deleted_at
                  and i.user_id = old.user_id
                returning i.image_id, i.user_id, i.created_at, i.updated_at, i.revision
            ),
            {Recorded}
        """;

    // Adds the history of the rows in "w", which were deleted, and answers for each row of "old" whether it was.
    private const string Recorded = """
        e as
            (
                insert into gallery.image_event (image_id, revision, event, occurred_at, actor, user_id, position)
                select w.image_id, w.revision + 1, 'purged', greatest(w.updated_at, now()), nullif(@Actor, ''), w.user_id, null
                from w
                union all                                                 -- as in PurgeImagesAsync
                select w.image_id, 1, 'created', w.created_at, null, w.user_id, 0
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
