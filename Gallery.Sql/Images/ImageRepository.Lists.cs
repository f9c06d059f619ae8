using System.Collections.Concurrent;
using Npgsql;
using NpgsqlTypes;

namespace Gallery.Sql.Images;

/// <summary>The lists: by keyset, never by offset, so that a page costs the same wherever it stands.</summary>
public sealed partial class ImageRepository
{
    private static readonly ConcurrentDictionary<object, string> Positional = new(ReferenceEqualityComparer.Instance);

    /// <summary>
    /// Pages of live images, in the order they are asked for: each a statement of its own, all of them in one round trip. A page's images stand
    /// newest first (<c>created_at</c>, then <c>image_id</c>, both falling).
    /// </summary>
    /// <param name="read">Reads a page's rows; begins anew where the pages are read twice. What it gives is the answer.</param>
    public Task<IReadOnlyList<T>> ListImagesAsync<T>(
        IReadOnlyList<ImageList> lists, Func<ImageList, ImageReader, CancellationToken, Task<T>> read, CancellationToken ct)
    {
        // The seek is one row comparison against coalesced values: "@At is null or …" would filter the whole index.
        // And the limit is twice: of one that it is not told in figures the planner expects a tenth of the user's images, so costs that make
        // it plan each execution anew, for longer than the page takes.
        // language=PostgreSQL
        const string ofOneUser = """
            select p.image_id,
                   p.user_id,
                   p.image_url,
                   p.refined_prompt,
                   p.intent,
                   p.metadata,
                   p.created_at,
                   p.updated_at,
                   p.deleted_at,
                   p.revision
            from
            (
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
                from gallery.image as i
                where i.user_id = @UserId
                  and i.deleted_at is null
                  and (i.created_at, i.image_id)
                    < (coalesce(@At::timestamptz, 'infinity'), coalesce(@ImageId::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
                order by i.created_at desc,
                         i.image_id desc
                limit 201
            ) as p
            order by p.created_at desc,
                     p.image_id desc
            limit @Limit
            """;

        // language=PostgreSQL
        const string ofEveryone = """
            select p.image_id,
                   p.user_id,
                   p.image_url,
                   p.refined_prompt,
                   p.intent,
                   p.metadata,
                   p.created_at,
                   p.updated_at,
                   p.deleted_at,
                   p.revision
            from
            (
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
                from gallery.image as i
                where i.deleted_at is null
                  and (i.created_at, i.image_id)
                    < (coalesce(@At::timestamptz, 'infinity'), coalesce(@ImageId::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
                order by i.created_at desc,
                         i.image_id desc
                limit 201
            ) as p
            order by p.created_at desc,
                     p.image_id desc
            limit @Limit
            """;

        return ListAsync(lists, ofOneUser, ofEveryone, read, ct);
    }

    /// <summary>Pages of the trash, likewise: latest deletion first (<c>deleted_at</c>, then <c>image_id</c>, both falling).</summary>
    /// <inheritdoc cref="ListImagesAsync" path="/param"/>
    public Task<IReadOnlyList<T>> ListDeletedImagesAsync<T>(
        IReadOnlyList<ImageList> lists, Func<ImageList, ImageReader, CancellationToken, Task<T>> read, CancellationToken ct)
    {
        // language=PostgreSQL
        const string ofOneUser = """
            select p.image_id,
                   p.user_id,
                   p.image_url,
                   p.refined_prompt,
                   p.intent,
                   p.metadata,
                   p.created_at,
                   p.updated_at,
                   p.deleted_at,
                   p.revision
            from
            (
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
                from gallery.image as i
                where i.user_id = @UserId
                  and i.deleted_at is not null
                  and (i.deleted_at, i.image_id)
                    < (coalesce(@At::timestamptz, 'infinity'), coalesce(@ImageId::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
                order by i.deleted_at desc,
                         i.image_id desc
                limit 201
            ) as p
            order by p.deleted_at desc,
                     p.image_id desc
            limit @Limit
            """;

        // language=PostgreSQL
        const string ofEveryone = """
            select p.image_id,
                   p.user_id,
                   p.image_url,
                   p.refined_prompt,
                   p.intent,
                   p.metadata,
                   p.created_at,
                   p.updated_at,
                   p.deleted_at,
                   p.revision
            from
            (
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
                from gallery.image as i
                where i.deleted_at is not null
                  and (i.deleted_at, i.image_id)
                    < (coalesce(@At::timestamptz, 'infinity'), coalesce(@ImageId::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
                order by i.deleted_at desc,
                         i.image_id desc
                limit 201
            ) as p
            order by p.deleted_at desc,
                     p.image_id desc
            limit @Limit
            """;

        return ListAsync(lists, ofOneUser, ofEveryone, read, ct);
    }

    private Task<IReadOnlyList<T>> ListAsync<T>(
        IReadOnlyList<ImageList> lists, string ofOneUser, string ofEveryone, Func<ImageList, ImageReader, CancellationToken, Task<T>> read, CancellationToken ct) =>
        lists.Count == 0 ? Task.FromResult<IReadOnlyList<T>>([]) : _statements.RunAsync<IReadOnlyList<T>>(isRepeatable: true, async (connection, token) =>
        {
            await using var batch = new NpgsqlBatch(connection);
            foreach (var list in lists) batch.BatchCommands.Add(list.UserId is null ? Command(ofEveryone, list) : CommandOfOneUser(ofOneUser, list));
            await using var reader = await batch.ExecuteReaderAsync(token);
            var rows = new ImageReader(reader);
            var pages = new List<T>(lists.Count);
            foreach (var list in lists)
            {
                pages.Add(await read(list, rows, token));
                await reader.NextResultAsync(token);
            }

            return pages;
        }, ct);

    private static NpgsqlBatchCommand CommandOfOneUser(string sql, ImageList list)
    {
        var command = Command(sql, list);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = list.UserId });
        return command;
    }

    // In the order of ByPosition's numbers. Lists of everyone have no @UserId, so it is the last.
    private static NpgsqlBatchCommand Command(string sql, ImageList list) => new(ByPosition(sql))
    {
        Parameters =
        {
            new NpgsqlParameter { NpgsqlDbType = NpgsqlDbType.TimestampTz, Value = (object?)list.After?.At ?? DBNull.Value },
            new NpgsqlParameter { NpgsqlDbType = NpgsqlDbType.Uuid, Value = (object?)list.After?.ImageId ?? DBNull.Value },
            new NpgsqlParameter<int> { TypedValue = list.Limit },
        },
    };

    /// <summary>As the server takes it. Npgsql would look through the whole text for the names, for each list again.</summary>
    private static string ByPosition(string sql) => Positional.GetOrAdd(
        sql, static named => ((string)named).Replace("@At", "$1").Replace("@ImageId", "$2").Replace("@Limit", "$3").Replace("@UserId", "$4"));
}
