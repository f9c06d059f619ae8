using System.Collections.Concurrent;
using System.Diagnostics;
using Gallery.Sql.Coalescing;
using Gallery.Sql.Database;
using Npgsql;

namespace Gallery.Sql.Images;

/// <remarks>
/// A batch runs the statements of single requests, with many rows in each. A request that fails its statement runs alone, so that it fails alone. Equal requests
/// run once. Of different requests for one id, each runs after the one before.
/// </remarks>
public sealed partial class ImageRepository
{
    /// <summary>Maximum size of the images that a batch returns. Further ones have no <see cref="BatchItem.Write"/>.</summary>
    public const int MaximumBatchAnswerBytes = 8 * 1024 * 1024;

    /// <summary>Maximum characters of the fields that a batch names as kept. Further items name <c>metadata</c> in place of its keys.</summary>
    public const int MaximumKeptCharacters = 256 * 1024;

    /// <summary>No statement of a batch starts later. The last one may take <see cref="GalleryDatabase.Patience"/>.</summary>
    public static readonly TimeSpan BatchTime = TimeSpan.FromSeconds(2);

    /// <summary>Pass it as <c>commits</c> to roll everything back. Independent statements are rolled back one by one. Saves check the quota without its lock, so they delay no other save.</summary>
    public static readonly Func<IReadOnlyList<BatchItem>, bool> DryRun = _ => false;

    private const int MaximumChunkBytes = 1024 * 1024;
    private const int MaximumChunkCount = 500;     // more would hold their locks longer, and take no less time for each
    private const int SavedRowBytes = 200;         // beside the long fields
    private const int KeyBytes = 10 * 1024;        // of the row that it returns, so that a statement has about 100 keys
    private const int IndexedRowBytes = MaximumChunkBytes / 16;   // its words may be indexed again, so that a statement has 16 keys, as one of single requests
    private const int ChunksAtOnce = 2;
    private const int AloneAtOnce = 16;

    private static readonly TimeSpan RaceDelay = TimeSpan.FromMilliseconds(20);   // after another transaction inserted the same key

    /// <summary>Saves images. Returns an item per image, in their order.</summary>
    /// <param name="commits">
    /// Null: each image is saved for itself. Otherwise all run in one transaction. This function gets the items, and says whether to commit. It may be called twice.
    /// </param>
    /// <param name="since">When the batch began to wait, by <see cref="Stopwatch.GetTimestamp"/>.</param>
    /// <param name="ct">Starts no further statement. Items that no statement has run have <see cref="NotStartedException"/>.</param>
    public Task<IReadOnlyList<BatchItem>> SaveBatchAsync(IReadOnlyList<NewImage> images, Func<IReadOnlyList<BatchItem>, bool>? commits, long since, CancellationToken ct) =>
        RunBatchAsync(images, image => image.ImageId, image => image.Bytes + SavedRowBytes, (some, start) => SaveImagesAsync(some, start, longest: 0, locksUsers: commits != DryRun), _save.RunAsync, commits, since, ct, dependOnEarlier: true);

    /// <summary>Finds images, live or in the trash. The outcome is <see cref="ImageOutcome.Unchanged"/>.</summary>
    /// <inheritdoc cref="SaveBatchAsync" path="/param"/>
    public Task<IReadOnlyList<BatchItem>> FindBatchAsync(IReadOnlyList<ImageKey> keys, Func<IReadOnlyList<BatchItem>, bool>? commits, long since, CancellationToken ct)
    {
        return RunBatchAsync(
            keys, key => key.ImageId, _ => KeyBytes, async (some, start) => [.. (await FindImagesAsync(some, start)).Select(Found)],
            async (key, token) => Found(await FindImageAsync(key, token)), commits, since, ct, keepsImages: true);

        static ImageWrite Found(ImageRow? row) => row is null ? ImageWrite.NotFound : new(ImageOutcome.Unchanged, row, []);
    }

    /// <summary>Edits live images, all in the same way.</summary>
    /// <inheritdoc cref="UpdateImageAsync" path="/param[@name='edit']"/>
    /// <param name="bytes">The approximate size of what it writes to each image.</param>
    /// <inheritdoc cref="SaveBatchAsync" path="/param"/>
    public Task<IReadOnlyList<BatchItem>> UpdateBatchAsync(
        IReadOnlyList<ImageKey> keys, Func<ImageRow, ImageRow> edit, int bytes, Func<IReadOnlyList<BatchItem>, bool>? commits, long since, CancellationToken ct) =>
        RunBatchAsync(
            keys, key => key.ImageId, _ => IndexedRowBytes + bytes, (some, start) => EditImagesAsync([.. some.Select(key => new ImageEdit(key, edit, bytes))], start),
            (key, token) => UpdateImageAsync(key, edit, bytes, token), commits, since, ct);

    /// <summary>Moves live images to the trash.</summary>
    /// <inheritdoc cref="SaveBatchAsync" path="/param"/>
    public Task<IReadOnlyList<BatchItem>> SoftDeleteBatchAsync(IReadOnlyList<ImageKey> keys, Func<IReadOnlyList<BatchItem>, bool>? commits, long since, CancellationToken ct) =>
        RunBatchAsync(keys, key => key.ImageId, _ => KeyBytes, SoftDeleteImagesAsync, SoftDeleteImageAsync, commits, since, ct);

    /// <summary>Brings images back from the trash.</summary>
    /// <inheritdoc cref="SaveBatchAsync" path="/param"/>
    public Task<IReadOnlyList<BatchItem>> RestoreBatchAsync(IReadOnlyList<ImageKey> keys, Func<IReadOnlyList<BatchItem>, bool>? commits, long since, CancellationToken ct) =>
        RunBatchAsync(keys, key => key.ImageId, _ => IndexedRowBytes, RestoreImagesAsync, RestoreImageAsync, commits, since, ct);

    /// <summary>Deletes images permanently. In one transaction, deletions are reported after its commit.</summary>
    /// <inheritdoc cref="SaveBatchAsync" path="/param"/>
    public async Task<IReadOnlyList<BatchItem>> PurgeBatchAsync(
        IReadOnlyList<ImageKey> keys, Func<IReadOnlyList<BatchItem>, bool>? commits, long since, CancellationToken ct)
    {
        HashSet<Guid> purged = [];   // if the transaction commits
        if (commits is null) return await RunAsync(keys, null);
        var checkedItems = await RunAsync(keys, DryRun);   // a batch that is refused again and again keeps nobody from the images' links
        if (commits == DryRun || !commits(checkedItems)) return checkedItems;
        return await RunAsync([.. keys.Select(key => key with { Report = null })], items =>
        {
            purged = [.. keys.Where((_, i) => items[i].Write?.Outcome == ImageOutcome.Updated).Select(key => key.ImageId)];
            return commits(items);
        });

        Task<IReadOnlyList<BatchItem>> RunAsync(IReadOnlyList<ImageKey> some, Func<IReadOnlyList<BatchItem>, bool>? decide) =>
            RunBatchAsync(some, key => key.ImageId, _ => KeyBytes, decide == DryRun ? CheckPurgeAsync : PurgeImagesAsync, PurgeImageAsync, decide, since, ct, committed: Report);

        void Report(bool isCertain)
        {
            foreach (var key in keys.DistinctBy(key => key.ImageId).Where(key => purged.Contains(key.ImageId))) key.Report?.Invoke(isCertain);
        }
    }

    private async Task<IReadOnlyList<BatchItem>> RunBatchAsync<T>(
        IReadOnlyList<T> requests, Func<T, Guid> idOf, Func<T, int> bytesOf, Func<IReadOnlyList<T>, long, Task<IReadOnlyList<ImageWrite>>> run,
        Func<T, CancellationToken, Task<ImageWrite>> runAlone, Func<IReadOnlyList<BatchItem>, bool>? commits, long since, CancellationToken ct, bool keepsImages = false,
        bool dependOnEarlier = false, Action<bool>? committed = null)
        where T : notnull
    {
        var aloneAtOnce = AloneAtOnce;
        if (commits == DryRun && !dependOnEarlier)
        {
            // Each statement is undone at once. In one transaction, the locks would keep others from these rows for seconds.
            var write = run;
            run = (some, start) => _statements.TransactAsync(async () => (await write(some, start), false), GalleryDatabase.Patience);
            runAlone = async (request, _) => (await run([request], Stopwatch.GetTimestamp()))[0];
            (commits, aloneAtOnce) = (null, 1);   // each has a connection for itself
        }

        var copies = requests.CountBy(request => request).ToDictionary();
        if (commits is null) return await RunAllAsync();
        return await _statements.TransactAsync(async () =>
        {
            var items = await RunAllAsync();
            return (items, commits(items));
        }, BatchTime + GalleryDatabase.Patience, committed);

        async Task<IReadOnlyList<BatchItem>> RunAllAsync()
        {
            var items = new ConcurrentDictionary<T, BatchItem>();
            var (answerBytes, keptCharacters) = (0L, 0L);
            // One chunk at a time in a transaction (one connection), in a find (its answer is measured in order), and with a quota (one user's saves wait for each other).
            var chunksAtOnce = commits is null && !keepsImages && _quota.Lock is null ? ChunksAtOnce : 1;
            foreach (var round in Split(requests.Distinct(), idOf, bytesOf))
            {
                await Parallel.ForEachAsync(round, new ParallelOptions { MaxDegreeOfParallelism = chunksAtOnce }, async (chunk, _) =>
                {
                    if (answerBytes > MaximumBatchAnswerBytes)
                    {
                        foreach (var request in chunk) items[request] = default;   // nothing more fits
                        return;
                    }

                    await RunChunkAsync(chunk, items);
                    foreach (var request in chunk)
                    {
                        if (items[request].Write is not { Image: { } image } write) continue;
                        answerBytes += keepsImages ? (long)image.AnswerBytes * copies[request] : 0;
                        items[request] = answerBytes > MaximumBatchAnswerBytes ? default : new(keepsImages ? write : write with { Image = null, Kept = Bound(write.Kept, copies[request]) }, null);
                    }
                });
            }

            return [.. requests.Select(request => items[request])];

            IReadOnlyList<string> Bound(IReadOnlyList<string> kept, int times) =>
                Interlocked.Add(ref keptCharacters, (long)times * kept.Sum(field => field.Length)) <= MaximumKeptCharacters ? kept : [.. kept.Select(field => field.Split('.')[0]).Distinct()];
        }

        async Task RunChunkAsync(IReadOnlyList<T> chunk, ConcurrentDictionary<T, BatchItem> items)
        {
            try
            {
                if (IsOver()) throw new NotStartedException();
                var writes = await run(chunk, Stopwatch.GetTimestamp());
                for (var i = 0; i < chunk.Count; i++)
                    if (!IsContended(writes[i])) items[chunk[i]] = new(writes[i], null);
            }
            catch (Exception e) when (IsFaultOfItem(e))
            {
                if (chunk.Count == 1 || !IsWorthRunningAlone(e))
                    foreach (var request in chunk) items[request] = new(null, e);
            }

            var rest = chunk.Where(request => !items.ContainsKey(request));
            await Parallel.ForEachAsync(rest, new ParallelOptions { MaxDegreeOfParallelism = commits is null ? aloneAtOnce : 1 }, async (request, _) => items[request] = await TryAloneAsync(request));
        }

        async Task<BatchItem> TryAloneAsync(T request)
        {
            try
            {
                while (!IsOver())
                {
                    try
                    {
                        var write = commits is null ? await runAlone(request, ct) : (await run([request], Stopwatch.GetTimestamp()))[0];   // a transaction has its own connection
                        if (!IsContended(write)) return new(write, null);
                    }
                    catch (PostgresException e) when (TransientFault.IsUniqueViolation(e))
                    {
                        await Task.Delay(RaceDelay, CancellationToken.None);
                    }
                }

                return new(null, new NotStartedException());
            }
            catch (Exception e) when (IsFaultOfItem(e))
            {
                return new(null, e);
            }
        }

        // A transaction survives only the failures that its savepoints undo. Of these a deadlock would happen again, as long as it keeps its locks.
        bool IsFaultOfItem(Exception e) => commits is null || BatchOptions.IsFaultOfOne(e);

        static bool IsWorthRunningAlone(Exception e) => e is PostgresException fault && (BatchOptions.IsFaultOfOne(fault) || fault.SqlState is ['4', '0', ..]);

        bool IsOver() => ct.IsCancellationRequested || Stopwatch.GetElapsedTime(since) >= BatchTime;
    }

    /// <summary>
    /// The requests of each statement, in rounds. Sorted by id, so that transactions lock rows in the same order. The requests of one id are in different rounds,
    /// in their order.
    /// </summary>
    private static IEnumerable<List<List<T>>> Split<T>(IEnumerable<T> requests, Func<T, Guid> idOf, Func<T, int> bytesOf)
    {
        var rounds = requests.GroupBy(idOf).SelectMany(same => same.Index()).GroupBy(one => one.Index, one => one.Item);
        foreach (var round in rounds.OrderBy(round => round.Key))
        {
            var (chunks, bytes) = (new List<List<T>> { new() }, 0);
            foreach (var request in round.OrderBy(idOf))
            {
                if (chunks[^1].Count == MaximumChunkCount || (chunks[^1].Count > 0 && bytes + bytesOf(request) > MaximumChunkBytes))
                {
                    chunks.Add([]);
                    bytes = 0;
                }

                chunks[^1].Add(request);
                bytes += bytesOf(request);
            }

            yield return chunks;
        }
    }
}
