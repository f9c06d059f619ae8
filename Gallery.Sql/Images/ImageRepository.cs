using System.Data.Common;
using System.Runtime.ExceptionServices;
using Dapper;
using Gallery.Sql.Coalescing;
using Gallery.Sql.Database;
using Gallery.Sql.Tags;
using Npgsql;

namespace Gallery.Sql.Images;

/// <summary>
/// The statements of images, <c>gallery.image</c>. Each write also adds its event to the history, <c>gallery.image_event</c>. Requests for single images
/// share statements, so the statements take arrays. Erasures and deletions by age are in <c>ErasureRepository</c>.
/// </summary>
/// <remarks>
/// If the database is unavailable, each method throws <see cref="NpgsqlException"/>, or <see cref="TimeoutException"/> after <see cref="GalleryDatabase.Patience"/>.
/// A write whose answer was lost with its connection runs again. So a save that did commit is reported as unchanged. Edits, purges and writes with preconditions
/// do not run again, because the second run would meet the state that the first one made.
/// </remarks>
public sealed partial class ImageRepository : IAsyncDisposable
{
    private readonly StatementRunner _statements;
    private readonly StatementRunner _lists;      // a standby may answer. Only a few run at once
    private readonly StatementRunner _searches;   // likewise, but a place is for all statements of a request
    private readonly StatementRunner _shared;     // one of the lists, but a standby may not have a grant yet
    private readonly ImageQuota _quota;
    private readonly Coalescer<(Guid, string?), ImageKey, ImageRow?> _find;
    private readonly Coalescer<Guid, NewImage, ImageWrite> _save;
    private readonly Coalescer<Guid, ImageEdit, ImageWrite> _update;
    private readonly Coalescer<Guid, ImageKey, ImageWrite> _softDelete;
    private readonly Coalescer<Guid, ImageKey, ImageWrite> _restore;
    private readonly Coalescer<Guid, ImageKey, ImageWrite> _purge;

    public ImageRepository(NpgsqlDataSource database, BatchOptions batches, ImageQuota? quota = null, Standbys? standbys = null)
    {
        _statements = new StatementRunner(database);
        _lists = new StatementRunner(database, standbys: standbys, places: _listing);
        _searches = new StatementRunner(database, standbys: standbys);
        _shared = new StatementRunner(database, places: _listing);
        _quota = quota ?? ImageQuota.None;
        // These do not know how large their rows are. 64 of the largest are 11 MB. To index the words of the longest prompts again takes 35 ms for each.
        var rows = batches with { MaximumCount = 64 };
        var indexed = batches with { MaximumCount = 16 };
        _find = new("find", key => (key.ImageId, key.Caller.UserId), (keys, since) => FindImagesAsync(keys, since), rows, sharesEqualKeys: true);
        _save = new("save", image => image.ImageId, (images, since) => SaveImagesAsync(images, since), batches, image => image.Bytes, IsContended);
        _update = new("update", edit => edit.Key.ImageId, EditImagesAsync, indexed, edit => edit.Bytes + edit.Key.If.Length, IsContended);
        _softDelete = new("soft_delete", key => key.ImageId, SoftDeleteImagesAsync, rows, key => key.If.Length, IsContended);
        _restore = new("restore", key => key.ImageId, RestoreImagesAsync, indexed, key => key.If.Length, IsContended);
        _purge = new("purge", key => key.ImageId, PurgeImagesAsync, rows, key => key.If.Length, IsContended);
    }

    /// <summary>An image, live or in the trash. Null if it is unknown, or another user's. A live image that its owner shares with the caller is there too.</summary>
    public Task<ImageRow?> FindImageAsync(ImageKey key, CancellationToken ct) => _find.RunAsync(key, ct);

    /// <summary>Inserts an image, or fills in what the stored one lacks. Stored values stay.</summary>
    /// <exception cref="PostgresException">23514 with a constraint's name: a value is out of the table's bounds.</exception>
    public async Task<ImageWrite> SaveImageAsync(NewImage image, CancellationToken ct)
    {
        while (true)
        {
            var write = await _save.RunAsync(image, ct);
            if (write.Image is not { IsPartial: true }) return write;
            try
            {
                if (await FindImageAsync(new(image.ImageId, Caller.User(image.UserId)), ct) is { } whole) return write with { Image = whole };
            }
            catch (CoalescerFullException e)
            {
                throw new TimeoutException("The save is done, but there was no time to read the image.", e);   // not as if nothing were done
            }

            // It was deleted, or given away, between the two statements. So it is saved as if the save came after that.
        }
    }

    /// <summary>Edits a live image.</summary>
    /// <param name="edit">Computes the new owner, prompt, intent, metadata and tags from the stored row. It runs again if another write comes in between.</param>
    /// <param name="bytes">The approximate size of what it writes: of the request's body, and <see cref="Tag.RowBytes"/> for each tag.</param>
    /// <exception cref="PostgresException">23514 with a constraint's name: a value is out of the table's bounds.</exception>
    public async Task<ImageWrite> UpdateImageAsync(ImageKey key, Func<ImageRow, ImageRow> edit, int bytes, CancellationToken ct)
    {
        ExceptionDispatchInfo? fault = null;   // thrown here, because others share the statement
        var write = await _update.RunAsync(new(key, Apply, bytes), ct);
        if (write.Outcome is ImageOutcome.Updated or ImageOutcome.Unchanged) fault?.Throw();
        return write;

        ImageRow Apply(ImageRow row)
        {
            fault = null;
            try
            {
                return edit(row);
            }
            catch (Exception e)
            {
                fault = ExceptionDispatchInfo.Capture(e);
                return row;
            }
        }
    }

    /// <summary>Moves a live image to the trash.</summary>
    public Task<ImageWrite> SoftDeleteImageAsync(ImageKey key, CancellationToken ct) => _softDelete.RunAsync(key, ct);

    /// <summary>Brings an image back from the trash, to its old place in the list.</summary>
    public Task<ImageWrite> RestoreImageAsync(ImageKey key, CancellationToken ct) => _restore.RunAsync(key, ct);

    /// <summary>Deletes an image permanently, live or in the trash.</summary>
    public Task<ImageWrite> PurgeImageAsync(ImageKey key, CancellationToken ct) => _purge.RunAsync(key, ct);

    public async ValueTask DisposeAsync()
    {
        await _save.DisposeAsync();
        await _update.DisposeAsync();
        await _softDelete.DisposeAsync();
        await _restore.DisposeAsync();
        await _purge.DisposeAsync();
        await _find.DisposeAsync();
        _listing.Dispose();
        _searching.Dispose();
    }

    /// <summary>The images with these keys, in their order. Null for one that is unknown, or another user's who does not share it.</summary>
    /// <param name="toEdit">Whether the callers want to edit. Somebody who may only see an image does not get it then.</param>
    internal async Task<IReadOnlyList<ImageRow?>> FindImagesAsync(IReadOnlyList<ImageKey> keys, long since, bool toEdit = false)
    {
        // The arrays are in selects, so that the planner does not count their items. It would plan each execution again.
        // language=PostgreSQL
        const string shared = $"""
            select n.place::int, {ImageRow.Columns}
            from unnest((select @ImageIds::uuid[]), (select @UserIds::text[])) with ordinality as n (image_id, user_id, place)
            join gallery.image as i on i.image_id = n.image_id
            where n.user_id is null
               or i.user_id = n.user_id
               or i.deleted_at is null and exists                         -- run for other users only
                  (
                      select
                      from gallery.image_grant as g
                      where g.image_id = n.image_id
                        and g.user_id = n.user_id
                        and g.owner_id = i.user_id
            """;

        const string ofViewer = $"{shared})";
        const string ofEditor = $"{shared} and g.role = 'edit')";

        var found = await _statements.ReadAsync<(int Place, ImageRow Image)>(
            toEdit ? ofEditor : ofViewer,
            reader =>
            {
                var image = reader.GetRowParser<ImageRow>(startIndex: 1);
                return row => (row.GetInt32(0), image(row));
            },
            isRepeatable: true, since, CancellationToken.None,
            ("ImageIds", Column(keys, key => key.ImageId)),
            ("UserIds", Column(keys, key => key.Caller.UserId)));
        var rows = new ImageRow?[keys.Count];
        foreach (var (place, image) in found) rows[place - 1] = image;
        return rows;
    }

    /// <summary>
    /// Runs a write for requests of different ids, and returns an outcome per request, in their order. The parameters are sorted by id, so that two writes
    /// rarely deadlock. A plan may still lock rows in another order, and a deadlock is retried.
    /// </summary>
    /// <param name="isRepeatable">Not for a write with preconditions: the second run would meet the state that the first one made.</param>
    /// <param name="ifAbsent">The outcome of a request that the statement has no row for.</param>
    /// <param name="first">A statement that runs before, in the same transaction. Null for none.</param>
    private async Task<IReadOnlyList<ImageWrite>> WriteAsync<TRequest>(
        string sql, IReadOnlyList<TRequest> requests, Func<TRequest, Guid> idOf, long since, bool isRepeatable,
        Func<TRequest, ImageOutcome> ifAbsent, string? first, params (string, object)[] parameters)
    {
        var writes = new Dictionary<Guid, ImageWrite>(requests.Count);
        foreach (var write in await _statements.ReadAfterAsync(first, sql, ParserOf, isRepeatable, since, CancellationToken.None, parameters))
            writes[write.Image!.ImageId] = write.Outcome is ImageOutcome.OwnedByAnother or ImageOutcome.Purged or ImageOutcome.OverQuota ? write with { Image = null } : write;
        return [.. requests.Select(request => writes.GetValueOrDefault(idOf(request)) ?? new(ifAbsent(request), null, []))];

        static Func<DbDataReader, ImageWrite> ParserOf(DbDataReader reader)
        {
            var image = reader.GetRowParser<ImageRow>(startIndex: 2);
            return row => new(Enum.Parse<ImageOutcome>(row.GetString(0)), image(row), row.GetFieldValue<string[]>(1));
        }
    }

    private static bool IsContended(ImageWrite write) => write.Outcome == ImageOutcome.Contended;

    private static TValue[] Column<TItem, TValue>(IReadOnlyList<TItem> items, Func<TItem, TValue> value)
    {
        var column = new TValue[items.Count];
        for (var i = 0; i < column.Length; i++) column[i] = value(items[i]);
        return column;
    }
}
