using Gallery.Sql.Database;

namespace Gallery.Sql.Images;

/// <remarks>
/// Each write is one statement. <c>n</c> is what was asked, <c>w</c> is what was written, and <c>e</c> is its history. For the rest, the row in the statement's
/// snapshot explains why it was not written. If it shows no reason, another transaction changed the row in between, and the outcome is <c>Contended</c>.
/// </remarks>
public sealed partial class ImageRepository
{
    /// <inheritdoc cref="SoftDeleteImageAsync"/>
    internal Task<IReadOnlyList<ImageWrite>> SoftDeleteImagesAsync(IReadOnlyList<ImageKey> keys, long since)
    {
        // language=PostgreSQL
        const string sql = $$"""
            with {{Asked}},
            w as
            (
                update gallery.image as i
                set deleted_at = greatest(i.updated_at, now()), updated_at = greatest(i.updated_at, now()), revision = i.revision + 1   -- now() is before the wait for the row
                from n
                where i.image_id = n.image_id
                  and (n.user_id is null or i.user_id = n.user_id)
                  and i.deleted_at is null                                -- the time of the first deletion stays
                  and {{Preconditions.Hold}}
                returning {{ImageRow.Columns}}
            ),
            g as
            (
                delete from gallery.image_grant as g
                using w
                where g.image_id = w.image_id
            ),
            e as
            (
                insert into gallery.image_event (image_id, revision, event, occurred_at, actor, user_id)
                select w.image_id, w.revision, 'trashed', w.updated_at, n.actor, w.user_id
                from w
                join n on n.image_id = w.image_id
            )
            select 'Updated', '{}'::text[], {{ImageRow.Columns}}
            from w as i
            union all
            select case
                       when not ({{Preconditions.Hold}}) then 'PreconditionFailed'
                       when i.deleted_at is null then 'Contended'
                       else 'Unchanged'
                   end,
                   '{}',
                   {{ImageRow.Columns}}
            from {{NotWritten}}
            """;

        return WriteAsync(sql, keys, since);
    }

    /// <inheritdoc cref="RestoreImageAsync"/>
    internal Task<IReadOnlyList<ImageWrite>> RestoreImagesAsync(IReadOnlyList<ImageKey> keys, long since)
    {
        // language=PostgreSQL
        const string sql = $$"""
            with {{Asked}},
            w as
            (
                update gallery.image as i
                set deleted_at = null, updated_at = greatest(i.updated_at, now()), revision = i.revision + 1
                from n
                where i.image_id = n.image_id
                  and (n.user_id is null or i.user_id = n.user_id)
                  and i.deleted_at is not null
                  and {{Preconditions.Hold}}
                returning {{ImageRow.Columns}}
            ),
            g as
            (
                delete from gallery.image_grant as g                      -- one that was given while the image went to the trash
                using w
                where g.image_id = w.image_id
            ),
            e as
            (
                insert into gallery.image_event (image_id, revision, event, occurred_at, actor, user_id)
                select w.image_id, w.revision, 'restored', w.updated_at, n.actor, w.user_id
                from w
                join n on n.image_id = w.image_id
            )
            select 'Updated', '{}'::text[], {{ImageRow.Columns}}
            from w as i
            union all
            select case
                       when not ({{Preconditions.Hold}}) then 'PreconditionFailed'
                       when i.deleted_at is not null then 'Contended'
                       else 'Unchanged'
                   end,
                   '{}',
                   {{ImageRow.Columns}}
            from {{NotWritten}}
            """;

        return WriteAsync(sql, keys, since);
    }

    /// <inheritdoc cref="PurgeImageAsync"/>
    internal async Task<IReadOnlyList<ImageWrite>> PurgeImagesAsync(IReadOnlyList<ImageKey> keys, long since)
    {
        // language=PostgreSQL
        const string sql = $$"""
            with {{Asked}},
            w as
            (
                delete from gallery.image as i
                using n
                where i.image_id = n.image_id
                  and (n.user_id is null or i.user_id = n.user_id)
                  and {{Preconditions.Hold}}
                returning {{ImageRow.Columns}}
            ),
            e as
            (
                insert into gallery.image_event (image_id, revision, event, occurred_at, actor, user_id, position)
                select w.image_id, w.revision + 1, 'purged', greatest(w.updated_at, now()), n.actor, w.user_id, null
                from w
                join n on n.image_id = w.image_id
                union all                                                 -- if it is not there: a racing save conflicts with it. 0 keeps it out of the feed
                select w.image_id, 1, 'created', w.created_at, null, w.user_id, 0
                from w
                on conflict (image_id, revision) do nothing
            )
            select 'Updated', '{}'::text[], {{ImageRow.Columns}}
            from w as i
            union all
            select case when not ({{Preconditions.Hold}}) then 'PreconditionFailed' else 'Contended' end, '{}', {{ImageRow.Columns}}
            from {{NotWritten}}
            """;

        // A second run would not find what the first one deleted, and might delete an image that was saved again in between.
        try
        {
            var writes = await WriteAsync(sql, keys, since, isRepeatable: false);
            for (var i = 0; i < writes.Count; i++)
                if (writes[i].Outcome == ImageOutcome.Updated) keys[i].Report?.Invoke(true);
            return writes;
        }
        catch (Exception e) when (TransientFault.MayHaveCommitted(e))
        {
            foreach (var key in keys) key.Report?.Invoke(false);
            throw;
        }
    }

    /// <summary>What a permanent deletion would do. It locks nothing, so that repeating it keeps nobody from the images' links and counts. The long fields of its rows are empty.</summary>
    private Task<IReadOnlyList<ImageWrite>> CheckPurgeAsync(IReadOnlyList<ImageKey> keys, long since)
    {
        // language=PostgreSQL
        const string sql = $$"""
            with {{Asked}}
            select case when {{Preconditions.Hold}} then 'Updated' else 'PreconditionFailed' end, '{}'::text[],
                   i.image_id, i.user_id, '' as image_url, null as refined_prompt, null as intent, '{}' as metadata, i.created_at, i.updated_at, i.deleted_at, i.revision, '{}' as tags
            from n
            join gallery.image as i on i.image_id = n.image_id
            where n.user_id is null
               or i.user_id = n.user_id
            """;

        return WriteAsync(sql, keys, since);
    }

    private const string Asked = """
        n as
            (
                select n.image_id, n.user_id, n.actor, n.if_match, n.if_none_match
                from unnest((select @ImageIds::uuid[]), (select @UserIds::text[]), (select @Actors::text[]), (select @IfMatch::text[]), (select @IfNoneMatch::text[]))
                  as n (image_id, user_id, actor, if_match, if_none_match)
            )
        """;

    private const string NotWritten = """
        n
            join gallery.image as i on i.image_id = n.image_id
            where (n.user_id is null or i.user_id = n.user_id)
              and not exists (select from w where w.image_id = n.image_id)
        """;

    private Task<IReadOnlyList<ImageWrite>> WriteAsync(string sql, IReadOnlyList<ImageKey> keys, long since, bool isRepeatable = true)
    {
        var sorted = keys.OrderBy(key => key.ImageId).ToList();
        return WriteAsync(
            sql, keys, key => key.ImageId, since, isRepeatable && keys.All(key => key.If.IsEmpty), _ => ImageOutcome.NotFound, first: null,
            ("ImageIds", Column(sorted, key => key.ImageId)),
            ("UserIds", Column(sorted, key => key.Caller.UserId)),
            ("Actors", Column(sorted, key => key.Caller.Name)),
            ("IfMatch", Column(sorted, key => key.If.IfMatch)),
            ("IfNoneMatch", Column(sorted, key => key.If.IfNoneMatch)));
    }
}
