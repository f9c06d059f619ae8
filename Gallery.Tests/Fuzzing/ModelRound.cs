using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using Gallery.Tests.Service;

namespace Gallery.Tests.Fuzzing;

/// <summary>One action of one of the two users: on a contested image, or on the user's list.</summary>
/// <param name="Image">The number of the image; for a list, the page size minus one.</param>
internal sealed record ModelAction(int Image, int User, ImageOperation Operation);

/// <summary>Two new users with contested images, and with quiet images that nobody changes, so that every walk must return them.</summary>
internal sealed class ModelRound(Api api, int images)
{
    private const int Quiet = 3;   // per user: live images, and as many in the trash

    private readonly Guid[] _contested = [.. Enumerable.Range(0, images).Select(_ => Guid.NewGuid())];
    private readonly string[] _users = [$"a-{Guid.NewGuid()}", $"b-{Guid.NewGuid()}"];
    private readonly ConcurrentDictionary<(int User, bool Trash), HashSet<Guid>> _quiet = [];
    private readonly ConcurrentDictionary<Guid, ConcurrentBag<Step>> _histories = [];
    private readonly ConcurrentQueue<string> _faults = [];

    /// <summary>The number of answers compared.</summary>
    public int Steps => _histories.Values.Sum(steps => steps.Count);

    public async Task<string?> FindFaultAsync(ModelAction[][] connections)
    {
        foreach (var (user, trash) in new[] { (0, false), (0, true), (1, false), (1, true) })
            _quiet[(user, trash)] = [.. await Task.WhenAll(Enumerable.Range(0, Quiet).Select(_ => PrepareAsync(user, trash)))];

        await Task.WhenAll(connections.Select(async actions =>
        {
            foreach (var action in actions) await DoAsync(action);
        }));
        await CompareAtRestAsync();

        foreach (var (image, steps) in _histories)
            if (!History.IsExplained([.. steps]))
                _faults.Enqueue($"No order of these explains the answers about {image}:\n{string.Join('\n', steps.OrderBy(step => step.Called).Select(step => step.ToString()))}");
        return _faults.TryDequeue(out var fault) ? fault : null;
    }

    private async Task<Guid> PrepareAsync(int user, bool trash)
    {
        var id = Guid.NewGuid();
        await DoAsync(id, user, new ImageOperation.Save("", "jpg", null, null, null));
        if (trash) await DoAsync(id, user, new ImageOperation.Delete());
        return id;
    }

    private async Task DoAsync(ModelAction action)
    {
        if (action.Operation is ImageOperation.Batch batch) await DoAsync(action.User, batch);
        else if (action.Operation is ImageOperation.Listed(var trash)) await WalkAsync(action.User, trash, action.Image + 1);
        else await DoAsync(_contested[action.Image], action.User, action.Operation);
    }

    private async Task<Step> DoAsync(Guid id, int user, ImageOperation operation)
    {
        operation = Complete(operation, id, user);
        var called = Stopwatch.GetTimestamp();
        var answer = await AskAsync(() => operation switch
        {
            ImageOperation.Save save => api.SaveAsync(id, save.UserId, save.RefinedPrompt, save.Intent, Json(save.Metadata), save.ImageUrl, save.Tags),
            ImageOperation.AddTag(var tag) => api.PutAsync($"/v1/gallery/{id}/tags/{tag}/"),
            ImageOperation.RemoveTag(var tag) => api.DeleteAsync($"/v1/gallery/{id}/tags/{tag}/"),
            ImageOperation.Edit edit => api.PatchAsync($"/v1/gallery/{id}/", $$"""{"refined_prompt":{{JsonSerializer.Serialize(edit.RefinedPrompt)}},"metadata":{"{{edit.Key}}":{{edit.Value ?? "null"}} } }"""),
            ImageOperation.Find => api.GetAsync($"/v1/gallery/{id}/"),
            ImageOperation.Delete => api.DeleteAsync($"/v1/gallery/{id}/"),
            ImageOperation.Restore => api.PostAsync($"/v1/gallery/{id}/restore/"),
            ImageOperation.Purge => api.DeleteAsync($"/v1/gallery/{id}/permanent/"),
            _ => throw new ArgumentOutOfRangeException(nameof(operation)),
        });
        var step = Step.Of(operation, called, Stopwatch.GetTimestamp(), answer);
        Keep(id, step);
        return step;
    }

    /// <summary>Each item is compared like the answer to a single request. A batch that is refused shows one item.</summary>
    private async Task DoAsync(int user, ImageOperation.Batch batch)
    {
        var operations = _contested.ToDictionary(id => id, id => Complete(batch.Each, id, user));
        var mode = batch.IsAll ? "all" : "each";
        JsonObject body = batch.Each is ImageOperation.Save
            ? new() { ["items"] = new JsonArray([.. operations.Values.Cast<ImageOperation.Save>().Select(Item)]), ["mode"] = mode }
            : new() { ["image_ids"] = JsonSerializer.SerializeToNode(_contested), ["mode"] = mode };
        if (batch.Each is ImageOperation.AddTag(var added)) body["add"] = new JsonArray(added);
        if (batch.Each is ImageOperation.RemoveTag(var removed)) body["remove"] = new JsonArray(removed);
        var route = batch.Each switch
        {
            ImageOperation.Save => "save",
            ImageOperation.AddTag or ImageOperation.RemoveTag => "tags",
            ImageOperation.Find => "find",
            ImageOperation.Delete => "delete",
            ImageOperation.Restore => "restore",
            ImageOperation.Purge => "permanent",
            _ => throw new ArgumentOutOfRangeException(nameof(batch)),
        };
        var called = Stopwatch.GetTimestamp();
        var answer = await AskAsync(() => api.PostAsync($"/v1/gallery/batch/{route}/", body.ToJsonString()));
        var answered = Stopwatch.GetTimestamp();
        var root = JsonDocument.Parse(answer.Text).RootElement;
        if (answer.Status != 200 && (answer.Status != 409 || !batch.IsAll)) _faults.Enqueue($"A batch was answered {answer.Status} {answer.Text}");
        else
            foreach (var item in answer.Status == 200 ? [.. root.GetProperty("data").EnumerateArray()] : new[] { root.GetProperty("item") })
                Keep(item.GetProperty("image_id").GetGuid(), Step.Of(operations[item.GetProperty("image_id").GetGuid()], called, answered, item));
    }

    private ImageOperation Complete(ImageOperation operation, Guid id, int user) => operation is ImageOperation.Save given
        ? given with { UserId = _users[user], ImageUrl = $"https://res.cloudinary.com/demo/image/upload/{id}.{given.ImageUrl}" }
        : operation;

    private static JsonObject Item(ImageOperation.Save save) => new()
    {
        ["user_id"] = save.UserId,
        ["image_url"] = save.ImageUrl,
        ["tags"] = JsonSerializer.SerializeToNode(save.Tags),
        ["refined_prompt"] = save.RefinedPrompt,
        ["intent"] = save.Intent,
        ["metadata"] = Json(save.Metadata) is { } metadata ? JsonNode.Parse(metadata) : null,
    };

    /// <summary>Reads all pages. Each row is compared like the answer to a find of that image.</summary>
    private async Task<List<Guid>> WalkAsync(int user, bool trash, int limit)
    {
        List<Guid> walked = [];
        for (string? cursor = ""; cursor is not null;)
        {
            var called = Stopwatch.GetTimestamp();
            var page = await AskAsync(() => api.GetAsync($"/v1/gallery/{(trash ? "deleted/" : "")}?user_id={_users[user]}&limit={limit}{(cursor.Length > 0 ? $"&cursor={cursor}" : "")}"));
            var answered = Stopwatch.GetTimestamp();
            if (page.Status != 200)
            {
                _faults.Enqueue($"A page was answered {page.Status} {page.Text}");
                return walked;
            }

            foreach (var row in JsonDocument.Parse(page.Text).RootElement.GetProperty("data").EnumerateArray())
            {
                var image = ModelImage.Read(row);
                if (image.UserId != _users[user]) _faults.Enqueue($"A list of {_users[user]} holds {row}");
                walked.Add(row.GetProperty("image_id").GetGuid());
                Keep(walked[^1], new Step(new ImageOperation.Listed(trash), called, answered, 200, null, image, null));
            }

            cursor = page.NextCursor;
        }

        if (walked.Distinct().Count() != walked.Count) _faults.Enqueue($"A walk met an image twice: {string.Join(", ", walked)}");
        if (!_quiet[(user, trash)].IsSubsetOf(walked)) _faults.Enqueue($"A walk missed one of {string.Join(", ", _quiet[(user, trash)])}, there throughout: {string.Join(", ", walked)}");
        if (_quiet[(user, !trash)].Overlaps(walked)) _faults.Enqueue($"A walk met one of {string.Join(", ", _quiet[(user, !trash)])}, never there: {string.Join(", ", walked)}");
        return walked;
    }

    /// <summary>After all operations, the lists and the trash contain exactly the existing images.</summary>
    private async Task CompareAtRestAsync()
    {
        var found = await Task.WhenAll(_contested.Select(id => DoAsync(id, 0, new ImageOperation.Find())));
        foreach (var trash in new[] { false, true })
        {
            var listed = (await Task.WhenAll(WalkAsync(0, trash, 2), WalkAsync(1, trash, 2))).SelectMany(ids => ids).Where(_contested.Contains).Order();
            var expected = _contested.Where((_, i) => trash ? found[i].Code == "image_deleted" : found[i].Status == 200).Order();
            if (!listed.SequenceEqual(expected)) _faults.Enqueue($"{(trash ? "The trash" : "The lists")} of both hold {string.Join(", ", listed)}, not {string.Join(", ", expected)}");
        }
    }

    /// <summary>Asks again while the service is too busy to begin, as any caller does.</summary>
    private static async Task<Answer> AskAsync(Func<Task<Answer>> ask)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        while (true)
        {
            var answer = await ask();
            if (answer.Status != 503 || (string?)answer.Body["code"] != "overloaded") return answer;
            patience.Token.ThrowIfCancellationRequested();
        }
    }

    private void Keep(Guid id, Step step) => _histories.GetOrAdd(id, _ => []).Add(step);

    private static string? Json(IReadOnlyDictionary<string, string>? metadata) =>
        metadata is null ? null : $"{{{string.Join(',', metadata.Select(member => $"\"{member.Key}\":{member.Value}"))}}}";
}
