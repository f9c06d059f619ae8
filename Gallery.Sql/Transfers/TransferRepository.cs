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

    private static readonly TimeSpan ListingTime = TimeSpan.FromSeconds(1.5);   // below the client's time-out, after which it is unknown what took so long

    private readonly StatementRunner _exports = new(database, standbys: standbys);
    private readonly StatementRunner _planned = new(database, prepares: false);   // planned at each execution, because an import changes the table's size

    /// <summary>
    /// Live and trashed images in the order of their ids, in parts of at most about 512 KB. Each part is one statement, and no connection is held between them. An
    /// image that is there throughout is read exactly once.
    /// </summary>
    /// <param name="after">The id of the last image that is known already. Empty for none.</param>
    public async IAsyncEnumerable<IReadOnlyList<ImageRow>> ExportAsync(ImageFilter filter, Guid after, [EnumeratorCancellation] CancellationToken ct)
    {
        var ids = filter is { UserId: null, IsOwnerAlone: true } ? null : await ListIdsAsync(filter, after, ct);
        var limit = FirstRows;
        for (var at = 0; ids is null || at < ids.Length;)
        {
            var part = ids?[at..Math.Min(at + limit, ids.Length)];
            var read = await (part is null ? ReadAsync(after, limit, ct) : ReadAsync(part, filter.UserId, ct));
            var rows = read.OfType<ImageRow>().ToList();
            var isWhole = rows.Count == read.Count;
            yield return rows;

            if (ids is null && isWhole && rows.Count < limit) yield break;
            if (rows.Count > 0)
            {
                after = rows[^1].ImageId;
                limit = (int)Math.Clamp(rows.Count * (long)MostBytes / rows.Sum(SizeOf), 1, MostRows);
            }

            if (part is not null) at = isWhole ? at + part.Length : Array.BinarySearch(ids!, after) + 1;
        }
    }

    /// <summary>The ids of the images that a filter leaves, sorted. One statement has one snapshot, so it misses none that is just moved to the trash or restored.</summary>
    /// <exception cref="SearchTooBroadException"/>
    private async Task<Guid[]> ListIdsAsync(ImageFilter filter, Guid after, CancellationToken ct)
    {
        // Two indexes hold a user's ids. No index has them in this order, and one more would make each save cost a fifth more.
        var sql = $"""
            select i.image_id
            from gallery.image as i
            where {filter.Conditions(live: true)}
              and i.image_id > @After
            union all
            select i.image_id
            from gallery.image as i
            where {filter.Conditions(live: false)}
              and i.image_id > @After
            """;

        try
        {
            Guid[] ids = [.. await _exports.QueryWithinAsync<Guid>(sql, ListingTime, Stopwatch.GetTimestamp(), ct, [.. filter.Parameters(), ("After", after)])];
            Array.Sort(ids);
            return ids;
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.QueryCanceled)
        {
            throw new SearchTooBroadException();
        }
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
            from unnest((select @ImageIds::uuid[]), (select @UserIds::text[])) as n (image_id, user_id)
            join gallery.image as i on i.image_id = n.image_id
            where n.user_id is null
               or i.user_id = n.user_id
            order by i.image_id
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
