using Gallery.Sql.Metering;
using Gallery.Sql.Tags;

namespace Gallery.Sql.Images;

/// <remarks>
/// An edit replaces values: it computes them from the row that it read, and writes them only if the row is still the same.
/// </remarks>
public sealed partial class ImageRepository
{
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
            b as materialized                                             -- the images that exist, as they were before: each is looked up once
            (
                select i.*
                from n
                join gallery.image as i on i.image_id = n.image_id
            ),
            k as                                                          -- images that get another owner, if there is a quota
            (
                select n.image_id, n.user_id
                from n
                join b as i on i.image_id = n.image_id
                where @Quota::bigint is not null
                  and i.user_id <> n.user_id
                  and i.deleted_at is null
                  and i.revision = n.revision
                  and i.updated_at = n.updated_at
            ),
            {{ImageQuota.Excess}},
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
                  and not exists (select from x where x.image_id = n.image_id)
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
                join b as i on i.image_id = w.image_id
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
            h as
            (
                select w.image_id, w.revision, 'edited' as event,
                       array_remove(array
                       [
                           case when i.user_id <> n.user_id then 'user_id' end,
                           case when i.refined_prompt is distinct from n.refined_prompt then 'refined_prompt' end,
                           case when i.intent is distinct from n.intent then 'intent' end,
                           case when i.metadata <> n.metadata then 'metadata' end,
                           case when i.tags <> n.labels then 'tags' end
                       ], null) as fields,
                       w.updated_at as occurred_at, n.actor, w.user_id, w.metadata
                from w
                join n on n.image_id = w.image_id
                join b as i on i.image_id = w.image_id
            ),
            e as
            (
                insert into gallery.image_event (image_id, revision, event, fields, occurred_at, actor, user_id)
                select h.image_id, h.revision, h.event, h.fields, h.occurred_at, h.actor, h.user_id
                from h
            ),
            {{UsageLedger.OfEvents}}
            select 'Updated', '{}'::text[], {{ImageRow.Columns}}
            from w as i
            union all
            select case
                       when exists (select from x where x.image_id = n.image_id) then 'OverQuota'
                       when i.deleted_at is null and i.revision = n.revision and i.updated_at = n.updated_at
                        and (i.user_id, i.refined_prompt, i.intent, i.metadata, i.tags) is not distinct from (n.user_id, n.refined_prompt, n.intent, n.metadata, n.labels) then 'Unchanged'
                       else 'Contended'
                   end,
                   '{}',
                   {{ImageRow.Columns}}
            from n
            join b as i on i.image_id = n.image_id
            where not exists (select from w where w.image_id = n.image_id)
            """;

        var sorted = edits.OrderBy(edit => edit.From.ImageId).ToList();
        return WriteAsync(
            sql, edits, edit => edit.From.ImageId, since, isRepeatable: false, _ => ImageOutcome.Contended,
            edits.Any(edit => edit.From.UserId != edit.To.UserId) ? _quota.Lock : null,
            ("Quota", _quota.Parameter),
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
