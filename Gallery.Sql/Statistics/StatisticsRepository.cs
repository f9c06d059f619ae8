using System.Diagnostics;
using Gallery.Sql.Database;
using Gallery.Sql.Metering;
using Npgsql;

namespace Gallery.Sql.Statistics;

/// <summary>Every statement on <c>gallery.image_count</c>, <c>gallery.image_day</c>, <c>gallery.image_visit</c> and <c>gallery.visit_salt</c>.</summary>
/// <remarks>Counts of purged images are deleted by the foreign keys. Visits go with their day.</remarks>
public sealed class StatisticsRepository : IDisposable
{
    /// <summary>The visits that a batch of <see cref="PurgeOldVisitsAsync"/> deletes. Equals the limit in its SQL.</summary>
    public const int BatchSize = 1000;

    // A list reads all viewed images of a user. More at once would only compete for the database's processors.
    private const int ListsAtOnce = 2;

    private readonly StatementRunner _statements;
    private readonly StatementRunner _lists;    // a standby may answer
    private readonly StatementRunner _viewed;   // likewise, and only a few run at once
    private readonly SemaphoreSlim _listing = new(ListsAtOnce);
    private readonly bool _hasStandbys;

    public StatisticsRepository(NpgsqlDataSource database, Standbys? standbys = null)
    {
        _statements = new(database);
        _lists = new(database, standbys: standbys);
        _viewed = new(database, standbys: standbys, places: _listing);
        _hasStandbys = standbys is { Any: true };
    }

    /// <summary>
    /// Counts visits of live images, each visitor once a day. The owner and unknown images do not count, and neither does a visitor once an image has 100,000 of a
    /// day and kind, so that strangers cannot fill the table. All visits of one call are compared with the count before it. It may be repeated at any time.
    /// </summary>
    /// <exception cref="PostgresException">23503: an image was purged meanwhile. Nothing was counted. Repeat it; the image is then unknown.</exception>
    public Task AddVisitsAsync(IReadOnlyList<Visit> visits, CancellationToken ct)
    {
        // Rows are sorted, and every instance writes the tables in the same order. So two instances may wait for each other, but they cannot deadlock.
        // language=PostgreSQL
        const string sql = $"""
            with fresh as
            (
                insert into gallery.image_visit (image_id, day, kind, visitor)
                select distinct n.image_id, n.day, n.kind, n.visitor
                from unnest((select @ImageIds::uuid[]), (select @Days::date[]), (select @Kinds::bigint[]), (select @Visitors::bytea[]), (select @Viewers::text[]))
                    as n (image_id, day, kind, visitor, viewer)
                join gallery.image as i on i.image_id = n.image_id
                left join gallery.image_day as b on b.image_id = n.image_id and b.day = n.day
                where i.deleted_at is null
                  and i.user_id is distinct from n.viewer
                  and coalesce(case n.kind when 1 then b.views else b.downloads end, 0) < 100000
                order by n.image_id, n.day, n.kind, n.visitor
                on conflict (image_id, day, kind, visitor) do nothing     -- the same visitor again, or a beacon that was sent twice
                returning image_id, day, kind
            ),
            f as
            (
                select v.image_id, v.day, count(*) filter (where v.kind = 1) as views, count(*) filter (where v.kind = 2) as downloads
                from fresh as v
                group by v.image_id, v.day
            ),
            d as
            (
                insert into gallery.image_day as x (image_id, day, views, downloads)
                select f.image_id, f.day, f.views, f.downloads
                from f
                order by f.image_id, f.day
                on conflict (image_id, day) do update set views = x.views + excluded.views, downloads = x.downloads + excluded.downloads
                returning image_id, day
            ),
            t as
            (
                insert into gallery.image_count as x (image_id, views, downloads)
                select f.image_id, sum(f.views)::bigint, sum(f.downloads)::bigint
                from f
                group by f.image_id
                order by f.image_id
                on conflict (image_id) do update set views = x.views + excluded.views, downloads = x.downloads + excluded.downloads
                returning image_id
            ),
            c as                                                          -- joins d and t, so that they are done before an owner's tally is locked
            (
                select i.user_id, k.kind, sum(k.quantity)::bigint as quantity
                from f
                join d on d.image_id = f.image_id and d.day = f.day
                join t on t.image_id = f.image_id
                join gallery.image as i on i.image_id = f.image_id
                cross join lateral (values ('{UsageKinds.Views}', f.views), ('{UsageKinds.Downloads}', f.downloads)) as k (kind, quantity)
                group by i.user_id, k.kind
            )
            {UsageLedger.OfCounts}
            returning event_id
            """;

        return _statements.QueryAsync<Guid>(
            sql, Stopwatch.GetTimestamp(), ct,
            ("ImageIds", Column(visits, visit => visit.ImageId)),
            ("Days", Column(visits, visit => visit.Day)),
            ("Kinds", Column(visits, visit => (long)visit.Kind)),
            ("Visitors", Column(visits, visit => visit.Visitor)),
            ("Viewers", Column(visits, visit => visit.Viewer)));
    }

    /// <summary>The salt of a day. The first instance that asks for it makes it.</summary>
    /// <param name="fresh">Random bytes, which become the salt if the day has none yet.</param>
    public async Task<byte[]> FindOrAddSaltAsync(DateOnly day, byte[] fresh, CancellationToken ct)
    {
        // language=PostgreSQL
        const string add = """
            insert into gallery.visit_salt (day, salt)
            values (@Day, @Salt)
            on conflict (day) do nothing
            returning salt
            """;

        // language=PostgreSQL
        const string find = """
            select s.salt
            from gallery.visit_salt as s
            where s.day = @Day
            """;

        var salts = await ReadAsync(add, ("Day", day), ("Salt", fresh));
        if (salts.Count == 0) salts = await ReadAsync(find, ("Day", day));   // another statement, which sees what another instance has just committed
        return salts[0];

        Task<IReadOnlyList<byte[]>> ReadAsync(string sql, params (string, object)[] parameters) =>
            _statements.ReadAsync<byte[]>(sql, _ => row => row.GetFieldValue<byte[]>(0), isRepeatable: true, Stopwatch.GetTimestamp(), ct, parameters);
    }

    /// <summary>Deletes a batch of visits from before this day, and the salts from before it. Returns the number of visits.</summary>
    public async Task<int> PurgeOldVisitsAsync(DateOnly before, CancellationToken ct)
    {
        // The salts go first: without them, the visits that are left say nothing.
        // language=PostgreSQL
        const string sql = """
            with salts as
            (
                delete from gallery.visit_salt as s
                where s.day < @Before
            ),
            old as materialized
            (
                select v.image_id, v.day, v.kind, v.visitor
                from gallery.image_visit as v
                where v.day < @Before
                order by v.day
                limit 1000
            ),
            gone as
            (
                delete from gallery.image_visit as v
                using old
                where v.image_id = old.image_id
                  and v.day = old.day
                  and v.kind = old.kind
                  and v.visitor = old.visitor
            )
            select count(*)::int
            from old
            """;

        return (await _statements.QueryAsync<int>(sql, Stopwatch.GetTimestamp(), ct, ("Before", before)))[0];
    }

    /// <summary>The statistics of an image. Null if it is unknown, or another user's.</summary>
    /// <param name="userId">The only owner whose images the caller may see. Null for everyone's.</param>
    /// <param name="to">The last day, included.</param>
    /// <param name="byMonth">Buckets are months, not days.</param>
    public async Task<VisitStatistics?> FindStatisticsAsync(Guid imageId, string? userId, DateOnly from, DateOnly to, bool byMonth, CancellationToken ct)
    {
        // language=PostgreSQL
        const string sql = """
            select i.deleted_at is not null, coalesce(c.views, 0), coalesce(c.downloads, 0), d.start, d.views, d.downloads
            from gallery.image as i
            left join gallery.image_count as c on c.image_id = i.image_id
            left join lateral
            (
                select date_trunc(@Bucket, x.day::timestamp)::date as start, sum(x.views)::bigint as views, sum(x.downloads)::bigint as downloads
                from gallery.image_day as x
                where x.image_id = i.image_id
                  and x.day between @From and @To
                group by 1
            ) as d on true
            where i.image_id = @ImageId
              and (@IsAnyone or i.user_id = @UserId)
            """;

        var since = Stopwatch.GetTimestamp();
        var rows = await ReadAsync(_lists);
        if (rows.Count == 0 && _hasStandbys) rows = await ReadAsync(_statements);   // a standby may not have it yet
        return rows.Count == 0
            ? null
            : new(rows[0].IsInTrash, rows[0].Total, rows.Where(row => row.Start is not null).ToDictionary(row => row.Start!.Value, row => row.Bucket));

        Task<IReadOnlyList<(bool IsInTrash, VisitCount Total, DateOnly? Start, VisitCount Bucket)>> ReadAsync(StatementRunner statements) => statements.ReadAsync<(bool, VisitCount, DateOnly?, VisitCount)>(
            sql,
            _ => row => (
                row.GetBoolean(0), new(row.GetInt64(1), row.GetInt64(2)),
                row.IsDBNull(3) ? null : row.GetFieldValue<DateOnly>(3), row.IsDBNull(3) ? default : new(row.GetInt64(4), row.GetInt64(5))),
            isRepeatable: true, since, ct,
            ("ImageId", imageId), ("IsAnyone", userId is null), ("UserId", userId ?? ""), ("From", from), ("To", to), ("Bucket", byMonth ? "month" : "day"));
    }

    /// <summary>The counts of images. One that nobody has viewed or downloaded is absent.</summary>
    public async Task<IReadOnlyDictionary<Guid, VisitCount>> ListCountsAsync(IReadOnlyList<Guid> imageIds, CancellationToken ct)
    {
        // language=PostgreSQL
        const string sql = """
            select c.image_id, c.views, c.downloads
            from unnest((select @ImageIds::uuid[])) as n (image_id)
            join gallery.image_count as c on c.image_id = n.image_id
            """;

        var rows = await _lists.ReadAsync<KeyValuePair<Guid, VisitCount>>(
            sql, _ => row => KeyValuePair.Create(row.GetGuid(0), new VisitCount(row.GetInt64(1), row.GetInt64(2))), isRepeatable: true, Stopwatch.GetTimestamp(), ct,
            ("ImageIds", imageIds.ToArray()));
        return new Dictionary<Guid, VisitCount>(rows);
    }

    /// <summary>A user's live images that were viewed, those with the most views first. Counts may change from page to page.</summary>
    /// <param name="views">The views of the last image of the page before. <see cref="long.MaxValue"/> for the first page.</param>
    /// <param name="after">The last image of the page before.</param>
    public Task<IReadOnlyList<ViewedRow>> ListMostViewedAsync(string userId, long views, Guid after, int limit, CancellationToken ct)
    {
        // An index in the order of views would have to be written with each view. So this reads the counts of all the user's images. It is
        // planned with its values, because a user may have few images or many.
        // language=PostgreSQL
        const string sql = """
            select i.image_id, i.image_url, c.views, c.downloads
            from gallery.image as i
            join gallery.image_count as c on c.image_id = i.image_id
            where i.user_id = @UserId
              and i.deleted_at is null
              and c.views > 0
              and (c.views < @Views or c.views = @Views and c.image_id > @After)
            order by c.views desc, c.image_id
            limit @Limit
            """;

        return _viewed.QueryWithinAsync<ViewedRow>(sql, TimeSpan.FromSeconds(1.5), Stopwatch.GetTimestamp(), ct, ("UserId", userId), ("Views", views), ("After", after), ("Limit", limit));
    }

    public void Dispose() => _listing.Dispose();

    private static TValue[] Column<TValue>(IReadOnlyList<Visit> visits, Func<Visit, TValue> value)
    {
        var column = new TValue[visits.Count];
        for (var i = 0; i < column.Length; i++) column[i] = value(visits[i]);
        return column;
    }
}
