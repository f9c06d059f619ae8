using System.Data.Common;
using Dapper;
using Gallery.Sql.Database;

namespace Gallery.Sql.Images;

/// <remarks>
/// Each write is one statement. <c>n</c> is what was asked, and <c>w</c> is what was written. For the rest, the row in the statement's snapshot explains why it
/// was not written. If it shows no reason, another transaction changed the row in between, and the outcome is <c>Contended</c>.
/// </remarks>
public sealed partial class ImageRepository
{
    /// <inheritdoc cref="SaveImageAsync"/>
    /// <param name="images">Of different ids.</param>
    internal Task<IReadOnlyList<ImageWrite>> SaveImagesAsync(IReadOnlyList<NewImage> images, long since)
    {
        // language=PostgreSQL
        const string sql = $$"""
            with n as
            (
                select n.image_id, n.user_id, n.image_url, n.refined_prompt, n.intent, coalesce(n.metadata::jsonb, '{}') as metadata, n.if_match, n.if_none_match
                from unnest
                (
                    (select @ImageIds::uuid[]), (select @UserIds::text[]), (select @ImageUrls::text[]), (select @RefinedPrompts::text[]),
                    (select @Intents::text[]), (select @Metadata::text[]), (select @IfMatch::text[]), (select @IfNoneMatch::text[])
                ) as n (image_id, user_id, image_url, refined_prompt, intent, metadata, if_match, if_none_match)
            ),
            w as
            (
                insert into gallery.image as i (image_id, user_id, image_url, refined_prompt, intent, metadata, created_at, updated_at)
                select n.image_id, n.user_id, n.image_url, n.refined_prompt, n.intent, n.metadata, now(), now()
                from n
                where n.if_match is null                                  -- If-Match asks for an image that exists
                   or exists (select from gallery.image as i where i.image_id = n.image_id)
                order by n.image_id
                on conflict (image_id) do update                          -- stored values stay: saves may arrive late and out of order
                    set refined_prompt = coalesce(i.refined_prompt, excluded.refined_prompt),
                        intent         = coalesce(i.intent, excluded.intent),
                        metadata       = excluded.metadata || i.metadata,
                        updated_at     = greatest(i.updated_at, excluded.updated_at),   -- distributed engines reject now() here
                        revision       = i.revision + 1
                    where i.user_id = excluded.user_id
                      and i.deleted_at is null
                      and (
                              i.refined_prompt is null and excluded.refined_prompt is not null
                           or i.intent is null and excluded.intent is not null
                           or not i.metadata ?& array(select jsonb_object_keys(excluded.metadata))   -- comparing the keys is cheap; comparing merged values is not
                          )
                      and exists (select from n where n.image_id = excluded.image_id and {{Preconditions.Hold}})
                returning {{ImageRow.Columns}}
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
                select case when i.revision = 1 then 'Created' else 'Updated' end as outcome, {{ImageRow.Columns}}
                from w as i
                union all
                select case
                           when i.user_id <> n.user_id then 'OwnedByAnother'
                           when not ({{Preconditions.Hold}}) then 'PreconditionFailed'
                           when i.deleted_at is not null then 'InTrash'
                           when i.refined_prompt is null and n.refined_prompt is not null
                             or i.intent is null and n.intent is not null
                             or not i.metadata ?& array(select jsonb_object_keys(n.metadata)) then 'Contended'
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
            ("ImageUrls", Column(sorted, image => image.ImageUrl)),
            ("RefinedPrompts", Column(sorted, image => image.RefinedPrompt)),
            ("Intents", Column(sorted, image => image.Intent)),
            ("Metadata", Column(sorted, image => image.Metadata)),
            ("IfMatch", Column(sorted, image => image.If.IfMatch)),
            ("IfNoneMatch", Column(sorted, image => image.If.IfNoneMatch)));
    }

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
    internal Task<IReadOnlyList<ImageWrite>> PurgeImagesAsync(IReadOnlyList<ImageKey> keys, long since)
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
            )
            select 'Updated', '{}'::text[], {{ImageRow.Columns}}
            from w as i
            union all
            select case when not ({{Preconditions.Hold}}) then 'PreconditionFailed' else 'Contended' end, '{}', {{ImageRow.Columns}}
            from {{NotWritten}}
            """;

        // A second run would not find what the first one deleted, and might delete an image that was saved again in between.
        return WriteAsync(sql, keys, since, isRepeatable: false);
    }

    private const string Asked = """
        n as
            (
                select n.image_id, n.user_id, n.if_match, n.if_none_match
                from unnest((select @ImageIds::uuid[]), (select @UserIds::text[]), (select @IfMatch::text[]), (select @IfNoneMatch::text[]))
                  as n (image_id, user_id, if_match, if_none_match)
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
            sql, keys, key => key.ImageId, since, isRepeatable && keys.All(key => key.If.IsEmpty), _ => ImageOutcome.NotFound,
            ("ImageIds", Column(sorted, key => key.ImageId)),
            ("UserIds", Column(sorted, key => key.Caller.UserId)),
            ("IfMatch", Column(sorted, key => key.If.IfMatch)),
            ("IfNoneMatch", Column(sorted, key => key.If.IfNoneMatch)));
    }

    /// <summary>
    /// Runs a write for requests of different ids, and returns an outcome per request, in their order. The parameters are sorted by id, so that two writes
    /// rarely deadlock. A plan may still lock rows in another order, and a deadlock is retried.
    /// </summary>
    /// <param name="isRepeatable">Not for a write with preconditions: the second run would meet the state that the first one made.</param>
    /// <param name="ifAbsent">The outcome of a request that the statement has no row for.</param>
    private async Task<IReadOnlyList<ImageWrite>> WriteAsync<TRequest>(
        string sql, IReadOnlyList<TRequest> requests, Func<TRequest, Guid> idOf, long since, bool isRepeatable,
        Func<TRequest, ImageOutcome> ifAbsent, params (string, object)[] parameters)
    {
        var writes = new Dictionary<Guid, ImageWrite>(requests.Count);
        foreach (var write in await _statements.ReadAsync(sql, ParserOf, isRepeatable, since, CancellationToken.None, parameters))
            writes[write.Image!.ImageId] = write.Outcome == ImageOutcome.OwnedByAnother ? write with { Image = null } : write;
        return [.. requests.Select(request => writes.GetValueOrDefault(idOf(request)) ?? new(ifAbsent(request), null, []))];

        static Func<DbDataReader, ImageWrite> ParserOf(DbDataReader reader)
        {
            var image = reader.GetRowParser<ImageRow>(startIndex: 2);
            return row => new(Enum.Parse<ImageOutcome>(row.GetString(0)), image(row), row.GetFieldValue<string[]>(1));
        }
    }
}
