using System.Diagnostics;
using Gallery.Sql.Coalescing;
using Gallery.Sql.Database;
using Npgsql;

namespace Gallery.Sql.History;

/// <summary>Reads what happened to images. Each write to an image adds its event itself, in the same statement.</summary>
/// <remarks>
/// An event gets its position in the change feed after its commit, when the feed is read. Positions are given under the lock of one row, so they become visible
/// in their order. A consumer that keeps its position therefore misses no event, however long an older transaction took to commit.
/// </remarks>
public sealed class HistoryRepository : IAsyncDisposable
{
    /// <summary>How often a waiting consumer looks for events. All look at the same moments, so that they share one statement.</summary>
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(500);

    /// <summary>How long a read looks for an event, or for the end of the feed, while others get their positions. A large backlog, or a lock that another session holds, must not keep a request for ever.</summary>
    private static readonly TimeSpan LongestSearch = TimeSpan.FromSeconds(2.5);

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    /// <summary>The place after all events that the feed has now.</summary>
    public const long Latest = long.MaxValue;

    private readonly StatementRunner _statements;
    private readonly Coalescer<int, int, Placed> _place;

    public HistoryRepository(NpgsqlDataSource database, BatchOptions batches)
    {
        _statements = new StatementRunner(database);
        _place = new("place_events", _ => 0, PlaceAsync, batches, sharesEqualKeys: true);
    }

    public ValueTask DisposeAsync() => _place.DisposeAsync();

    /// <summary>The events of one image, newest first, after a purge too. Empty if the image is unknown, or another user's.</summary>
    /// <param name="userId">The only owner whose images the caller may see. Null for everyone's.</param>
    /// <param name="before">Only events of lower revisions.</param>
    public Task<IReadOnlyList<HistoryRow>> ListHistoryAsync(Guid imageId, string? userId, long before, int limit, CancellationToken ct)
    {
        // language=PostgreSQL
        const string sql = $"""
            select {HistoryRow.Columns}
            from
            (
                (
                    select e.image_id, e.revision, e.event, e.fields, e.occurred_at, e.actor, e.position, e.user_id
                    from gallery.image_event as e
                    where e.image_id = @ImageId
                      and e.revision < @Before
                      and (e.user_id <> '' or e.event = 'purged')         -- an erased user leaves an empty row
                      and (@IsAnyone or e.user_id = @UserId)
                      and (@IsAnyone or @UserId = coalesce(               -- who owns it now. This depends on parameters alone, so PostgreSQL checks it before it reads an event
                          (select i.user_id from gallery.image as i where i.image_id = @ImageId),
                          (select e.user_id from gallery.image_event as e where e.image_id = @ImageId order by e.revision desc limit 1)))
                    order by e.revision desc
                    limit @Limit                                          -- here, because an image may have many events
                )
                union all                                                 -- a row from before there was a history
                select i.image_id, 1, 'created', array[]::text[], i.created_at, null, null, i.user_id
                from gallery.image as i
                where i.image_id = @ImageId
                  and not exists (select from gallery.image_event as e where e.image_id = i.image_id and e.event = 'created')
            ) as e
            where e.revision < @Before
              and (@IsAnyone or e.user_id = @UserId and @UserId <> '')
            order by e.revision desc
            limit @Limit
            """;

        return _statements.QueryAsync<HistoryRow>(
            sql, Stopwatch.GetTimestamp(), ct,
            ("ImageId", imageId), ("IsAnyone", userId is null), ("UserId", userId ?? ""), ("Before", before), ("Limit", limit));
    }

    /// <summary>The events of all images, in the order of their positions. A database that accepts reads only shows those that have positions.</summary>
    /// <param name="userId">The owner of the images. Null for everyone's.</param>
    /// <param name="after">A position, or <see cref="Latest"/>.</param>
    /// <param name="wait">How long to wait if there is no event yet.</param>
    /// <param name="stop">Ends the wait early, with an empty page.</param>
    /// <exception cref="TimeoutException">So many events were without a position that the latest one was not found. The next try goes on.</exception>
    /// <exception cref="PostgresException">25006: the database accepts reads only, so the latest event cannot be found. Or any other fault of it.</exception>
    public async Task<ChangePage> ListChangesAsync(string? userId, long after, int limit, TimeSpan wait, CancellationToken stop, CancellationToken ct)
    {
        var page = await WaitForChangesAsync(userId, after, limit, wait, stop, ct);
        return page with { IsEarly = page.IsEarly || (wait > TimeSpan.Zero && page.Events.Count == 0 && stop.IsCancellationRequested) };
    }

    private async Task<ChangePage> WaitForChangesAsync(string? userId, long after, int limit, TimeSpan wait, CancellationToken stop, CancellationToken ct)
    {
        var start = Stopwatch.GetTimestamp();
        using var end = CancellationTokenSource.CreateLinkedTokenSource(stop, ct);
        while (true)
        {
            Placed? placed;
            try
            {
                placed = await FindPlacedAsync(ct);
            }
            catch (Exception e) when (after != Latest && TransientFault.IsReadOnly(e.GetBaseException()))
            {
                // The retry policy has already tried on a new connection, if that was due.
                var placedBefore = await ReadChangesAsync(userId, after, limit, ct);
                return placedBefore.Count > 0 ? new(placedBefore, placedBefore[^1].Position!.Value) : new([], after, IsEarly: true);
            }

            var isEnd = placed is { HasMore: false };
            if (after == Latest && isEnd) after = placed!.Position;
            if (after != Latest && (placed is null || placed.Position > after))
            {
                var events = await ReadChangesAsync(userId, after, limit, ct);
                if (events.Count > 0) return new(events, events[^1].Position!.Value);
                after = placed?.Position ?? after;   // the user has no event up to there
            }

            var waited = Stopwatch.GetElapsedTime(start);
            var next = isEnd ? Tick - TimeSpan.FromTicks(Stopwatch.GetElapsedTime(0).Ticks % Tick.Ticks) : placed is null ? Pause : TimeSpan.Zero;
            if (stop.IsCancellationRequested || waited + next > (isEnd || wait > LongestSearch ? wait : LongestSearch))
            {
                if (after != Latest) return new([], after, IsEarly: !isEnd);
                stop.ThrowIfCancellationRequested();
                throw new TimeoutException("The end of the change feed was not found in time.");
            }

            await Task.Delay(next, end.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            ct.ThrowIfCancellationRequested();
        }
    }

    /// <summary>Gives positions to new events. Null if another reader is just doing so.</summary>
    private async Task<Placed?> FindPlacedAsync(CancellationToken ct)
    {
        try
        {
            return await _place.RunAsync(0, ct);
        }
        catch (Exception e) when (e.GetBaseException() is PostgresException { SqlState: PostgresErrorCodes.LockNotAvailable })
        {
            return null;
        }
    }

    private Task<IReadOnlyList<HistoryRow>> ReadChangesAsync(string? userId, long after, int limit, CancellationToken ct)
    {
        // language=PostgreSQL
        const string ofUser = $"""
            select {HistoryRow.Columns}
            from gallery.image_event as e
            where e.user_id = @UserId
              and e.user_id <> ''                                         -- nobody's: of erased users
              and e.position > @After
            order by e.position
            limit @Limit
            """;

        // language=PostgreSQL
        const string ofEveryone = $"""
            select {HistoryRow.Columns}
            from gallery.image_event as e
            where e.position > @After
              and (e.user_id <> '' or e.event = 'purged')
            order by e.position
            limit @Limit
            """;

        (string, object)[] place = [("After", after), ("Limit", limit)];
        return userId is null
            ? _statements.QueryAsync<HistoryRow>(ofEveryone, Stopwatch.GetTimestamp(), ct, place)
            : _statements.QueryAsync<HistoryRow>(ofUser, Stopwatch.GetTimestamp(), ct, [.. place, ("UserId", userId)]);
    }

    /// <summary>Gives positions to events that have none, oldest first. For one image, that is the order of its revisions.</summary>
    private async Task<IReadOnlyList<Placed>> PlaceAsync(IReadOnlyList<int> requests, long since)
    {
        // The limit is a number, because for a parameter the planner expects a tenth of the table.
        // language=PostgreSQL
        const string sql = """
            with due as materialized
            (
                select e.image_id, e.revision, row_number() over (order by e.at, e.image_id, e.revision) as place
                from
                (
                    select e.image_id, e.revision, max(e.occurred_at) over (partition by e.image_id order by e.revision) as at   -- a write may have begun before an import of its image
                    from
                    (
                        select e.image_id, e.revision, e.occurred_at
                        from gallery.image_event as e
                        where e.position is null                          -- not 0: such an event has no place
                        order by e.occurred_at, e.image_id, e.revision
                        limit 1000
                    ) as e
                ) as e
            ),
            feed as
            (
                insert into gallery.change_feed as f (position)
                select count(*) from due having count(*) > 0
                on conflict (is_only) do update set position = f.position + excluded.position
                returning f.position
            ),
            placed as
            (
                update gallery.image_event as e
                set position = feed.position - (select count(*) from due) + due.place
                from due, feed
                where e.image_id = due.image_id
                  and e.revision = due.revision
                  and coalesce(e.position, 0) = 0                         -- another reader may have placed it meanwhile. In this form, because "is null" would lead the planner away from the key
            )
            select coalesce((select feed.position from feed), (select f.position from gallery.change_feed as f), 0) as position,
                   (select count(*) from due) = 1000 as has_more          -- not of placed: others may have placed or removed some meanwhile
            """;

        var placed = await _statements.QueryAsync<Placed>(sql, since, CancellationToken.None);
        return [.. requests.Select(_ => placed[0])];
    }

    private sealed record Placed(long Position, bool HasMore);
}
