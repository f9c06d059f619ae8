using System.Diagnostics;
using System.Text.Json.Nodes;
using Gallery.Sql.Coalescing;
using Gallery.Sql.Database;
using Npgsql;

namespace Gallery.Sql.Images;

/// <remarks>
/// Lists with filters. Their statements consist of the conditions that are given, and are planned with their values: a plan for any value would read all of a
/// large user's images. A request for which PostgreSQL would work longer than a second is refused.
/// </remarks>
public sealed partial class ImageRepository
{
    /// <summary>How many images are counted. Equals the limits in the SQL, where one more shows that there are more.</summary>
    public const int MaximumCounted = 10_000;

    private static readonly TimeSpan Enough = TimeSpan.FromSeconds(1);

    // What a statement gets at least. The ones before it were not too slow, so the search may not be broad.
    private static readonly TimeSpan Least = TimeSpan.FromSeconds(0.2);

    // A search that has started gets a full second for its first statement, so a broad one is rejected and does not time out. The last 0.25 s are for the answer.
    private static readonly TimeSpan LongestWait = GalleryDatabase.Patience - Enough - TimeSpan.FromSeconds(0.25);

    private readonly SemaphoreSlim _searching = new(ListsAtOnce);   // apart from the lists, so that a slow search delays no plain list

    /// <summary>Waits for one of a few places. A request has it for all its statements, and one second of PostgreSQL's time.</summary>
    /// <exception cref="CoalescerFullException">The searches before this one took too long.</exception>
    public async Task<Search> StartSearchAsync(CancellationToken ct)
    {
        var since = Stopwatch.GetTimestamp();
        return await _searching.WaitAsync(LongestWait, ct) ? new Search(_searching, since, Enough) : throw new CoalescerFullException();
    }

    /// <summary>The images that a filter leaves, in an order.</summary>
    /// <exception cref="SearchTooBroadException"/>
    /// <inheritdoc cref="ListImagesAsync" path="/param"/>
    public async Task<ImagePage> SearchImagesAsync(Search search, ImageFilter filter, ImageOrder order, ImageKeyset after, int limit, CancellationToken ct)
    {
        string sql;
        if (order is not { Live: true, By: ImageTime.Created } || filter.ImageIds is not null) sql = Select(filter, order);
        else if (filter.Tags.Count > 0)
        {
            if (await FindRarestTagAsync(filter, search, ct) is not { } rarest) return new ImagePage([], null);
            sql = Select(filter, order, rarest);
        }
        else if (filter.AnyTags.Count > 0) sql = SelectAny(filter, order);
        else sql = Select(filter, order);

        return await ReadPageAsync(
            (place, wanted) => WithinAsync<ImageRow>(sql, search, [.. filter.Parameters(), ("At", place.At), ("ImageId", place.ImageId), ("Limit", wanted)], ct),
            after, limit, order.KeysetOf);
    }

    /// <summary>How many images a filter leaves. At most <see cref="MaximumCounted"/> and one more.</summary>
    /// <exception cref="SearchTooBroadException"/>
    public async Task<long> CountImagesAsync(Search search, ImageFilter filter, bool live, CancellationToken ct)
    {
        var sql = $"""
            select count(*)
            from
            (
                select
                from gallery.image as i
                where {filter.Conditions(live)}
                limit 10001
            ) as n
            """;

        return (await WithinAsync<long>(sql, search, filter.Parameters(), ct))[0];
    }

    /// <summary>The planner's estimate of how many images a filter leaves. It reads no image.</summary>
    public async Task<long> EstimateImagesAsync(Search search, ImageFilter filter, bool live, CancellationToken ct)
    {
        var sql = $"""
            explain (format json)
            select
            from gallery.image as i
            where {filter.Conditions(live)}
            """;

        var plan = await WithinAsync<string>(sql, search, filter.Parameters(), ct);
        return (long)(double)JsonNode.Parse(plan[0])![0]!["Plan"]!["Plan Rows"]!;
    }

    /// <summary>The newest <see cref="MaximumCounted"/> images that a filter leaves, counted by intent, by tag and by month (UTC).</summary>
    /// <returns>Rows of one facet stand together. The row <c>images</c> has one more than the maximum if there are more. At most 100 values of a facet, the most frequent ones.</returns>
    /// <exception cref="SearchTooBroadException"/>
    public Task<IReadOnlyList<FacetRow>> CountFacetsAsync(Search search, ImageFilter filter, CancellationToken ct) =>
        WithinAsync<FacetRow>(SelectFacets(filter), search, filter.Parameters(), ct);

    internal static string SelectFacets(ImageFilter filter) =>
        $"""
            with found as materialized
            (
                select i.image_id, i.intent, i.created_at
                from gallery.image as i
                where {filter.Conditions(live: true)}
                order by i.created_at desc, i.image_id desc
                limit 10001
            ),
            counted as materialized
            (
                select f.image_id, f.intent, f.created_at
                from found as f
                order by f.created_at desc, f.image_id desc
                limit 10000
            )
            select 'images' as facet, null as value, (select count(*) from found) as images
            union all
            (
                select 'intent', c.intent, count(*)
                from counted as c
                group by c.intent
                order by count(*) desc, c.intent
                limit 100
            )
            union all
            (
                select 'tag', (array_agg(t.label order by t.created_at, t.image_id))[1], count(*)
                from counted as c
                join gallery.image_tag as t on t.image_id = c.image_id
                group by t.tag
                order by count(*) desc, t.tag
                limit 100
            )
            union all
            (
                select 'month', to_char(c.created_at at time zone 'UTC', 'YYYY-MM'), count(*)
                from counted as c
                group by 2
                order by 2 desc
                limit 100
            )
            """;

    /// <summary>The place of the tag with the fewest images. Null if one has none. Its images are the ones to look at.</summary>
    private async Task<int?> FindRarestTagAsync(ImageFilter filter, Search search, CancellationToken ct)
    {
        if (filter.Tags.Count == 1) return 0;
        var ofUser = filter.UserId is null ? "" : " and t.user_id = @UserId";
        var counts = filter.Tags.Select((_, tag) => $"select {tag}, (select count(*) from (select from gallery.image_tag as t where t.tag = @Tag{tag}{ofUser} limit 10000) as n)");
        var rows = await WithinAsync<(int Tag, long Images)>(string.Join("\nunion all\n", counts), search, filter.Parameters(), ct);
        var rarest = rows.MinBy(row => row.Images);
        return rarest.Images == 0 ? null : rarest.Tag;
    }

    internal static string SelectAny(ImageFilter filter, ImageOrder order)
    {
        var direction = order.OldestFirst ? "asc" : "desc";
        return $"""
            select distinct on (i.created_at, i.image_id) {ImageRow.Columns}
            from
            (
                {string.Join("\nunion all\n", filter.AnyTags.Select((_, tag) => $"({Select(filter, order, tag, followsAny: true)})"))}
            ) as i
            order by i.created_at {direction}, i.image_id {direction}
            limit @Limit
            """;
    }

    /// <param name="followed">The place of the tag whose images are read in their order, in an index of tags.</param>
    internal static string Select(ImageFilter filter, ImageOrder order, int? followed = null, bool followsAny = false)
    {
        var table = followed is null ? "i" : "t";
        var key = order.By == ImageTime.Created ? $"{table}.created_at, {table}.image_id" : "i.deleted_at, i.image_id";
        return $"""
            select {ImageRow.Columns}
            from {(followed is null ? "gallery.image as i" : "gallery.image_tag as t\njoin gallery.image as i on i.image_id = t.image_id")}
            where {filter.Conditions(order.Live, followed, followsAny)}
              and ({key}) {(order.OldestFirst ? ">" : "<")} (@At, @ImageId)
            order by {(order.OldestFirst ? key : key.Replace(",", " desc,", StringComparison.Ordinal) + " desc")}
            limit @Limit
            """;
    }

    /// <summary>Runs a statement within what is left of the request's time.</summary>
    private async Task<IReadOnlyList<T>> WithinAsync<T>(string sql, Search search, IEnumerable<(string Name, object Value)> parameters, CancellationToken ct)
    {
        var time = search.Left > Least ? search.Left : Least;
        var patience = GalleryDatabase.Patience - Stopwatch.GetElapsedTime(search.Since);
        if (patience <= TimeSpan.Zero) throw search.Left <= TimeSpan.Zero ? new SearchTooBroadException() : new TimeoutException("The statements before this one took too long.");
        try
        {
            return await _searches.QueryWithinAsync<T>(sql, time, worked => search.Left -= worked, search.Since, ct, parameters).WaitAsync(patience, CancellationToken.None);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.QueryCanceled)
        {
            throw new SearchTooBroadException();
        }
    }

    /// <summary>The place of a request, until it is disposed.</summary>
    public sealed class Search : IDisposable
    {
        private readonly SemaphoreSlim _places;

        internal Search(SemaphoreSlim places, long since, TimeSpan left) => (_places, Since, Left) = (places, since, left);

        /// <summary>When the request began to wait for its place.</summary>
        internal long Since { get; }

        /// <summary>The time that PostgreSQL still has for it.</summary>
        internal TimeSpan Left { get; set; }

        public void Dispose() => _places.Release();
    }
}

/// <summary>How many images have a value.</summary>
/// <param name="Facet"><c>images</c>, <c>intent</c>, <c>tag</c> or <c>month</c>.</param>
/// <param name="Value">Null for images without an intent.</param>
public sealed record FacetRow(string Facet, string? Value, long Images);
