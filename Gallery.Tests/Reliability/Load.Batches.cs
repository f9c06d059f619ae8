using System.Text.Json.Nodes;

namespace Gallery.Tests.Reliability;

/// <remarks>Requests that write several images.</remarks>
internal sealed partial class Load
{
    private const int BatchSize = 8;
    private const int BatchesAtOnce = 4;   // a service lets two batches run and six wait, and two imports run and eight wait

    private static readonly Step[] BatchSteps = [Step.Save, Step.Save, Step.SoftDelete, Step.Restore, Step.Restore, Step.Purge, Step.Import, Step.Import];

    private readonly SemaphoreSlim _batches = new(BatchesAtOnce);

    /// <summary>
    /// Writes several images in one request, and again those that failed. Then reads them, because the answer does not show them. Returns false if no image is in
    /// the state for it.
    /// </summary>
    private async Task<bool> WriteBatchAsync(List<JournalEntry> images, Write write)
    {
        var left = images.Where(image => write.Step switch
        {
            Step.Save or Step.Import => image.Row?.DeletedAt is null,
            Step.SoftDelete => image.Row is { DeletedAt: null },
            _ => image.Row?.DeletedAt is not null,
        }).Take(BatchSize).ToList();
        if (left.Count == 0) return false;
        await _batches.WaitAsync();
        try
        {
            await WriteBatchUntilAnsweredAsync(images, left, write);
            return true;
        }
        finally
        {
            _batches.Release();
        }
    }

    private async Task WriteBatchUntilAnsweredAsync(List<JournalEntry> images, List<JournalEntry> left, Write write)
    {
        while (left.Count > 0 && !_stopping)
        {
            Interlocked.Decrement(ref _requestsLeft);   // for the second request
            var done = await SendBatchAsync(left, write);
            foreach (var image in left.Except(done)) image.Unanswered = write;
            var shown = done.Count == 0 ? [] : await ShowAsync(write, done);
            foreach (var image in done)
            {
                if (!shown.TryGetValue(image.ImageId, out var row))
                {
                    image.Unanswered = write;
                    continue;
                }

                left.Remove(image);
                if (image.Unanswered is not null || write.Step == Step.Purge) images.Remove(image);   // see Journal
                if ((row is null) != (write.Step == Step.Purge))
                {
                    Journal.Missing.Enqueue($"a batch of {write} was acknowledged, and then a read answered {row?.ToJsonString() ?? "nothing"}");
                    continue;
                }

                if (row is null) Journal.HoldPurged(image);
                else Journal.Hold(image, write, row);
                Interlocked.Increment(ref _acknowledged);
            }

            if (left.Count > 0) await Task.Delay(PauseAfterRefusal);
        }
    }

    /// <summary>The images for which the write was acknowledged.</summary>
    private async Task<List<JournalEntry>> SendBatchAsync(List<JournalEntry> images, Write write)
    {
        if (await SendAsync(() => write.SendAsync(_api, images), isRead: false, isTimed: write.Step != Step.Import) is not { } answer) return [];
        if (answer.Status != 200 || (write.Step == Step.Import && (long)answer.Image["failed"]! > 0))
        {
            Unexpected.Enqueue($"a batch of {write} answered {answer.Status} {answer.Text}");
            return [];
        }

        if (write.Step == Step.Import) return [.. images];
        var results = answer.Body["data"]!.AsArray();
        for (var i = 0; i < images.Count; i++)
            if ((string?)results[i]!["code"] == "image_not_found" && images[i] is { Row: not null, Unanswered: null }) Journal.Missing.Enqueue($"a batch of {write} answered {results[i]}, after {images[i].Row}");
        return [.. images.Where((_, i) => results[i]!["outcome"] is not null || (write.Step == Step.Purge && (string?)results[i]!["code"] == "image_not_found"))];
    }

    /// <summary>The images as they are after a batch, by id. Null for one that is not there. An image without an answer is absent.</summary>
    private async Task<Dictionary<Guid, JsonNode?>> ShowAsync(Write write, IReadOnlyList<JournalEntry> images)
    {
        var isTrashed = write.Step == Step.SoftDelete;
        var answer = await SendAsync(() => isTrashed ? Write.ListDeletedAsync(_api, images) : Write.FindAsync(_api, images), isRead: true);
        if (answer is { Status: not 200 }) Unexpected.Enqueue($"a read of several images answered {answer.Status} {answer.Text}");
        if (answer?.Status != 200) return [];
        var items = answer.Body["data"]!.AsArray();
        if (isTrashed) return images.ToDictionary(image => image.ImageId, image => items.FirstOrDefault(item => (Guid)item!["image_id"]! == image.ImageId));
        return images.Zip(items)
            .Where(pair => pair.Second!["image"] is not null || (string?)pair.Second["code"] is "image_not_found" or "image_deleted")
            .ToDictionary(pair => pair.First.ImageId, pair => pair.Second!["image"]);
    }

    /// <summary>
    /// Empties the user's trash, or erases the user, until it is complete. Returns false if the user is to be used no longer: a request without an answer may be
    /// executed later, and would purge what is saved until then.
    /// </summary>
    private async Task<bool> PurgeAllAsync(List<JournalEntry> images, string user, bool erases, int number)
    {
        var all = Journal.OfUser(user).Where(image => erases ? image.Row is not null : image.Row?.DeletedAt is not null).ToList();
        foreach (var image in all) image.Unanswered = new Write(Step.Purge, number);
        var (purged, isAnswered) = (0, true);
        for (var tries = 0; !_stopping; tries++)
        {
            if (tries > 0) Interlocked.Decrement(ref _requestsLeft);
            var answer = await SendAsync(
                () => erases ? _api.DeleteAsync($"/v1/gallery/users/{user}/?confirm={user}") : _api.PostAsync($"/v1/gallery/deleted/empty/?user_id={user}"), isRead: false);
            if (answer is null)
            {
                isAnswered = false;
                await Task.Delay(PauseAfterRefusal);
                continue;
            }

            if (answer.Status != 200)
            {
                Unexpected.Enqueue($"{(erases ? "an erasure" : "emptying a trash")} answered {answer.Status} {answer.Text}");
                return false;
            }

            purged += (int)answer.Image["purged"]!;
            if (!(bool)answer.Image["is_complete"]!) continue;
            if (isAnswered && purged != all.Count) Journal.Different.Enqueue($"{(erases ? "an erasure" : "emptying a trash")} purged {purged} images, and there were {all.Count}");
            Journal.HoldPurged(all);
            Interlocked.Increment(ref _acknowledged);
            images.RemoveAll(all.Contains);
            return isAnswered;
        }

        return false;
    }
}
