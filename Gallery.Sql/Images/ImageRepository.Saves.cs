using Gallery.Sql.Database;
using Gallery.Sql.Tags;

namespace Gallery.Sql.Images;

/// <remarks>
/// A save inserts an image or fills it in. An edit replaces values: it computes them from the row that it read, and writes them only if the row is still the same.
/// </remarks>
public sealed partial class ImageRepository
{
    /// <summary>
    /// <c>t</c>: of the images in <c>n</c> that do not exist, the last event, if there is one. An image may have many events, so the inner query reads only their keys.
    /// </summary>
    internal const string Tombstones = """
        t as
            (
                select e.image_id, e.revision, e.event = 'purged' as is_purged, e.occurred_at
                from
                (
                    select e.image_id, max(e.revision) as revision
                    from n
                    join gallery.image_event as e on e.image_id = n.image_id
                    where not exists (select from gallery.image as i where i.image_id = n.image_id)
                    group by e.image_id
                ) as last
                join gallery.image_event as e on e.image_id = last.image_id and e.revision = last.revision
            )
        """;

    /// <inheritdoc cref="SaveImageAsync"/>
    /// <param name="images">Of different ids.</param>
    internal Task<IReadOnlyList<ImageWrite>> SaveImagesAsync(IReadOnlyList<NewImage> images, long since)
    {
        // language=PostgreSQL
        const string sql = $$"""
            with n as
            (
                select n.image_id, n.user_id, n.image_url, n.refined_prompt, n.intent, coalesce(n.metadata::jsonb, '{}') as metadata,
                       n.recreates, n.actor, n.if_match, n.if_none_match, n.tags::text[] as tags, n.labels::text[] as labels
                from unnest
                (
                    (select @ImageIds::uuid[]), (select @UserIds::text[]), (select @ImageUrls::text[]), (select @RefinedPrompts::text[]), (select @Intents::text[]),
                    (select @Metadata::text[]), (select @Recreates::boolean[]), (select @Actors::text[]), (select @IfMatch::text[]), (select @IfNoneMatch::text[]),
                    (select @Tags::text[]), (select @Labels::text[])
                ) as n (image_id, user_id, image_url, refined_prompt, intent, metadata, recreates, actor, if_match, if_none_match, tags, labels)
            ),
            a as                                                          -- the tags that are sent and not there yet
            (
                select n.image_id, array_agg(s.tag order by s.place) as tags, array_agg(s.label order by s.place) as labels
                from n
                cross join unnest(n.tags, n.labels) with ordinality as s (tag, label, place)
                where not exists (select from gallery.image_tag as x where x.image_id = n.image_id and x.tag = s.tag)
                group by n.image_id
            ),
            {{Tombstones}},
            w as
            (
                insert into gallery.image as i (image_id, user_id, image_url, refined_prompt, intent, metadata, created_at, updated_at, revision, tags)
                select n.image_id, n.user_id, n.image_url, n.refined_prompt, n.intent, n.metadata,
                       greatest(now(), t.occurred_at), greatest(now(), t.occurred_at), coalesce(t.revision, 0) + 1, coalesce(a.labels, '{}')   -- now() is before a wait, and events come in the order of their times
                from n
                left join t on t.image_id = n.image_id
                left join a on a.image_id = n.image_id
                where (n.if_match is null                                 -- If-Match asks for an image that exists
                       or exists (select from gallery.image as i where i.image_id = n.image_id))
                  and (n.recreates or t.is_purged is not true)
                  and not exists                                          -- a conflict would lock the row of another user
                      (select from gallery.image as i where i.image_id = n.image_id and i.user_id <> n.user_id)
                order by n.image_id
                on conflict (image_id) do update                          -- stored values stay: saves may arrive late and out of order
                    set refined_prompt = coalesce(i.refined_prompt, excluded.refined_prompt),
                        intent         = coalesce(i.intent, excluded.intent),
                        metadata       = excluded.metadata || i.metadata,
                        tags           = i.tags || excluded.tags,
                        updated_at     = greatest(i.updated_at, excluded.updated_at),   -- distributed engines reject now() here
                        revision       = i.revision + 1
                    where i.user_id = excluded.user_id
                      and i.deleted_at is null
                      and (
                              i.refined_prompt is null and excluded.refined_prompt is not null
                           or i.intent is null and excluded.intent is not null
                           or not i.metadata ?& array(select jsonb_object_keys(excluded.metadata))   -- comparing the keys is cheap; comparing merged values is not
                           or excluded.tags <> '{}'
                          )
                      and exists
                          (
                              select
                              from n
                              where n.image_id = excluded.image_id
                                and {{Preconditions.Hold}}
                                and (n.tags = '{}' or i.revision = (select s.revision from gallery.image as s where s.image_id = n.image_id))   -- the row whose tags "a" has seen
                          )
                returning {{ImageRow.Columns}}
            ),
            g as
            (
                insert into gallery.image_tag (image_id, tag, label, user_id, created_at)
                select w.image_id, s.tag, s.label, w.user_id, w.created_at
                from w
                join a on a.image_id = w.image_id
                cross join unnest(a.tags, a.labels) as s (tag, label)
            ),
            c as
            (
                select w.image_id, w.revision = coalesce(t.revision, 0) + 1 as is_created
                from w
                left join t on t.image_id = w.image_id
            ),
            e as
            (
                insert into gallery.image_event (image_id, revision, event, fields, occurred_at, actor, user_id)
                select w.image_id, w.revision,
                       case when c.is_created then 'created' else 'filled_in' end,
                       case when c.is_created then '{}' else array_remove(array
                       [
                           case when i.refined_prompt is null and n.refined_prompt is not null then 'refined_prompt' end,
                           case when i.intent is null and n.intent is not null then 'intent' end,
                           case when not i.metadata ?& array(select jsonb_object_keys(n.metadata)) then 'metadata' end,
                           case when a.image_id is not null then 'tags' end
                       ], null) end,
                       w.updated_at, n.actor, w.user_id
                from w
                join n on n.image_id = w.image_id
                join c on c.image_id = w.image_id
                left join a on a.image_id = w.image_id
                left join gallery.image as i on i.image_id = w.image_id   -- as it was before
            )
            select i.outcome,
                   case when i.outcome not in ('Updated', 'Unchanged', 'InTrash') then '{}' else array_remove(array
                   [
                       case when i.image_url <> n.image_url then 'image_url' end,
                       case when i.refined_prompt <> n.refined_prompt then 'refined_prompt' end,
                       case when i.intent <> n.intent then 'intent' end
                   ], null) || array
                   (
                       select 'metadata.' || sent.key
                       from jsonb_each(n.metadata) as sent
                       join jsonb_each(i.metadata::jsonb) as stored on stored.key = sent.key
                       where stored.value <> sent.value
                       order by sent.key
                   ) end as kept,
                   {{ImageRow.Columns}}
            from
            (
                select case when c.is_created then 'Created' else 'Updated' end as outcome, {{ImageRow.Columns}}
                from w as i
                join c on c.image_id = i.image_id
                union all
                select 'Purged', t.image_id, '', '', null, null, '{}', now(), now(), null, t.revision, '{}'
                from t
                join n on n.image_id = t.image_id
                where t.is_purged and not n.recreates and n.if_match is null
                union all
                select case
                           when i.user_id <> n.user_id then 'OwnedByAnother'
                           when not ({{Preconditions.Hold}}) then 'PreconditionFailed'
                           when i.deleted_at is not null then 'InTrash'
                           when i.refined_prompt is null and n.refined_prompt is not null
                             or i.intent is null and n.intent is not null
                             or not i.metadata ?& array(select jsonb_object_keys(n.metadata))
                             or exists (select from a where a.image_id = n.image_id) then 'Contended'
                           else 'Unchanged'
                       end,
                       {{ImageRow.Columns}}
                from n
                join gallery.image as i on i.image_id = n.image_id
                where not exists (select from w where w.image_id = n.image_id)
            ) as i
            join n on n.image_id = i.image_id
            """;

        var sorted = images.OrderBy(image => image.ImageId).ToList();
        return WriteAsync(
            sql, images, image => image.ImageId, since, isRepeatable: images.All(image => image.If.IsEmpty),
            // Neither written nor in the snapshot: another transaction has just inserted it, unless If-Match kept this one from inserting it.
            image => image.If.IfMatch is null ? ImageOutcome.Contended : ImageOutcome.PreconditionFailed,
            ("ImageIds", Column(sorted, image => image.ImageId)),
            ("UserIds", Column(sorted, image => image.UserId)),
            ("Recreates", Column(sorted, image => image.Recreates)),
            ("Actors", Column(sorted, image => image.Caller.Name)),
            ("ImageUrls", Column(sorted, image => image.ImageUrl)),
            ("RefinedPrompts", Column(sorted, image => image.RefinedPrompt)),
            ("Intents", Column(sorted, image => image.Intent)),
            ("Metadata", Column(sorted, image => image.Metadata)),
            ("Tags", Column(sorted, image => TagArray.Keys(image.Tags))),
            ("Labels", Column(sorted, image => image.Tags)),
            ("IfMatch", Column(sorted, image => image.If.IfMatch)),
            ("IfNoneMatch", Column(sorted, image => image.If.IfNoneMatch)));
    }

    /// <inheritdoc cref="UpdateImageAsync"/>
    /// <param name="edits">Of different ids.</param>
    internal async Task<IReadOnlyList<ImageWrite>> EditImagesAsync(IReadOnlyList<ImageEdit> edits, long since)
    {
        var rows = await FindImagesAsync([.. edits.Select(edit => edit.Key)], since, toEdit: true);
        var results = rows.Select((row, i) => row is null ? ImageWrite.NotFound
            : row.DeletedAt is not null ? new(ImageOutcome.InTrash, row, [])
            : !edits[i].Key.If.HoldFor(row.Version) ? new(ImageOutcome.PreconditionFailed, row, [])
            : null).ToArray();
        int[] open = [.. Enumerable.Range(0, edits.Count).Where(i => results[i] is null)];
        if (open.Length == 0) return results!;

        var updates = open.Select(i => new ImageUpdate(rows[i]!, edits[i].Apply(rows[i]!), edits[i].Key.Caller)).ToList();
        for (var i = open.Length - 1; i >= 0; i--)
        {
            if (!updates[i].TakesOver) continue;
            results[open[i]] = new(ImageOutcome.OwnedByAnother, null, []);
            updates.RemoveAt(i);
        }

        open = [.. open.Where(i => results[i] is null)];
        if (open.Length == 0) return results!;

        var writes = await UpdateImagesAsync(updates, since);
        for (var i = 0; i < open.Length; i++) results[open[i]] = writes[i];
        return results!;
    }

    /// <param name="edits">Of different ids.</param>
    private Task<IReadOnlyList<ImageWrite>> UpdateImagesAsync(IReadOnlyList<ImageUpdate> edits, long since)
    {
        // language=PostgreSQL
        const string sql = $$"""
            with n as
            (
                select n.image_id, n.revision, n.updated_at, n.user_id, n.refined_prompt, n.intent, n.metadata::jsonb as metadata, n.actor, n.grantee, n.tags::text[] as tags, n.labels::text[] as labels
                from unnest
                (
                    (select @ImageIds::uuid[]), (select @Revisions::bigint[]), (select @UpdatedAts::timestamptz[]), (select @UserIds::text[]),
                    (select @RefinedPrompts::text[]), (select @Intents::text[]), (select @Metadata::text[]), (select @Actors::text[]),
                    (select @Grantees::text[]), (select @Tags::text[]), (select @Labels::text[])
                ) as n (image_id, revision, updated_at, user_id, refined_prompt, intent, metadata, actor, grantee, tags, labels)
            ),
            w as
            (
                update gallery.image as i
                set user_id        = n.user_id,
                    refined_prompt = n.refined_prompt,
                    intent         = n.intent,
                    metadata       = n.metadata,
                    tags           = n.labels,
                    updated_at     = greatest(i.updated_at, now()),
                    revision       = i.revision + 1
                from n
                where i.image_id = n.image_id
                  and i.deleted_at is null
                  and i.revision = n.revision                             -- the row that the new values were computed from
                  and i.updated_at = n.updated_at
                  and (n.grantee is null or exists (select from gallery.image_grant as g where g.image_id = n.image_id and g.user_id = n.grantee and g.role = 'edit'))
                  and (i.user_id, i.refined_prompt, i.intent, i.metadata, i.tags) is distinct from (n.user_id, n.refined_prompt, n.intent, n.metadata, n.labels)
                returning {{ImageRow.Columns}}
            ),
            d as
            (
                delete from gallery.image_tag as x
                using w
                join n on n.image_id = w.image_id
                where x.image_id = w.image_id
                  and n.tags is not null                                  -- the tags or the owner change
                  and x.tag <> all (n.tags)
            ),
            g as
            (
                insert into gallery.image_tag as x (image_id, tag, label, user_id, created_at)
                select w.image_id, s.tag, s.label, w.user_id, w.created_at
                from w
                join n on n.image_id = w.image_id
                cross join unnest(n.tags, n.labels) as s (tag, label)
                where n.tags is not null
                on conflict (image_id, tag) do update
                    set label = excluded.label, user_id = excluded.user_id
                    where (x.label, x.user_id) is distinct from (excluded.label, excluded.user_id)
            ),
            o as
            (
                select w.image_id
                from w
                join gallery.image as i on i.image_id = w.image_id        -- as it was before
                where i.user_id <> w.user_id
            ),
            s as
            (
                delete from gallery.image_share as s                      -- sharing ends with the owner who shared
                using o
                where s.image_id = o.image_id
            ),
            t as
            (
                delete from gallery.image_grant as t
                using o
                where t.image_id = o.image_id
            ),
            e as
            (
                insert into gallery.image_event (image_id, revision, event, fields, occurred_at, actor, user_id)
                select w.image_id, w.revision, 'edited',
                       array_remove(array
                       [
                           case when i.user_id <> n.user_id then 'user_id' end,
                           case when i.refined_prompt is distinct from n.refined_prompt then 'refined_prompt' end,
                           case when i.intent is distinct from n.intent then 'intent' end,
                           case when i.metadata <> n.metadata then 'metadata' end,
                           case when i.tags <> n.labels then 'tags' end
                       ], null),
                       w.updated_at, n.actor, w.user_id
                from w
                join n on n.image_id = w.image_id
                join gallery.image as i on i.image_id = w.image_id        -- as it was before
            )
            select 'Updated', '{}'::text[], {{ImageRow.Columns}}
            from w as i
            union all
            select case
                       when i.deleted_at is null and i.revision = n.revision and i.updated_at = n.updated_at
                        and (i.user_id, i.refined_prompt, i.intent, i.metadata, i.tags) is not distinct from (n.user_id, n.refined_prompt, n.intent, n.metadata, n.labels) then 'Unchanged'
                       else 'Contended'
                   end,
                   '{}',
                   {{ImageRow.Columns}}
            from n
            join gallery.image as i on i.image_id = n.image_id
            where not exists (select from w where w.image_id = n.image_id)
            """;

        var sorted = edits.OrderBy(edit => edit.From.ImageId).ToList();
        return WriteAsync(
            sql, edits, edit => edit.From.ImageId, since, isRepeatable: false, _ => ImageOutcome.Contended,
            ("ImageIds", Column(sorted, edit => edit.From.ImageId)),
            ("Revisions", Column(sorted, edit => edit.From.Revision)),
            ("UpdatedAts", Column(sorted, edit => edit.From.UpdatedAt)),
            ("UserIds", Column(sorted, edit => edit.To.UserId)),
            ("RefinedPrompts", Column(sorted, edit => edit.To.RefinedPrompt)),
            ("Intents", Column(sorted, edit => edit.To.Intent)),
            ("Metadata", Column(sorted, edit => edit.To.Metadata)),
            ("Grantees", Column(sorted, edit => edit.IsOfGrantee ? edit.Caller.UserId : null)),
            ("Tags", Column(sorted, edit => (edit.From.Tags, edit.From.UserId) == (edit.To.Tags, edit.To.UserId) ? null : TagArray.Keys(edit.To.Tags))),
            ("Labels", Column(sorted, edit => edit.To.Tags)),
            ("Actors", Column(sorted, edit => edit.Caller.Name)));
    }
}
