using System.Data.Common;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using Dapper;
using Gallery.Sql.Database;
using Gallery.Sql.Images;
using Npgsql;

namespace Gallery.Sql.Transfers;

/// <summary>Reads and writes many images whole, with their times, deletions and revisions.</summary>
public sealed partial class TransferRepository(NpgsqlDataSource database, Standbys? standbys = null)
{
    // Equals the limit in the SQL. More rows a statement were no faster.
    private const int MostRows = 500;
    private const int FirstRows = 50;
    private const int MostBytes = 512 * 1024;
    private const int MostLookedAt = 2_000;   // the words of a usual prompt take 40 µs

    private static readonly TimeSpan Quick = TimeSpan.FromSeconds(0.3);

    private readonly StatementRunner _exports = new(database, standbys: standbys);
    private readonly StatementRunner _looks = new(database, prepares: false, standbys: standbys);
    private readonly StatementRunner _planned = new(database, prepares: false);   // planned at each execution, because an import changes the table's size

    /// <summary>How long PostgreSQL may list the ids that a filter leaves. Below the client's time-out, after which it is unknown what took so long.</summary>
    public TimeSpan ListingTime { get; init; } = TimeSpan.FromSeconds(1.5);

    /// <summary>
    /// Live and trashed images, in parts of at most about 512 KB. Each part is one statement, and no connection is held between them. An image that is there
    /// throughout is read exactly once.
    /// </summary>
    /// <param name="after">The id of the last image that is known already. Empty for none. If it is gone, an export by time begins at the start.</param>
    /// <exception cref="SearchTooBroadException">Too many images would have to be sorted by their times.</exception>
    public async IAsyncEnumerable<IReadOnlyList<ImageRow>> ExportAsync(ImageFilter filter, ExportOrder order, Guid after, [EnumeratorCancellation] CancellationToken ct)
    {
        if (order == ExportOrder.Id && filter is { UserId: null, IsOwnerAlone: true })
        {
            await foreach (var rows in ReadAllAsync(after, ct)) yield return rows;
            yield break;
        }

        var limit = FirstRows;
        await foreach (var ids in FindIdsAsync(filter, order, after, ct))
            for (var at = 0; at < ids.Length;)
            {
                var part = ids[at..Math.Min(at + limit, ids.Length)];
                var read = await ReadAsync(part, filter.UserId, ct);
                var rows = read.OfType<ImageRow>().ToList();
                yield return rows;
                at += rows.Count == read.Count ? part.Length : Array.IndexOf(part, rows[^1].ImageId) + 1;
                if (rows.Count > 0) limit = FitLimit(rows);
            }
    }

    private async IAsyncEnumerable<IReadOnlyList<ImageRow>> ReadAllAsync(Guid after, [EnumeratorCancellation] CancellationToken ct)
    {
        for (var limit = FirstRows; ;)
        {
            var read = await ReadAsync(after, limit, ct);
            var rows = read.OfType<ImageRow>().ToList();
            yield return rows;
            if (rows.Count == read.Count && rows.Count < limit) yield break;
            (after, limit) = (rows[^1].ImageId, FitLimit(rows));
        }
    }

    /// <summary>How many rows like these fit into a part.</summary>
    private static int FitLimit(List<ImageRow> rows) => (int)Math.Clamp(rows.Count * (long)MostBytes / rows.Sum(SizeOf), 1, MostRows);

    /// <summary>The ids of the images that a filter leaves, in their order: in one array, or in several if PostgreSQL would take too long for one.</summary>
    private async IAsyncEnumerable<Guid[]> FindIdsAsync(ImageFilter filter, ExportOrder order, Guid after, [EnumeratorCancellation] CancellationToken ct)
    {
        if (await ListIdsAsync(filter, order, order == ExportOrder.Id ? after : Guid.Empty, ct) is { } all)
        {
            yield return order == ExportOrder.Id ? all : all[(Array.IndexOf(all, after) + 1)..];
            yield break;
        }

        if (order != ExportOrder.Id) throw new SearchTooBroadException();
        for (var most = MostLookedAt; ;)
        {
            var begin = Stopwatch.GetTimestamp();
            IReadOnlyList<(Guid Id, bool Fits)>? looked = null;
            try
            {
                looked = await LookAtAsync(filter, after, most, ct);
            }
            catch (Exception e) when (most > 1 && TransientFault.HasTimedOut(e))   // the words of the longest prompts take milliseconds
            {
                most = Math.Max(1, most / 4);
            }

            if (looked is null) continue;
            yield return [.. looked.Where(image => image.Fits).Select(image => image.Id)];
            if (looked.Count < most) yield break;
            after = looked[^1].Id;
            if (Stopwatch.GetElapsedTime(begin) < Quick) most = Math.Min(2 * most, MostLookedAt);
        }
    }

    /// <summary>All ids. One statement has one snapshot, so it misses no image that is just moved to the trash or restored. Null if it takes too long.</summary>
    private async Task<Guid[]?> ListIdsAsync(ImageFilter filter, ExportOrder order, Guid after, CancellationToken ct)
    {
        var sort = order switch
        {
            ExportOrder.OldestFirst => "order by f.created_at, f.image_id",
            ExportOrder.NewestFirst => "order by f.created_at desc, f.image_id desc",
            _ => "",   // sorted below, which is cheaper
        };
        // Two indexes hold a user's ids. No index has them in this order, and one more would make each save cost a fifth more.
        var sql = $"""
            select f.image_id
            from
            (
                select i.image_id, i.created_at
                from gallery.image as i
                where {filter.Conditions(live: true)}
                  and i.image_id > @After
                union all
                select i.image_id, i.created_at
                from gallery.image as i
                where {filter.Conditions(live: false)}
                  and i.image_id > @After
            ) as f
            {sort}
            """;

        try
        {
            Guid[] ids = [.. await _exports.QueryWithinAsync<Guid>(sql, ListingTime, Stopwatch.GetTimestamp(), ct, [.. filter.Parameters(), ("After", after)])];
            if (order == ExportOrder.Id) Array.Sort(ids);
            return ids;
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.QueryCanceled)
        {
            return null;
        }
    }

    /// <summary>The next images of everyone in the order of their ids, and whether the filter leaves them. The cost is bounded, whatever the filter is.</summary>
    private Task<IReadOnlyList<(Guid Id, bool Fits)>> LookAtAsync(ImageFilter filter, Guid after, int most, CancellationToken ct)
    {
        // Materialized, so that the conditions are checked for these images alone.
        var sql = $"""
            with i as materialized
            (
                select i.image_id, i.user_id, i.refined_prompt, i.intent, i.metadata, i.created_at, i.deleted_at   -- those of the conditions
                from gallery.image as i
                where i.image_id > @After
                order by i.image_id
                limit {most}
            )
            select i.image_id, coalesce({filter.Conditions(live: null)}, false)
            from i
            order by i.image_id
            """;

        return _looks.ReadAsync<(Guid, bool)>(
            sql, _ => row => (row.GetGuid(0), row.GetBoolean(1)), isRepeatable: true, Stopwatch.GetTimestamp(), ct, [.. filter.Parameters(), ("After", after)]);
    }

    private Task<IReadOnlyList<ImageRow?>> ReadAsync(Guid after, int limit, CancellationToken ct)
    {
        // The inner limit is a number. For a parameter alone the planner expects a tenth of the table, and may sort it.
        // language=PostgreSQL
        const string sql = $"""
            select {ImageRow.Columns}
            from
            (
                select {ImageRow.Columns}
                from gallery.image as i
                where i.image_id > @After
                order by i.image_id
                limit 500
            ) as i
            order by i.image_id
            limit @Limit
            """;

        return _exports.ReadAsync(sql, ParserOf, isRepeatable: true, Stopwatch.GetTimestamp(), ct, ("After", after), ("Limit", limit));
    }

    /// <param name="userId">Leaves out images that another user has by now. Null for none.</param>
    private Task<IReadOnlyList<ImageRow?>> ReadAsync(Guid[] ids, string? userId, CancellationToken ct)
    {
        // language=PostgreSQL
        const string sql = $"""
            select {ImageRow.Columns}
            from unnest((select @ImageIds::uuid[]), (select @UserIds::text[])) with ordinality as n (image_id, user_id, place)
            join gallery.image as i on i.image_id = n.image_id
            where n.user_id is null
               or i.user_id = n.user_id
            order by n.place
            """;

        var users = new string?[ids.Length];
        Array.Fill(users, userId);
        return _exports.ReadAsync(sql, ParserOf, isRepeatable: true, Stopwatch.GetTimestamp(), ct, ("ImageIds", ids), ("UserIds", users));
    }

    /// <summary>Maps rows until they take <see cref="MostBytes"/>. The rest become null and are read again, so that large rows after small ones take no more memory.</summary>
    private static Func<DbDataReader, ImageRow?> ParserOf(DbDataReader reader)
    {
        var parse = reader.GetRowParser<ImageRow>();
        var bytes = 0;
        return row =>
        {
            if (bytes >= MostBytes) return null;
            var image = parse(row);
            bytes += SizeOf(image);
            return image;
        };
    }

    /// <summary>The approximate size in UTF-16 characters.</summary>
    private static int SizeOf(ImageRow image) => image.ImageUrl.Length + (image.RefinedPrompt?.Length ?? 0) + image.Metadata.Length + image.Tags.Length;
}

/// <summary>In which order an export has the images.</summary>
public enum ExportOrder
{
    /// <summary>By <c>image_id</c>.</summary>
    Id,

    /// <summary>By <c>created_at</c>.</summary>
    OldestFirst,

    /// <summary>By <c>created_at</c>, descending.</summary>
    NewestFirst,
}
