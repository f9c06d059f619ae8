using System.Diagnostics;
using System.Runtime.ExceptionServices;
using System.Text.Json.Nodes;
using Gallery.Service.Access;
using Gallery.Service.Erasure;
using Gallery.Service.Http;
using Gallery.Service.Images;
using Gallery.Service.Limits;
using Gallery.Sql.Images;

namespace Gallery.Service.Batches;

/// <summary>A method of the repository that runs a batch.</summary>
internal delegate Task<IReadOnlyList<BatchItem>> RunItems<T>(IReadOnlyList<T> requests, Func<IReadOnlyList<BatchItem>, bool>? commits, long since, CancellationToken ct);

/// <summary>Runs batches, a few at once, so that they hold little memory and single requests keep their speed.</summary>
internal sealed partial class BatchRun(RetentionOptions retention, LogLimit limit, ILogger<BatchRun> log) : IDisposable
{
    private const int AtOnce = 2;
    private const int Bodies = 8;     // of up to 8 MB: those that arrive, wait and run
    private const int Waiting = 16;   // batches that were read and wait to run

    private static readonly ProblemResult Full = new(413, "answer_full", "This image no longer fits into the answer. Ask for it in another batch.");

    private const int MaximumFailureText = 256 * 1024;   // characters; further failures have their code alone

    private readonly UserTurns _users = new();
    private readonly Turns _bodies = new(Bodies, Bodies);
    private readonly Turns _running = new(AtOnce, Waiting);

    /// <param name="field">The field that has the items.</param>
    /// <param name="errors">May have faults of the query already.</param>
    /// <param name="read">The image's id and the request of an item, or what is wrong with it. The id is null if the item has none.</param>
    /// <param name="outcomes">All that the route can have.</param>
    /// <param name="explain">An item's outcome, or why it failed.</param>
    /// <param name="findFault">What is wrong with all requests together, if they are to run in one transaction.</param>
    /// <param name="others">Reads the further fields of the body, which <paramref name="names"/> lists. Its faults go to <paramref name="errors"/>.</param>
    public async Task<IResult> RunAsync<T>(
        HttpContext http, string field, FieldErrors errors, Func<ReadOnlyMemory<byte>, (Guid? ImageId, T? Request, ProblemResult? Problem)> read, RunItems<T> run,
        string[] outcomes, Func<Guid, ImageWrite, (string? Outcome, ProblemResult? Problem)> explain, CancellationToken ct,
        Action<JsonFields>? others = null, Func<IReadOnlyList<T>, ProblemResult?>? findFault = null, params string[] names)
    {
        // All are held until the answer is collected. A large body is read only when it has a place. Small bodies need none, so a slow large one does not delay them.
        using var user = await _users.TakeAsync(http.Caller(), ct);
        var isLarge = BodyLimit.MayBeLarge(http.Request);
        using var place = isLarge ? await _bodies.TakeAsync(ct) : null;
        var (json, unreadable) = await JsonBody.ReadAsync(http.Request, hasPlace: isLarge, ct);
        if (unreadable is not null) return unreadable;
        var since = Stopwatch.GetTimestamp();
        using var turn = await _running.TakeAsync(ct);
        var (body, problem) = BatchBody.Read(json, field, errors, others, names);
        if (body is null) return problem!;

        var parsed = body.Items.Select(read).ToList();
        T[] requests = [.. parsed.Where(one => one.Problem is null).Select(one => one.Request!)];
        if ((body.IsAll || body.IsDryRun) && findFault?.Invoke(requests) is { } fault) return fault;
        var items = requests.Length == 0 ? [] : await run(requests, body.IsDryRun ? ImageRepository.DryRun : body.IsAll ? MayCommit : null, since, ct);
        var results = Explain(items);

        var refused = body.IsAll ? results.FirstOrDefault(result => result.Code is not null) : null;
        var faults = items.Where(item => item.Fault is not null && ProblemExceptionHandler.ToProblem(http, item.Fault).Status >= 500).ToList();
        if (faults.Count > 0 && (body.IsAll || faults.Count == results.Length)) ExceptionDispatchInfo.Throw(faults[0].Fault!);   // as a single request: 503, and a retry may succeed
        if (faults.Count > 0 && limit.MayWrite("batch", out var leftOut))
            LogFaults(http.Request.Path, faults.Count, faults[0].Fault!.GetBaseException().Message.ReplaceLineEndings(" "), http.TraceIdentifier, leftOut);
        if (refused is not null) return Refused(field, refused);

        var failed = results.Count(result => result.Code is not null);
        var counts = outcomes.ToDictionary(outcome => outcome, outcome => results.Count(result => result.Outcome == outcome));
        counts.Add("failed", failed);
        var some = $"{results.Length - failed} of {results.Length} items";
        var message = body.IsDryRun ? $"Dry run, nothing was written: {some} would succeed" : $"Batch done: {some} succeeded";
        await TypedResults.Ok(new BatchAnswer(true, results, counts, message)).ExecuteAsync(http);
        return TypedResults.Empty;

        bool MayCommit(IReadOnlyList<BatchItem> items) => Explain(items).All(result => result.Code is null);

        BatchResult[] Explain(IReadOnlyList<BatchItem> items)
        {
            var rest = items.GetEnumerator();
            var text = 0;
            return [.. parsed.Select((one, i) => Bound(one.Problem is { } fault ? Failed(i, one.ImageId, fault) : ExplainOne(i, one.ImageId!.Value, rest.MoveNext() ? rest.Current : default)))];

            BatchResult Bound(BatchResult result)
            {
                text += (result.Message?.Length ?? 0) + (result.Errors?.Sum(error => error.Key.Length + error.Value.Sum(message => message.Length)) ?? 0);
                return text > MaximumFailureText ? result with { Message = null, Errors = null } : result;
            }
        }

        BatchResult ExplainOne(int index, Guid imageId, BatchItem item)
        {
            if (item.Fault is { } fault) return Failed(index, imageId, ProblemExceptionHandler.ToProblem(http, fault));
            if (item.Write is not { } write) return Failed(index, imageId, Full);
            var (outcome, problem) = explain(imageId, write);
            return problem is not null
                ? Failed(index, imageId, problem)
                : new(index, imageId, outcome, Kept: write.Kept is [] ? null : write.Kept, Image: write.Image is null ? null! : Image.Of(write.Image, retention));
        }
    }

    /// <summary>The refusal of a batch that is to be done whole.</summary>
    public static ProblemResult Refused(string field, BatchResult item)
    {
        var inTheWay = new JsonObject { ["index"] = item.Index, ["image_id"] = item.ImageId, ["code"] = item.Code, ["message"] = item.Message };
        if (item.ImageId is null) inTheWay.Remove("image_id");
        if (item.Errors is { } errors)
            inTheWay["errors"] = new JsonObject(errors.Select(error => KeyValuePair.Create(error.Key, (JsonNode?)new JsonArray([.. error.Value.Select(text => JsonValue.Create(text))]))));
        return new(409, "batch_refused", $"{field}[{item.Index}] failed ({item.Code}), so nothing was done. Correct it, or send mode each.", Item: inTheWay);
    }

    public void Dispose()
    {
        _users.Dispose();
        _bodies.Dispose();
        _running.Dispose();
    }

    private static BatchResult Failed(int index, Guid? imageId, ProblemResult problem) =>
        new(index, imageId, Code: problem.Code, Message: problem.Message, Errors: problem.Errors);

    [LoggerMessage(LogLevel.Warning, "POST {Path} answered 200, and {Count} of its items failed: {Reason}, trace {TraceId}; {LeftOut} similar lines suppressed")]
    private partial void LogFaults(string path, int count, string reason, string traceId, int leftOut);
}
