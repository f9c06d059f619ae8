using System.Collections.Concurrent;
using System.Diagnostics;
using Gallery.Sql.Images;
using Gallery.Tests.Service;

namespace Gallery.Tests.Reliability;

/// <summary>
/// Clients that send eight kinds of requests, batches, imports, and purges of all images of a user, without a pause, and journal the answers. Each client has its
/// own users and images.
/// </summary>
internal sealed partial class Load : IAsyncDisposable
{
    /// <summary>How many clients there are by default.</summary>
    public const int Writers = 16;

    private const int MaxImagesPerWriter = 1000;
    private const int BatchEvery = 12;   // requests
    private const int PurgeAllEvery = 100;

    private static readonly TimeSpan PauseAfterRefusal = TimeSpan.FromMilliseconds(50);   // shorter than Retry-After, to measure the recovery
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly Api _api;
    private readonly Stopwatch _watch = Stopwatch.StartNew();
    private readonly string _name = $"load-{Guid.NewGuid():N}";
    private readonly int _longPromptEvery;
    private readonly int _pageSize;
    private readonly Task _writers;
    private long _requestsLeft;
    private volatile bool _stopping;
    private volatile Awaited? _awaited;
    private long _answered, _acknowledged, _readsAnswered, _unavailable, _readsUnavailable, _broken, _slowestTicks;

    /// <param name="requests">The load ends after this number; null: when it is stopped.</param>
    /// <param name="pageSize">The <c>limit</c> of the lists.</param>
    /// <param name="longPromptEvery">One in this number of images has the longest prompt allowed; 0: none.</param>
    public Load(Uri service, int writers = Writers, long? requests = null, int pageSize = 20, int longPromptEvery = 0)
    {
        _api = new Api(service);
        (_requestsLeft, _pageSize, _longPromptEvery) = (requests ?? long.MaxValue, pageSize, longPromptEvery);
        _writers = Task.WhenAll(Enumerable.Range(0, writers).Select(number => Task.Run(() => WriteAsync(number))));
    }

    public Journal Journal { get; } = new();

    /// <summary>Answers that are neither the expected ones nor 503 or 504.</summary>
    public ConcurrentQueue<string> Unexpected { get; } = [];

    public LoadCounts Counts => new(
        Interlocked.Read(ref _answered), Interlocked.Read(ref _acknowledged), Interlocked.Read(ref _readsAnswered),
        Interlocked.Read(ref _unavailable), Interlocked.Read(ref _readsUnavailable), Interlocked.Read(ref _broken),
        TimeSpan.FromTicks(Interlocked.Read(ref _slowestTicks)), _watch.Elapsed);

    /// <summary>The time until a write that is sent from now on is acknowledged.</summary>
    public async Task<TimeSpan> NextAcknowledgementAsync()
    {
        var awaited = new Awaited(_watch.Elapsed);
        _awaited = awaited;
        return await awaited.Task.WaitAsync(Patience) - awaited.Since;
    }

    public Task WhenDone() => _writers;

    /// <summary>Waits for each client's last answer.</summary>
    public async Task StopAsync()
    {
        _stopping = true;
        await _writers;
        _watch.Stop();
        _batches.Dispose();
        _api.Dispose();
    }

    public async ValueTask DisposeAsync() => await StopAsync();

    private async Task WriteAsync(int writer)
    {
        var random = new Random(writer);
        var images = new List<JournalEntry>();
        var (users, user) = (1, $"{_name}-{writer}");
        for (var number = 1; !_stopping && Interlocked.Decrement(ref _requestsLeft) >= 0; number++)
        {
            if (images.Count == 0 || images.Count < MaxImagesPerWriter && random.Next(4) == 0)
                images.Add(Journal.Open(user, isLong: _longPromptEvery > 0 && number % _longPromptEvery == 0));
            if (random.Next(BatchEvery) == 0 && await WriteBatchAsync(images, new Write(BatchSteps[random.Next(BatchSteps.Length)], number))) continue;
            if (random.Next(PurgeAllEvery) == 0)
            {
                if (await PurgeAllAsync(images, user, erases: random.Next(3) == 0, number)) continue;
                images.Clear();   // see Journal
                user = $"{_name}-{writer}-{users++}";
                continue;
            }

            var image = images[random.Next(images.Count)];
            var step = Choose(image.Row, random.Next(100));
            if (step >= Step.Find) await ReadAsync(image, step);
            else if (!await WriteUntilAnsweredAsync(image, new Write(step, number), images)) images.Remove(image);   // see Journal
        }
    }

    private static Step Choose(ImageRow? row, int dice) => (row, dice) switch
    {
        (_, >= 90) => Step.ListDeleted,
        (_, >= 80) => Step.List,
        (_, >= 65) => Step.Find,
        (null, _) => Step.Save,
        ({ DeletedAt: null }, >= 50) => Step.Save,
        ({ DeletedAt: null }, >= 35) => Step.Update,
        ({ DeletedAt: null }, >= 12) => Step.SoftDelete,
        ({ DeletedAt: null }, >= 6) => Step.Restore,
        (_, >= 24) => Step.Restore,
        (_, >= 12) => Step.Save,
        (_, >= 6) => Step.SoftDelete,
        _ => Step.Purge,
    };

    /// <summary>Returns false if the image is to be used no longer: the first try had no answer, or it was purged. Reads other images of the writer between the tries.</summary>
    private async Task<bool> WriteUntilAnsweredAsync(JournalEntry image, Write write, List<JournalEntry> images)
    {
        while (!_stopping)
        {
            var began = _watch.Elapsed;
            if (await SendAsync(() => write.SendAsync(_api, image.ImageId, image.UserId, image.IsLong), isRead: false) is { } answer)
            {
                var first = image.Unanswered is null;
                if (answer.Status is 200 or 201 || answer.Status == 404 && write.Step != Step.Save)
                {
                    Journal.Hold(image, write, answer);
                    if (answer.Status < 300) Interlocked.Increment(ref _acknowledged);
                    if (answer.Status < 300 && _awaited is { } awaited && began >= awaited.Since) awaited.TrySetResult(_watch.Elapsed);
                }
                else
                {
                    Unexpected.Enqueue($"{write} answered {answer.Status} {answer.Text}");
                }

                return first && write.Step != Step.Purge;   // a purged image cannot be saved again
            }

            image.Unanswered = write;
            await Task.Delay(PauseAfterRefusal);
            if (images[0] != image) await ReadAsync(images[0], Step.Find);
        }

        return false;
    }

    private async Task ReadAsync(JournalEntry image, Step step)
    {
        var path = step switch
        {
            Step.Find => $"/v1/gallery/{image.ImageId}/",
            Step.List => $"/v1/gallery/?user_id={image.UserId}&limit={_pageSize}",
            _ => $"/v1/gallery/deleted/?user_id={image.UserId}&limit={_pageSize}",
        };
        if (await SendAsync(() => _api.GetAsync(path), isRead: true) is not { } answer)
        {
            await Task.Delay(PauseAfterRefusal);
            return;
        }

        if (answer.Status != 200 && !(answer.Status == 404 && step == Step.Find)) Unexpected.Enqueue($"{step} answered {answer.Status} {answer.Text}");
        else if (step == Step.Find) Journal.Check(image, answer);
        Interlocked.Increment(ref _readsAnswered);
    }

    /// <summary>Returns null if there is no answer, or if the answer does not show whether the request was executed.</summary>
    /// <param name="isTimed">Not for imports, which may take any time.</param>
    private async Task<Answer?> SendAsync(Func<Task<Answer>> send, bool isRead, bool isTimed = true)
    {
        var began = _watch.Elapsed;
        Answer answer;
        try
        {
            answer = await send();
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            Interlocked.Increment(ref _broken);
            return null;
        }

        Interlocked.Increment(ref _answered);
        var took = isTimed ? (_watch.Elapsed - began).Ticks : 0;
        for (var slowest = Interlocked.Read(ref _slowestTicks); took > slowest; slowest = Interlocked.Read(ref _slowestTicks))
            Interlocked.CompareExchange(ref _slowestTicks, took, slowest);
        if (answer.Status is not (503 or 504)) return answer;

        if (answer.Headers.RetryAfter is null) Unexpected.Enqueue($"{answer.Status} without Retry-After");
        Interlocked.Increment(ref _unavailable);
        if (isRead) Interlocked.Increment(ref _readsUnavailable);
        return null;
    }

    private sealed class Awaited(TimeSpan since) : TaskCompletionSource<TimeSpan>(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        public TimeSpan Since => since;
    }
}

/// <summary>The counts of a load.</summary>
/// <param name="Acknowledged">Writes answered 2xx.</param>
/// <param name="Unavailable">Answers 503 and 504, to reads and writes.</param>
/// <param name="Broken">Connections that ended without an answer or could not be opened.</param>
/// <param name="Slowest">The slowest answer, measured from before the request was sent.</param>
internal sealed record LoadCounts(long Answered, long Acknowledged, long Reads, long Unavailable, long ReadsUnavailable, long Broken, TimeSpan Slowest, TimeSpan Elapsed);
