using Gallery.Sql.Coalescing;
using Gallery.Sql.Database;
using Npgsql;

namespace Gallery.Sql.Images;

/// <summary>Every statement that touches <c>gallery.image</c>. Each takes arrays; one image is a batch of one.</summary>
/// <remarks>
/// Each method is one statement in one round trip, and is whole or not at all; of the lists each is a statement, with its own view of the
/// table. No order of the result is promised but a list's.
/// Not at hand, a database throws <see cref="NpgsqlException"/>, or <see cref="TimeoutException"/> after <see cref="GalleryDatabase.Patience"/>.
/// Saves lock their rows in the order of the ids; the other writers in the order they meet them, so two batches of several ids that
/// overlap may end in a deadlock, and are tried again. So is a statement whose connection was lost, all but a purge: a save that was
/// committed and not answered is told as one that was there already, a deletion or restore as one that had been made.
/// </remarks>
public sealed partial class ImageRepository
{
    private const string LockTimeoutInCompany = "20ms";   // more than another write's commit takes

    private readonly StatementRunner _statements;

    public ImageRepository(NpgsqlDataSource database)
        : this(new StatementRunner(database))
    {
    }

    private ImageRepository(StatementRunner statements) => _statements = statements;

    /// <summary>
    /// Runs every statement once, over nothing, on a connection that is new: they are prepared there then. A statement whose first
    /// execution fails while it is being prepared would else leave the connection out of step, and the next good one would throw
    /// though it is committed (npgsql/npgsql#6391).
    /// </summary>
    internal static async Task WarmAsync(NpgsqlConnection connection)
    {
        var images = new ImageRepository(new StatementRunner(connection));
        var ct = CancellationToken.None;
        await images.UpsertImagesAsync([], ct);
        await images.FindImagesAsync([], ct);
        await images.ListImagesAsync([new("", null, 0), new(null, null, 0)], ReadNothingAsync, ct);
        await images.ListDeletedImagesAsync([new("", null, 0), new(null, null, 0)], ReadNothingAsync, ct);
        await images.SoftDeleteImagesAsync([], ct);
        await images.RestoreImagesAsync([], ct);
        await images.PurgeImagesAsync([], ct);

        static Task<bool> ReadNothingAsync(ImageList list, ImageReader rows, CancellationToken ct) => Task.FromResult(true);
    }

    /// <summary>
    /// Inserts images, or merges them into the stored ones: what is given replaces, metadata merge key by key.
    /// Returns the rows that were written, <c>revision</c> 1 where inserted. Absent from the result is an image that had
    /// nothing new, is in the trash, or belongs to another user: <see cref="FindImagesAsync"/> tells which.
    /// </summary>
    /// <param name="images">No id twice: PostgreSQL refuses that (21000).</param>
    /// <exception cref="PostgresException">23514 with the constraint's name: a value is out of the table's bounds.</exception>
    public Task<IReadOnlyList<ImageRow>> UpsertImagesAsync(IReadOnlyList<NewImage> images, CancellationToken ct) =>
        UpsertImagesAsync(images, StatementTerms.Alone(), ct);

    /// <summary>The same, for callers of one image each: in company they wait no longer for a row's lock than others may be made to wait for it.</summary>
    /// <exception cref="PostgresException">55P03: a row's lock did not come free in time, and nothing was written.</exception>
    /// <exception cref="NotBegunException">Its turn came after the first of those it carries had given up.</exception>
    internal Task<IReadOnlyList<ImageRow>> UpsertImagesAsync(IReadOnlyList<NewImage> images, StatementTerms terms, CancellationToken ct)
    {
        // language=PostgreSQL
        const string sql = """
            insert into gallery.image as i
            (
                image_id,
                user_id,
                image_url,
                refined_prompt,
                intent,
                metadata,
                created_at,
                updated_at
            )
            select n.image_id,
                   n.user_id,
                   n.image_url,
                   n.refined_prompt,
                   n.intent,
                   coalesce(n.metadata::jsonb, '{}'),
                   now(),
                   now()
            from unnest
            (
                @ImageIds::uuid[],
                @UserIds::text[],
                @ImageUrls::text[],
                @RefinedPrompts::text[],
                @Intents::text[],
                @Metadata::text[]
            ) as n (image_id, user_id, image_url, refined_prompt, intent, metadata)
            cross join (select set_config('lock_timeout', coalesce(@LockTimeout, current_setting('lock_timeout')), true)) as s   -- of this statement alone
            order by n.image_id                          -- one lock order for all saves: no deadlocks among them
            on conflict (image_id) do update
                set image_url      = excluded.image_url,
                    refined_prompt = coalesce(excluded.refined_prompt, i.refined_prompt),
                    intent         = coalesce(excluded.intent, i.intent),
                    metadata       = i.metadata || excluded.metadata,
                    updated_at     = excluded.updated_at,   -- never now() here: distributed engines refuse it
                    revision       = i.revision + 1
                where i.user_id = excluded.user_id       -- an image never changes owner
                  and i.deleted_at is null               -- a retry never brings an image back from the trash
                  and (
                          excluded.image_url,
                          coalesce(excluded.refined_prompt, i.refined_prompt),
                          coalesce(excluded.intent, i.intent),
                          i.metadata || excluded.metadata
                      ) is distinct from (
                          i.image_url,
                          i.refined_prompt,
                          i.intent,
                          i.metadata
                      )                                  -- an identical retry writes nothing
            returning i.image_id,
                      i.user_id,
                      i.image_url,
                      i.refined_prompt,
                      i.intent,
                      i.metadata,
                      i.created_at,
                      i.updated_at,
                      i.deleted_at,
                      i.revision
            """;

        return QueryAsync(
            sql,
            new
            {
                ImageIds = Column(images, image => image.ImageId),
                UserIds = Column(images, image => image.UserId),
                ImageUrls = Column(images, image => image.ImageUrl),
                RefinedPrompts = Column(images, image => image.RefinedPrompt),
                Intents = Column(images, image => image.Intent),
                Metadata = Column(images, image => image.Metadata),
                LockTimeout = LockTimeout(terms),
            },
            ct,
            since: terms.Since);
    }

    /// <summary>The images with these keys, live or in the trash; unknown ones, and those of other users, are absent from the result.</summary>
    public Task<IReadOnlyList<ImageRow>> FindImagesAsync(IReadOnlyList<ImageKey> keys, CancellationToken ct)
    {
        // language=PostgreSQL
        const string sql = """
            select i.image_id,
                   i.user_id,
                   i.image_url,
                   i.refined_prompt,
                   i.intent,
                   i.metadata,
                   i.created_at,
                   i.updated_at,
                   i.deleted_at,
                   i.revision
            from unnest
            (
                (select @ImageIds::uuid[]),   -- in a select of its own, so that the planner does not count the ids:
                (select @UserIds::text[])     -- it would plan anew at each execution, which costs more than to find an image
            ) as n (image_id, user_id)
            join gallery.image as i on i.image_id = n.image_id
            where n.user_id is null
               or i.user_id = n.user_id
            """;

        return QueryAsync(sql, new { ImageIds = Column(keys, key => key.ImageId), UserIds = Column(keys, key => key.UserId) }, ct);
    }

    /// <summary>Moves live images to the trash. Ids already there, unknown, or another user's, are absent from the result.</summary>
    public Task<IReadOnlyList<ImageRow>> SoftDeleteImagesAsync(IReadOnlyList<ImageKey> keys, CancellationToken ct) =>
        SoftDeleteImagesAsync(keys, StatementTerms.Alone(), ct);

    /// <inheritdoc cref="UpsertImagesAsync(IReadOnlyList{NewImage}, StatementTerms, CancellationToken)"/>
    internal Task<IReadOnlyList<ImageRow>> SoftDeleteImagesAsync(IReadOnlyList<ImageKey> keys, StatementTerms terms, CancellationToken ct)
    {
        // language=PostgreSQL
        const string sql = """
            update gallery.image as i
            set deleted_at = now(),
                updated_at = now(),
                revision   = i.revision + 1
            from unnest
            (
                (select @ImageIds::uuid[]),   -- in a select of its own, as in a find
                (select @UserIds::text[])
            ) as n (image_id, user_id)
            cross join (select set_config('lock_timeout', coalesce(@LockTimeout, current_setting('lock_timeout')), true)) as s   -- of this statement alone
            where i.image_id = n.image_id
              and (n.user_id is null or i.user_id = n.user_id)
              and i.deleted_at is null          -- the first deletion's time stands
            returning i.image_id,
                      i.user_id,
                      i.image_url,
                      i.refined_prompt,
                      i.intent,
                      i.metadata,
                      i.created_at,
                      i.updated_at,
                      i.deleted_at,
                      i.revision
            """;

        return WriteAsync(sql, keys, terms, ct);
    }

    /// <summary>Brings images back from the trash, at their old place in the list. Ids already live, unknown, or another user's, are absent from the result.</summary>
    public Task<IReadOnlyList<ImageRow>> RestoreImagesAsync(IReadOnlyList<ImageKey> keys, CancellationToken ct) =>
        RestoreImagesAsync(keys, StatementTerms.Alone(), ct);

    /// <inheritdoc cref="UpsertImagesAsync(IReadOnlyList{NewImage}, StatementTerms, CancellationToken)"/>
    internal Task<IReadOnlyList<ImageRow>> RestoreImagesAsync(IReadOnlyList<ImageKey> keys, StatementTerms terms, CancellationToken ct)
    {
        // language=PostgreSQL
        const string sql = """
            update gallery.image as i
            set deleted_at = null,
                updated_at = now(),
                revision   = i.revision + 1
            from unnest
            (
                (select @ImageIds::uuid[]),   -- in a select of its own, as in a find
                (select @UserIds::text[])
            ) as n (image_id, user_id)
            cross join (select set_config('lock_timeout', coalesce(@LockTimeout, current_setting('lock_timeout')), true)) as s   -- of this statement alone
            where i.image_id = n.image_id
              and (n.user_id is null or i.user_id = n.user_id)
              and i.deleted_at is not null      -- restoring a live image changes nothing
            returning i.image_id,
                      i.user_id,
                      i.image_url,
                      i.refined_prompt,
                      i.intent,
                      i.metadata,
                      i.created_at,
                      i.updated_at,
                      i.deleted_at,
                      i.revision
            """;

        return WriteAsync(sql, keys, terms, ct);
    }

    /// <summary>Deletes images for good, live or in the trash; returns them as they were. Ids unknown, or another user's, are absent from the result.</summary>
    public Task<IReadOnlyList<ImageRow>> PurgeImagesAsync(IReadOnlyList<ImageKey> keys, CancellationToken ct) =>
        PurgeImagesAsync(keys, StatementTerms.Alone(), ct);

    /// <inheritdoc cref="UpsertImagesAsync(IReadOnlyList{NewImage}, StatementTerms, CancellationToken)"/>
    internal Task<IReadOnlyList<ImageRow>> PurgeImagesAsync(IReadOnlyList<ImageKey> keys, StatementTerms terms, CancellationToken ct)
    {
        // language=PostgreSQL
        const string sql = """
            delete from gallery.image as i
            using unnest
            (
                (select @ImageIds::uuid[]),   -- in a select of its own, as in a find
                (select @UserIds::text[])
            ) as n (image_id, user_id)
            cross join (select set_config('lock_timeout', coalesce(@LockTimeout, current_setting('lock_timeout')), true)) as s   -- of this statement alone
            where i.image_id = n.image_id
              and (n.user_id is null or i.user_id = n.user_id)
            returning i.image_id,
                      i.user_id,
                      i.image_url,
                      i.refined_prompt,
                      i.intent,
                      i.metadata,
                      i.created_at,
                      i.updated_at,
                      i.deleted_at,
                      i.revision
            """;

        // Run again after its answer was lost, it would find nothing of what it deleted itself, and might delete what was saved anew in between.
        return WriteAsync(sql, keys, terms, ct, isRepeatable: false);
    }

    private Task<IReadOnlyList<ImageRow>> WriteAsync(
        string sql, IReadOnlyList<ImageKey> keys, StatementTerms terms, CancellationToken ct, bool isRepeatable = true) =>
        QueryAsync(
            sql,
            new { ImageIds = Column(keys, key => key.ImageId), UserIds = Column(keys, key => key.UserId), LockTimeout = LockTimeout(terms) },
            ct,
            isRepeatable,
            terms.Since);

    private Task<IReadOnlyList<ImageRow>> QueryAsync(string sql, object parameters, CancellationToken ct, bool isRepeatable = true, long? since = null) =>
        _statements.QueryAsync(sql, parameters, isRepeatable, ImageRow.ReadAllAsync, ct, since);

    private static string? LockTimeout(StatementTerms terms) => terms.InCompany ? LockTimeoutInCompany : null;

    private static TValue[] Column<TItem, TValue>(IReadOnlyList<TItem> items, Func<TItem, TValue> value)
    {
        var column = new TValue[items.Count];
        for (var i = 0; i < column.Length; i++) column[i] = value(items[i]);
        return column;
    }
}
