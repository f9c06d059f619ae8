using System.Diagnostics;
using Gallery.Sql.Database;
using Gallery.Sql.Images;
using Gallery.Sql.Metering;
using Gallery.Sql.Tags;
using Npgsql;

namespace Gallery.Sql.Transfers;

/// <remarks>An import writes values as they are. The higher revision wins, so an import may be repeated, and may run beside other writes.</remarks>
public sealed partial class TransferRepository
{
    /// <summary>The most images of one import statement.</summary>
    public const int MostImported = 500;

    private const int Attempts = 5;

    /// <summary>Inserts images, and replaces those of a lower revision. Returns an outcome for each, in their order.</summary>
    /// <param name="images">Of different ids, at most <see cref="MostImported"/>.</param>
    /// <param name="recreates">Whether images may be created again that were deleted permanently.</param>
    public async Task<IReadOnlyList<ImportOutcome>> ImportAsync(Caller caller, IReadOnlyList<ImageRow> images, bool recreates, CancellationToken ct)
    {
        var outcomes = new Dictionary<Guid, ImportOutcome>(images.Count);
        var open = images.OrderBy(image => image.ImageId).ToList();   // so that two imports rarely deadlock
        for (var attempt = 0; open.Count > 0 && attempt < Attempts; attempt++)
        {
            await WriteAsync(caller, open, recreates, outcomes, ct);
            open.RemoveAll(image => outcomes.ContainsKey(image.ImageId));
        }

        return [.. images.Select(image => outcomes.GetValueOrDefault(image.ImageId) ?? throw new TimeoutException($"Other writes changed image {image.ImageId} again and again."))];
    }

    /// <summary>Runs one statement. If the database rejects it because of some row, or does not end it in time, its halves run alone. So one bad row fails alone.</summary>
    private async Task WriteAsync(Caller caller, List<ImageRow> images, bool recreates, Dictionary<Guid, ImportOutcome> outcomes, CancellationToken ct)
    {
        try
        {
            foreach (var (id, outcome) in await WriteAllAsync(caller, images, recreates, ct)) outcomes[id] = new(outcome);
        }
        catch (PostgresException e) when (IsOfRow(e))
        {
            if (images is [var bad])
            {
                outcomes[bad.ImageId] = new(ImportResult.Rejected, e);
                return;
            }

            await WriteHalvesAsync();
        }
        catch (Exception e) when (images.Count > 1 && TransientFault.HasTimedOut(e))   // if a single row times out, the import fails
        {
            // The timed-out statement may still commit. Its halves wait for it and then find its rows.
            await WriteHalvesAsync();
        }

        async Task WriteHalvesAsync()
        {
            var half = images.Count / 2;
            await WriteAsync(caller, images[..half], recreates, outcomes, ct);
            await WriteAsync(caller, images[half..], recreates, outcomes, ct);
        }
    }

    private async Task<IReadOnlyList<(Guid, ImportResult)>> WriteAllAsync(Caller caller, List<ImageRow> images, bool recreates, CancellationToken ct)
    {
        // Revision 1 of the history stays "created", also for an image that comes with a higher revision: a purge writes it too. So an import that waits for a
        // purge conflicts with it, runs again, and meets the tombstone.
        // language=PostgreSQL
        const string sql = $$"""
            with n as
            (
                select n.image_id, n.user_id, n.image_url, n.refined_prompt, n.intent, n.metadata::jsonb as metadata, n.created_at, n.updated_at, n.deleted_at, n.revision,
                       n.tags::text[] as tags, n.labels::text[] as labels
                from unnest
                (
                    (select @ImageIds::uuid[]), (select @UserIds::text[]), (select @ImageUrls::text[]), (select @RefinedPrompts::text[]), (select @Intents::text[]),
                    (select @Metadata::text[]), (select @CreatedAts::timestamptz[]), (select @UpdatedAts::timestamptz[]), (select @DeletedAts::timestamptz[]),
                    (select @Revisions::bigint[]), (select @Tags::text[]), (select @Labels::text[])
                ) as n (image_id, user_id, image_url, refined_prompt, intent, metadata, created_at, updated_at, deleted_at, revision, tags, labels)
            ),
            b as materialized                                             -- the images that exist, as they were before: each is looked up once
            (
                select i.*
                from n
                join gallery.image as i on i.image_id = n.image_id
            ),
            {{ImageRepository.Tombstones}},
            u as
            (
                update gallery.image as i
                set image_url      = n.image_url,
                    refined_prompt = n.refined_prompt,
                    intent         = n.intent,
                    metadata       = n.metadata,
                    created_at     = n.created_at,
                    updated_at     = n.updated_at,
                    deleted_at     = n.deleted_at,
                    revision       = n.revision,
                    tags           = n.labels
                from n
                where i.image_id = n.image_id
                  and i.user_id = n.user_id
                  and i.revision < n.revision
                  and i.revision = (select b.revision from b where b.image_id = n.image_id)   -- the row whose tags this statement sees
                returning i.image_id, i.user_id, i.created_at, i.updated_at, i.revision
            ),
            c as                                                          -- not "do update": it could not be told from an insert after a purge
            (
                insert into gallery.image as i (image_id, user_id, image_url, refined_prompt, intent, metadata, created_at, updated_at, deleted_at, revision, tags)
                select n.image_id, n.user_id, n.image_url, n.refined_prompt, n.intent, n.metadata, n.created_at, n.updated_at, n.deleted_at,
                       greatest(n.revision, coalesce(t.revision, 0) + 1), n.labels
                from n
                left join t on t.image_id = n.image_id
                where not exists (select from b where b.image_id = n.image_id)
                  and (@Recreates or t.is_purged is not true)
                order by n.image_id
                on conflict (image_id) do nothing
                returning i.image_id, i.user_id, i.created_at, i.updated_at, i.revision
            ),
            w as
            (
                select u.image_id, u.user_id, u.created_at, u.updated_at, u.revision, false as is_created from u
                union all
                select c.image_id, c.user_id, c.created_at, c.updated_at, c.revision, true from c
            ),
            gone as
            (
                delete from gallery.image_tag as x
                using w, n
                where x.image_id = w.image_id
                  and n.image_id = w.image_id
                  and x.tag <> all (n.tags)
            ),
            put as
            (
                insert into gallery.image_tag (image_id, tag, label, user_id, created_at)
                select w.image_id, s.tag, s.label, w.user_id, w.created_at
                from w
                join n on n.image_id = w.image_id
                cross join unnest(n.tags, n.labels) as s (tag, label)
                on conflict (image_id, tag) do update set label = excluded.label, created_at = excluded.created_at
            ),
            ended as                                                      -- a grant may also have been given while the image went to the trash
            (
                delete from gallery.image_grant as g
                using w, n
                where g.image_id = w.image_id
                  and n.image_id = w.image_id
                  and (n.deleted_at is not null or exists (select from b where b.image_id = w.image_id and b.deleted_at is not null))
            ),
            e as
            (
                insert into gallery.image_event (image_id, revision, event, fields, occurred_at, actor, user_id)
                select w.image_id,
                       case when w.is_created and t.image_id is null then 1 else w.revision end,
                       case when w.is_created then 'created' else 'edited' end,
                       case when w.is_created then '{}' else array_remove(array
                       [
                           case when i.image_url <> n.image_url then 'image_url' end,
                           case when i.refined_prompt is distinct from n.refined_prompt then 'refined_prompt' end,
                           case when i.intent is distinct from n.intent then 'intent' end,
                           case when i.metadata <> n.metadata then 'metadata' end,
                           case when i.created_at <> n.created_at then 'created_at' end,
                           case when i.deleted_at is distinct from n.deleted_at then 'deleted_at' end,
                           case when i.tags <> n.labels then 'tags' end
                       ], null) end,
                       greatest(w.updated_at, now(), i.updated_at, t.occurred_at),   -- not created_at: with GALLERY_HISTORY_DAYS the event would expire at once
                       nullif(@Actor, ''), w.user_id
                from w
                join n on n.image_id = w.image_id
                left join t on t.image_id = w.image_id
                left join b as i on i.image_id = w.image_id
                returning image_id, revision, event, occurred_at, user_id
            ),
            l as
            (
                insert into gallery.usage_line (user_id, event_id, period, kind, quantity, image_id, occurred_at)
                select e.user_id, {{UsageLedger.EventId}}, {{UsageLedger.Month}}, k.kind, 1, e.image_id, e.occurred_at
                from e
                cross join (values ('{{UsageKinds.Imports}}')) as k (kind)
                where e.event = 'created'
                on conflict (user_id, event_id) do nothing                -- imported before with the same updated_at in the future, and its history is gone
            )
            select w.image_id, case when w.is_created then 'Created' else 'Updated' end
            from w
            union all
            select t.image_id, 'Purged'
            from t
            where t.is_purged
              and not @Recreates
            union all
            select n.image_id, case when i.user_id <> n.user_id then 'OwnedByAnother' else 'Unchanged' end
            from n
            join b as i on i.image_id = n.image_id
            where not exists (select from w where w.image_id = n.image_id)
              and (i.user_id <> n.user_id or i.revision >= n.revision)    -- otherwise another transaction has just changed it, and it has no outcome yet
            """;

        return await _planned.ReadAsync<(Guid, ImportResult)>(
            sql, _ => row => (row.GetGuid(0), Enum.Parse<ImportResult>(row.GetString(1))), isRepeatable: true, Stopwatch.GetTimestamp(), ct,
            ("ImageIds", images.ConvertAll(image => image.ImageId)),
            ("UserIds", images.ConvertAll(image => image.UserId)),
            ("ImageUrls", images.ConvertAll(image => image.ImageUrl)),
            ("RefinedPrompts", images.ConvertAll(image => image.RefinedPrompt)),
            ("Intents", images.ConvertAll(image => image.Intent)),
            ("Metadata", images.ConvertAll(image => image.Metadata)),
            ("CreatedAts", images.ConvertAll(image => image.CreatedAt)),
            ("UpdatedAts", images.ConvertAll(image => image.UpdatedAt)),
            ("DeletedAts", images.ConvertAll(image => image.DeletedAt)),
            ("Revisions", images.ConvertAll(image => image.Revision)),
            ("Tags", images.ConvertAll(image => TagArray.Keys(image.Tags))),
            ("Labels", images.ConvertAll(image => image.Tags)),
            ("Recreates", recreates),
            ("Actor", caller.Name ?? ""));
    }

    /// <summary>Whether a value of a row is at fault. Classes 22, 23 and 54: data, constraints and limits of the program.</summary>
    private static bool IsOfRow(PostgresException fault) => fault.SqlState is ['2', '2' or '3', ..] or ['5', '4', ..] && fault.SqlState != PostgresErrorCodes.UniqueViolation;
}

/// <summary>What an import did with one image.</summary>
/// <param name="Fault">Why the database rejected it. Null for other results.</param>
public sealed record ImportOutcome(ImportResult Result, PostgresException? Fault = null);

/// <summary>Every result of the import of one image.</summary>
public enum ImportResult
{
    /// <summary>The image was inserted.</summary>
    Created,

    /// <summary>The image was replaced, because its revision was lower.</summary>
    Updated,

    /// <summary>The image has this revision or a higher one already.</summary>
    Unchanged,

    /// <summary>The image is another user's.</summary>
    OwnedByAnother,

    /// <summary>The image was deleted permanently.</summary>
    Purged,

    /// <summary>The database cannot store one of its values.</summary>
    Rejected,
}
