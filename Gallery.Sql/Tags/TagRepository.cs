using System.Diagnostics;
using Gallery.Sql.Database;
using Gallery.Sql.Images;
using Npgsql;

namespace Gallery.Sql.Tags;

/// <summary>
/// Lists and renames tags, <c>gallery.image_tag</c>. The tags of single images are written with the image: by <c>ImageRepository</c>, in the same statement.
/// </summary>
/// <remarks>
/// Every statement that writes tags first updates the image, and only in the revision whose tags it has read. So the label that an image shows and the rows that
/// find it cannot differ, whatever happens at the same time.
/// </remarks>
public sealed class TagRepository : IDisposable
{
    // A count reads every use of a tag. More at once would only compete for the database's processors.
    private const int ListsAtOnce = 2;

    // How many tags are read at once after a page's first ones, if those have images in the trash alone.
    private const int FurtherTags = 1000;
    private static readonly TimeSpan Enough = TimeSpan.FromSeconds(1);

    private readonly StatementRunner _statements;   // planned with its values, because a prefix may be of one tag or of all
    private readonly StatementRunner _lists;
    private readonly SemaphoreSlim _listing = new(ListsAtOnce);

    public TagRepository(NpgsqlDataSource database, Standbys? standbys = null)
    {
        _statements = new(database, prepares: false);
        _lists = new(database, prepares: false, standbys, _listing);
    }

    /// <summary>Tags with live images, by key. A page may end early if many tags have images in the trash alone.</summary>
    /// <param name="userId">Whose images. Null for everyone's.</param>
    /// <param name="prefix">Folded, as <see cref="Tag.Key"/>. Empty for all tags.</param>
    /// <param name="after">The key after which the page starts. Empty for the first page.</param>
    public async Task<TagPage> ListTagsAsync(string? userId, string prefix, string after, int limit, CancellationToken ct)
    {
        // The page's tags come first, so that no other tag is counted. "not exists" reads the trash once; joining the live images would read a row for each use.
        // language=PostgreSQL
        const string ofUser = """
            with p as materialized
            (
                select t.tag
                from gallery.image_tag as t
                where t.user_id = @UserId
                  and t.tag > @After
                  and t.tag >= @First
                  and t.tag < @End
                  and substr(t.tag, char_length(@First) + 1, 1) <> all (@Marks)
                group by t.tag
                order by t.tag
                limit @Limit
            ),
            c as materialized                                             -- once, not for each tag of the page
            (
                select t.tag, count(*) as images
                from gallery.image_tag as t
                where t.user_id = @UserId
                  and t.tag > @After
                  and t.tag >= @First
                  and t.tag <= (select max(p.tag) from p)
                  and not exists (select from gallery.image as i where i.image_id = t.image_id and i.user_id = @UserId and i.deleted_at is not null)
                group by t.tag
            )
            select p.tag,
                   (select t.label from gallery.image_tag as t where t.user_id = @UserId and t.tag = p.tag order by t.created_at, t.image_id limit 1) as label,
                   coalesce(c.images, 0) as images
            from p
            left join c on c.tag = p.tag
            order by p.tag
            """;

        // language=PostgreSQL
        const string ofEveryone = """
            with p as materialized
            (
                select t.tag
                from gallery.image_tag as t
                where t.tag > @After
                  and t.tag >= @First
                  and t.tag < @End
                  and substr(t.tag, char_length(@First) + 1, 1) <> all (@Marks)
                group by t.tag
                order by t.tag
                limit @Limit
            ),
            c as materialized                                             -- once, not for each tag of the page
            (
                select t.tag, count(*) as images
                from gallery.image_tag as t
                where t.tag > @After
                  and t.tag >= @First
                  and t.tag <= (select max(p.tag) from p)
                  and not exists (select from gallery.image as i where i.image_id = t.image_id and i.deleted_at is not null)
                group by t.tag
            )
            select p.tag,
                   (select t.label from gallery.image_tag as t where t.tag = p.tag order by t.created_at, t.image_id limit 1) as label,
                   coalesce(c.images, 0) as images
            from p
            left join c on c.tag = p.tag
            order by p.tag
            """;

        var since = Stopwatch.GetTimestamp();
        var tags = new List<TagRow>();
        for (var wanted = limit + 1; ; wanted = FurtherTags)
        {
            var rows = await _lists.QueryAsync<TagRow>(userId is null ? ofEveryone : ofUser, since, ct, Parameters(userId, prefix, ("After", after), ("Limit", wanted)));
            foreach (var row in rows.Where(row => row.Images > 0))
            {
                if (tags.Count == limit) return new(tags, tags[^1].Tag);
                tags.Add(row);
            }

            if (rows.Count < wanted) return new(tags, null);
            after = rows[^1].Tag;
            if (Stopwatch.GetElapsedTime(since) > Enough) return new(tags, after);
        }
    }

    /// <summary>Tags with live images, those with the most images first. Counts may change from page to page.</summary>
    /// <exception cref="SearchTooBroadException">PostgreSQL would count the tags for longer than a second.</exception>
    /// <param name="count">The last count of the page before. <see cref="long.MaxValue"/> for the first page.</param>
    /// <inheritdoc cref="ListTagsAsync" path="/param"/>
    public async Task<TagPage> ListTagsByCountAsync(string? userId, string prefix, long count, string after, int limit, CancellationToken ct)
    {
        // language=PostgreSQL
        const string ofUser = """
            select c.tag,
                   (select t.label from gallery.image_tag as t where t.user_id = @UserId and t.tag = c.tag order by t.created_at, t.image_id limit 1) as label,
                   c.images
            from
            (
                select t.tag, count(*) as images
                from gallery.image_tag as t
                where t.user_id = @UserId
                  and t.tag >= @First
                  and t.tag < @End
                  and substr(t.tag, char_length(@First) + 1, 1) <> all (@Marks)
                  and not exists (select from gallery.image as i where i.image_id = t.image_id and i.user_id = @UserId and i.deleted_at is not null)
                group by t.tag
                having count(*) < @Count or count(*) = @Count and t.tag > @After
                order by count(*) desc, t.tag
                limit @Limit
            ) as c
            order by c.images desc, c.tag
            """;

        // language=PostgreSQL
        const string ofEveryone = """
            select c.tag,
                   (select t.label from gallery.image_tag as t where t.tag = c.tag order by t.created_at, t.image_id limit 1) as label,
                   c.images
            from
            (
                select t.tag, count(*) as images
                from gallery.image_tag as t
                where t.tag >= @First
                  and t.tag < @End
                  and substr(t.tag, char_length(@First) + 1, 1) <> all (@Marks)
                  and not exists (select from gallery.image as i where i.image_id = t.image_id and i.deleted_at is not null)
                group by t.tag
                having count(*) < @Count or count(*) = @Count and t.tag > @After
                order by count(*) desc, t.tag
                limit @Limit
            ) as c
            order by c.images desc, c.tag
            """;

        IReadOnlyList<TagRow> rows;
        try
        {
            rows = await _lists.QueryWithinAsync<TagRow>(
                userId is null ? ofEveryone : ofUser, Enough, Stopwatch.GetTimestamp(), ct, Parameters(userId, prefix, ("Count", count), ("After", after), ("Limit", limit + 1)));
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.QueryCanceled)
        {
            throw new SearchTooBroadException();
        }

        return rows.Count > limit ? new([.. rows.Take(limit)], rows[limit - 1].Tag) : new(rows, null);
    }

    /// <summary>Renames a tag in a batch of a user's images, live or in the trash. An image that has the new tag already loses the old one.</summary>
    /// <returns>For each image that the batch found, whether it was changed. False if another transaction changed it first.</returns>
    public Task<IReadOnlyList<bool>> RenameTagsAsync(Caller caller, string userId, Tag from, Tag to, int limit, CancellationToken ct)
    {
        // The limit is a number, because for a parameter the planner expects a tenth of the table.
        // language=PostgreSQL
        const string sql = """
            with old as materialized
            (
                select t.image_id, t.label, i.revision,
                       exists (select from gallery.image_tag as x where x.image_id = t.image_id and x.tag = @To and x.tag <> @From) as has_both
                from
                (
                    select t.image_id, t.label
                    from
                    (
                        select t.image_id, t.label
                        from gallery.image_tag as t
                        where t.user_id = @UserId
                          and t.tag = @From
                          and (t.tag <> @To or t.label <> @Label)         -- the same tag with another spelling
                        order by t.created_at, t.image_id
                        limit 1000
                    ) as t
                    limit @Limit
                ) as t
                join gallery.image as i on i.image_id = t.image_id
            ),
            w as
            (
                update gallery.image as i
                set tags       = case when old.has_both then array_remove(i.tags, old.label) else array_replace(i.tags, old.label, @Label) end,
                    updated_at = greatest(i.updated_at, now()),
                    revision   = i.revision + 1
                from old
                where i.image_id = old.image_id
                  and i.revision = old.revision
                returning i.image_id, i.user_id, i.updated_at, i.revision, old.has_both
            ),
            d as
            (
                delete from gallery.image_tag as t
                using w
                where t.image_id = w.image_id
                  and t.tag = @From
                  and w.has_both
            ),
            g as
            (
                update gallery.image_tag as t
                set tag = @To, label = @Label
                from w
                where t.image_id = w.image_id
                  and t.tag = @From
                  and not w.has_both
            ),
            e as
            (
                insert into gallery.image_event (image_id, revision, event, fields, occurred_at, actor, user_id)
                select w.image_id, w.revision, 'edited', array['tags'], w.updated_at, nullif(@Actor, ''), w.user_id
                from w
            )
            select w.image_id is not null
            from old
            left join w on w.image_id = old.image_id
            """;

        return _statements.QueryAsync<bool>(
            sql, Stopwatch.GetTimestamp(), ct,
            ("UserId", userId), ("Limit", limit), ("From", from.Key), ("To", to.Key), ("Label", to.Label), ("Actor", caller.Name ?? ""));
    }

    public void Dispose() => _listing.Dispose();

    private static (string, object)[] Parameters(string? userId, string prefix, params (string, object)[] place)
    {
        (string, object)[] all = [.. place, ("First", prefix), ("End", EndOf(prefix)), ("Marks", prefix.Length > 0 ? Caseless.Marks : [])];   // é is not an e with something after it
        return userId is null ? all : [.. all, ("UserId", userId)];
    }

    /// <summary>The first text after all those that begin with the prefix, by code points.</summary>
    private static string EndOf(string prefix)
    {
        var runes = prefix.EnumerateRunes().Select(rune => rune.Value).ToList();
        var last = runes.FindLastIndex(rune => rune < 0x10FFFF);
        if (last < 0) return string.Concat(Enumerable.Repeat("\U0010FFFF", Tag.MaximumLength + 1));
        return string.Concat(runes.Take(last).Append(runes[last] == 0xD7FF ? 0xE000 : runes[last] + 1).Select(char.ConvertFromUtf32));   // surrogates are no characters
    }
}
