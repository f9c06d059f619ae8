using Gallery.Sql.Database;
using Gallery.Sql.Metering;
using Gallery.Sql.Tags;

namespace Gallery.Sql.Images;

/// <remarks>
/// A save inserts an image or fills it in.
/// </remarks>
public sealed partial class ImageRepository
{
    /// <summary>Maximum bytes of a stored prompt, its metadata and tags that come back with a save. So the rows of 256 saves have about 4 MB.</summary>
    private const int LongestRow = 16 * 1024;

    /// <summary>
    /// <c>t</c>: of the images in <c>n</c> that are not in <c>b</c>, the last event, if there is one. An image may have many events, so the inner query reads only their keys.
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
                    where not exists (select from b where b.image_id = n.image_id)
                    group by e.image_id
                ) as last
                join gallery.image_event as e on e.image_id = last.image_id and e.revision = last.revision
            )
        """;

    /// <inheritdoc cref="SaveImageAsync"/>
    /// <param name="images">Of different ids.</param>
    /// <param name="longest">A longer stored image comes back as <see cref="ImageRow.IsPartial"/>. One that is created comes back whole, because it was sent.</param>
    internal Task<IReadOnlyList<ImageWrite>> SaveImagesAsync(IReadOnlyList<NewImage> images, long since, int longest = LongestRow, bool locksUsers = true)
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
            b as materialized                                             -- the images that exist, as they were before: each is looked up once
            (
                select i.*
                from n
                join gallery.image as i on i.image_id = n.image_id
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
            k as                                                          -- new images, if there is a quota
            (
                select n.image_id, n.user_id
                from n
                left join t on t.image_id = n.image_id
                where @Quota::bigint is not null
                  and n.if_match is null
                  and (n.recreates or t.is_purged is not true)
                  and not exists (select from b where b.image_id = n.image_id)
            ),
            {{ImageQuota.Excess}},
            w as
            (
                insert into gallery.image as i (image_id, user_id, image_url, refined_prompt, intent, metadata, created_at, updated_at, revision, tags)
                select n.image_id, n.user_id, n.image_url, n.refined_prompt, n.intent, n.metadata,
                       greatest(now(), t.occurred_at), greatest(now(), t.occurred_at), coalesce(t.revision, 0) + 1, coalesce(a.labels, '{}')   -- now() is before a wait, and events come in the order of their times
                from n
                left join t on t.image_id = n.image_id
                left join a on a.image_id = n.image_id
                where (n.if_match is null                                 -- If-Match asks for an image that exists
                       or exists (select from b where b.image_id = n.image_id))
                  and (n.recreates or t.is_purged is not true)
                  and not exists (select from x where x.image_id = n.image_id)
                  and not exists                                          -- a conflict would lock the row of another user
                      (select from b where b.image_id = n.image_id and b.user_id <> n.user_id)
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
                                and i.revision = (select s.revision from gallery.image as s where s.image_id = n.image_id)   -- the row that "a" and "e" have seen
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
            h as
            (
                select w.image_id, w.revision,
                       case when w.revision = coalesce(t.revision, 0) + 1 then 'created' else 'filled_in' end as event,
                       case when w.revision = coalesce(t.revision, 0) + 1 then '{}' else array_remove(array
                       [
                           case when i.refined_prompt is null and n.refined_prompt is not null then 'refined_prompt' end,
                           case when i.intent is null and n.intent is not null then 'intent' end,
                           case when not i.metadata ?& array(select jsonb_object_keys(n.metadata)) then 'metadata' end,
                           case when a.image_id is not null then 'tags' end
                       ], null) end as fields,
                       w.updated_at as occurred_at, n.actor, w.user_id, w.metadata
                from w
                join n on n.image_id = w.image_id
                left join t on t.image_id = w.image_id
                left join a on a.image_id = w.image_id
                left join b as i on i.image_id = w.image_id
            ),
            e as
            (
                insert into gallery.image_event (image_id, revision, event, fields, occurred_at, actor, user_id)
                select h.image_id, h.revision, h.event, h.fields, h.occurred_at, h.actor, h.user_id
                from h
            ),
            {{UsageLedger.OfEvents}}
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
                   i.image_id, i.user_id, i.image_url, case when not l.is_long then i.refined_prompt end as refined_prompt, i.intent,
                   case when l.is_long then '' else i.metadata end as metadata, i.created_at, i.updated_at, i.deleted_at, i.revision,
                   case when l.is_long then '{}' else i.tags end as tags
            from
            (
                select case when i.revision = coalesce(t.revision, 0) + 1 then 'Created' else 'Updated' end as outcome, {{ImageRow.Columns}}
                from w as i
                left join t on t.image_id = i.image_id
                union all
                select 'Purged', t.image_id, '', '', null, null, '{}', now(), now(), null, t.revision, '{}'
                from t
                join n on n.image_id = t.image_id
                where t.is_purged and not n.recreates
                union all
                select 'OverQuota', x.image_id, '', '', null, null, '{}', now(), now(), null, 0, '{}'
                from x
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
                join b as i on i.image_id = n.image_id
                where not exists (select from w where w.image_id = n.image_id)
            ) as i
            join n on n.image_id = i.image_id
            cross join lateral
            (
                select i.outcome <> 'Created' and coalesce(octet_length(i.refined_prompt), 0) + octet_length(i.metadata) + octet_length(i.tags) > @Longest::int as is_long
            ) as l
            """;

        var sorted = images.OrderBy(image => image.ImageId).ToList();
        return WriteAsync(
            sql, images, image => image.ImageId, since, isRepeatable: images.All(image => image.If.IsEmpty),
            // Neither written nor in the snapshot: another transaction has just inserted it, unless If-Match kept this one from inserting it.
            image => image.If.IfMatch is null ? ImageOutcome.Contended : ImageOutcome.PreconditionFailed,
            locksUsers ? _quota.Lock : null,
            ("Quota", _quota.Parameter),
            ("Longest", longest),
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
}
