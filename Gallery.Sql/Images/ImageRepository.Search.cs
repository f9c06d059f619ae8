using System.Diagnostics;
using System.Text.Json.Nodes;
using Gallery.Sql.Database;
using Npgsql;

namespace Gallery.Sql.Images;

/// <remarks>
/// Lists with filters. Their statements consist of the conditions that are given, and are planned with their values: a plan for any value would read all of a
/// large user's images. What takes PostgreSQL more than a second is refused.
/// </remarks>
public sealed partial class ImageRepository
{
    /// <summary>How many images are counted. Equals the limits in the SQL, where one more shows that there are more.</summary>
    public const int MaximumCounted = 10_000;

    private static readonly TimeSpan Enough = TimeSpan.FromSeconds(1);

    private readonly SemaphoreSlim _searching = new(ListsAtOnce);   // apart from the lists, so that a slow search delays no plain list

    /// <summary>The images that a filter leaves, in an order.</summary>
    /// <exception cref="SearchTooBroadException"/>
    /// <inheritdoc cref="ListImagesAsync" path="/param"/>
    public Task<ImagePage> SearchImagesAsync(ImageFilter filter, ImageOrder order, ImageKeyset after, int limit, CancellationToken ct) =>
        SearchAsync(filter, order, after, limit, ct).WaitAsync(GalleryDatabase.Patience, ct);

    /// <summary>How many images a filter leaves. At most <see cref="MaximumCounted"/> and one more.</summary>
    /// <exception cref="SearchTooBroadException"/>
    public async Task<long> CountImagesAsync(ImageFilter filter, bool live, CancellationToken ct)
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

        return (await WithinAsync<long>(sql, new Budget(), filter.Parameters(), ct))[0];
    }

    /// <summary>The planner's estimate of how many images a filter leaves. It reads no image.</summary>
    public async Task<long> EstimateImagesAsync(ImageFilter filter, bool live, CancellationToken ct)
    {
        var sql = $"""
            explain (format json)
            select
            from gallery.image as i
            where {filter.Conditions(live)}
            """;

        var plan = await WithinAsync<string>(sql, new Budget(), filter.Parameters(), ct);
        return (long)(double)JsonNode.Parse(plan[0])![0]!["Plan"]!["Plan Rows"]!;
    }

    /// <summary>The newest <see cref="MaximumCounted"/> images that a filter leaves, counted by intent, by tag and by month (UTC).</summary>
    /// <returns>Rows of one facet stand together. The row <c>images</c> has one more than the maximum if there are more. At most 100 values of a facet, the most frequent ones.</returns>
    /// <exception cref="SearchTooBroadException"/>
    public Task<IReadOnlyList<FacetRow>> CountFacetsAsync(ImageFilter filter, CancellationToken ct)
    {
        var sql = $"""
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

        return WithinAsync<FacetRow>(sql, new Budget(), filter.Parameters(), ct);
    }

    private async Task<ImagePage> SearchAsync(ImageFilter filter, ImageOrder order, ImageKeyset after, int limit, CancellationToken ct)
    {
        var budget = new Budget();
        string sql;
        if (order is not { Live: true, By: ImageTime.Created } || filter.ImageIds is not null) sql = Select(filter, order);
        else if (filter.Tags.Count > 0)
        {
            if (await FindRarestTagAsync(filter, budget, ct) is not { } rarest) return new ImagePage([], null);
            sql = Select(filter, order, rarest);
        }
        else if (filter.AnyTags.Count > 0) sql = SelectAny(filter, order);
        else sql = Select(filter, order);

        return await ReadPageAsync(
            (place, wanted) => WithinAsync<ImageRow>(sql, budget, [.. filter.Parameters(), ("At", place.At), ("ImageId", place.ImageId), ("Limit", wanted)], ct),
            after, limit, order.KeysetOf);
    }

    /// <summary>The place of the tag with the fewest images. Null if one has none. Its images are the ones to look at.</summary>
    private async Task<int?> FindRarestTagAsync(ImageFilter filter, Budget budget, CancellationToken ct)
    {
        if (filter.Tags.Count == 1) return 0;
        var ofUser = filter.UserId is null ? "" : " and t.user_id = @UserId";
        var counts = filter.Tags.Select((_, tag) => $"select {tag}, (select count(*) from (select from gallery.image_tag as t where t.tag = @Tag{tag}{ofUser} limit 10000) as n)");
        var rows = await WithinAsync<(int Tag, long Images)>(string.Join("\nunion all\n", counts), budget, filter.Parameters(), ct);
        var rarest = rows.MinBy(row => row.Images);
        return rarest.Images == 0 ? null : rarest.Tag;
    }

    private static string SelectAny(ImageFilter filter, ImageOrder order)
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

    /// <summary>Runs a statement in a place and within what is left of the request's time.</summary>
    private Task<IReadOnlyList<T>> WithinAsync<T>(string sql, Budget budget, IEnumerable<(string Name, object Value)> parameters, CancellationToken ct) =>
        InTurnAsync(_searching, budget.Since, async () =>
        {
            var start = Stopwatch.GetTimestamp();
            try
            {
                if (budget.Left <= TimeSpan.Zero) throw new SearchTooBroadException();
                return await _lists.QueryWithinAsync<T>(sql, budget.Left, budget.Since, ct, parameters);
            }
            catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.QueryCanceled)
            {
                throw new SearchTooBroadException();
            }
            finally
            {
                budget.Left -= Stopwatch.GetElapsedTime(start);
            }
        }, ct);

    /// <summary>The time that PostgreSQL has for one request, without the time that the request waits for its turn.</summary>
    private sealed class Budget
    {
        public long Since { get; } = Stopwatch.GetTimestamp();

        public TimeSpan Left { get; set; } = Enough;
    }
}

/// <summary>How many images have a value.</summary>
/// <param name="Facet"><c>images</c>, <c>intent</c>, <c>tag</c> or <c>month</c>.</param>
/// <param name="Value">Null for images without an intent.</param>
public sealed record FacetRow(string Facet, string? Value, long Images);
