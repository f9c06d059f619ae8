using System.Text.Json;
using Gallery.Tests.Service;

namespace Gallery.Tests.Fuzzing;

/// <summary>An operation on one image.</summary>
internal abstract record ImageOperation
{
    /// <param name="Metadata">Names and values, as JSON in the form that PostgreSQL prints; null if not sent.</param>
    /// <param name="Tags">Labels in ASCII.</param>
    public sealed record Save(string UserId, string ImageUrl, string? RefinedPrompt, string? Intent, IReadOnlyDictionary<string, string>? Metadata, params string[] Tags) : ImageOperation;

    /// <param name="Value">The new value of one metadata key; null removes it.</param>
    public sealed record Edit(string? RefinedPrompt, string Key, string? Value) : ImageOperation;

    public sealed record AddTag(string Tag) : ImageOperation;

    public sealed record RemoveTag(string Tag) : ImageOperation;

    public sealed record Find : ImageOperation;

    public sealed record Delete : ImageOperation;

    public sealed record Restore : ImageOperation;

    public sealed record Purge : ImageOperation;

    /// <summary>One of the others, on all contested images in one request.</summary>
    public sealed record Batch(ImageOperation Each, bool IsAll) : ImageOperation;

    /// <summary>The image was a row of a list: of the live images, or of the trash.</summary>
    public sealed record Listed(bool Trash) : ImageOperation;
}

/// <summary>An image in the dictionary.</summary>
/// <param name="Metadata">One text, sorted by name.</param>
/// <param name="Tags">One text, in their order.</param>
/// <remarks>A time that no answer has shown is an empty text.</remarks>
internal sealed record ModelImage(
    string UserId, string ImageUrl, string? RefinedPrompt, string? Intent, string Metadata, string Tags, string CreatedAt, string UpdatedAt, string? DeletedAt, long Revision)
{
    /// <summary>An image that was purged.</summary>
    public static readonly ModelImage Purged = new("", "", null, null, "", "", "", "", null, 0);

    public static ModelImage Read(JsonElement image) => new(
        image.GetProperty("user_id").GetString()!,
        image.GetProperty("image_url").GetString()!,
        image.GetProperty("refined_prompt").GetString(),
        image.GetProperty("intent").GetString(),
        Print(image.GetProperty("metadata").EnumerateObject().ToDictionary(member => member.Name, member => member.Value.GetRawText())),
        string.Join('\n', image.GetProperty("tags").EnumerateArray().Select(tag => tag.GetString())),
        image.GetProperty("created_at").GetString()!,
        image.GetProperty("updated_at").GetString()!,
        image.GetProperty("deleted_at").GetString(),
        image.GetProperty("revision").GetInt64());

    public static string Print(IEnumerable<KeyValuePair<string, string>> metadata) =>
        string.Join('\n', metadata.OrderBy(member => member.Key, StringComparer.Ordinal).Select(member => $"{member.Key}\t{member.Value}"));

    public ModelImage Patch(ImageOperation.Edit edit)
    {
        var metadata = Members();
        if (edit.Value is null) metadata.Remove(edit.Key);
        else metadata[edit.Key] = edit.Value;
        return this with { RefinedPrompt = edit.RefinedPrompt, Metadata = Print(metadata) };
    }

    public ModelImage Merge(ImageOperation.Save save)
    {
        var metadata = Members();
        foreach (var (name, value) in save.Metadata ?? new Dictionary<string, string>()) metadata.TryAdd(name, value);
        return (this with { RefinedPrompt = RefinedPrompt ?? save.RefinedPrompt, Intent = Intent ?? save.Intent, Metadata = Print(metadata) }).Add(save.Tags);
    }

    public ModelImage Add(params string[] tags) => this with { Tags = string.Join('\n', Labels().Concat(tags).DistinctBy(tag => tag.ToLowerInvariant())) };

    public ModelImage Remove(string tag) => this with { Tags = string.Join('\n', Labels().Where(label => !label.Equals(tag, StringComparison.OrdinalIgnoreCase))) };

    private string[] Labels() => Tags.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    private Dictionary<string, string> Members() =>
        Metadata.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split('\t')).ToDictionary(pair => pair[0], pair => pair[1]);
}

/// <summary>The answer to an operation, and the two moments between which it ran.</summary>
/// <param name="Image">The image in a successful answer. Null if a batch does not show it.</param>
/// <param name="Outcome">What a batch says that was done.</param>
internal sealed record Step(ImageOperation Operation, long Called, long Answered, int Status, string? Code, ModelImage? Image, string? ETag, string? Outcome = null)
{
    /// <summary>The answer to one item of a batch, as a single request would have it.</summary>
    public static Step Of(ImageOperation operation, long called, long answered, JsonElement item)
    {
        var (outcome, code) = (Find("outcome")?.GetString(), Find("code")?.GetString());
        var status = (outcome, code) switch
        {
            ("created", _) => 201,
            (not null, _) => 200,
            (_, "image_owned_by_another_user") => 409,
            (_, "image_purged") => 410,
            _ => 404,
        };
        return new Step(operation, called, answered, status, code, Find("image") is { } image ? ModelImage.Read(image) : null, null, outcome);

        JsonElement? Find(string name) => item.TryGetProperty(name, out var value) ? value : null;
    }

    public static Step Of(ImageOperation operation, long called, long answered, Answer answer)
    {
        var body = JsonDocument.Parse(answer.Text).RootElement;
        return answer.Status < 300
            ? new Step(operation, called, answered, answer.Status, null, ModelImage.Read(body.GetProperty("data")), answer.ETag)
            : new Step(operation, called, answered, answer.Status, body.GetProperty("code").GetString(), null, null);
    }

    /// <summary>Whether the image in the dictionary allows this answer, and what the image is afterwards.</summary>
    public bool Fits(ModelImage? before, out ModelImage? after)
    {
        after = before;
        if (ETag is not null && !ETag.StartsWith($"\"{Image!.Revision}-", StringComparison.Ordinal)) return false;
        switch (Operation)
        {
            case ImageOperation.Save save when before is null:
                after = new ModelImage(
                    save.UserId, save.ImageUrl, save.RefinedPrompt, save.Intent, ModelImage.Print(save.Metadata ?? new Dictionary<string, string>()), ModelImage.Purged.Add(save.Tags).Tags, Image?.CreatedAt ?? "", Image?.CreatedAt ?? "", null, 1);
                return Status == 201 && Shows(ref after, "created");

            case ImageOperation.Save when before == ModelImage.Purged:
                return (Status, Code) == (410, "image_purged");

            case var _ when before == ModelImage.Purged:
                return (Status, Code) == (404, "image_not_found");

            case ImageOperation.Save save when save.UserId != before.UserId:
                return (Status, Code) == (409, "image_owned_by_another_user");

            case ImageOperation.Save when before.DeletedAt is not null:
                return Status == 200 && Shows(ref after, "in_trash");

            case ImageOperation.Save save:
                var merged = before.Merge(save);
                after = merged == before ? before : Changed(merged);
                return Status == 200 && Shows(ref after, merged == before ? "unchanged" : "updated");

            case ImageOperation.Find:
                return before switch
                {
                    null => (Status, Code) == (404, "image_not_found"),
                    { DeletedAt: not null } => (Status, Code) == (404, "image_deleted"),
                    _ => Status == 200 && Shows(ref after, "found"),
                };

            case ImageOperation.Listed(var trash):
                return Shows(ref after, "") && after!.DeletedAt is not null == trash;

            case var _ when before is null:
                return (Status, Code) == (404, "image_not_found");

            case ImageOperation.Edit or ImageOperation.AddTag or ImageOperation.RemoveTag when before.DeletedAt is not null:
                return (Status, Code) == (404, "image_deleted");

            case ImageOperation.Edit edit:
                var patched = before.Patch(edit);
                after = patched == before ? before : Changed(patched);
                return Status == 200 && Shows(ref after, "");

            case ImageOperation.AddTag or ImageOperation.RemoveTag:
                var tagged = Operation is ImageOperation.AddTag(var added) ? before.Add(added) : before.Remove(((ImageOperation.RemoveTag)Operation).Tag);
                after = tagged == before ? before : Changed(tagged);
                return Status == 200 && Shows(ref after, tagged == before ? "unchanged" : "updated");

            case ImageOperation.Delete:
                after = before.DeletedAt is null ? Changed(before) with { DeletedAt = Image?.UpdatedAt ?? "" } : before;
                return Status == 200 && Shows(ref after, before.DeletedAt is null ? "deleted" : "unchanged");

            case ImageOperation.Restore:
                after = before.DeletedAt is null ? before : Changed(before) with { DeletedAt = null };
                return Status == 200 && Shows(ref after, before.DeletedAt is null ? "unchanged" : "restored");

            default:
                var purged = before;   // the answer shows the image as it was
                after = ModelImage.Purged;
                return Status == 200 && Shows(ref purged, "purged");
        }
    }

    /// <summary>Whether the answer shows this image, or does not show any. Takes the times from it that are not known yet.</summary>
    private bool Shows(ref ModelImage? image, string outcome)
    {
        if (image is null || (Outcome ?? outcome) != outcome) return false;
        if (Image is null) return true;
        image = image with
        {
            CreatedAt = image.CreatedAt == "" ? Image.CreatedAt : image.CreatedAt,
            UpdatedAt = image.UpdatedAt == "" ? Image.UpdatedAt : image.UpdatedAt,
            DeletedAt = image.DeletedAt == "" ? Image.DeletedAt : image.DeletedAt,
        };
        return Image == image;
    }

    /// <summary>Takes the time of the change from the answer, because the server sets it.</summary>
    private ModelImage Changed(ModelImage image) => image with { Revision = image.Revision + 1, UpdatedAt = Image?.UpdatedAt ?? "" };
}

/// <summary>All operations of all users on one image.</summary>
internal static class History
{
    /// <summary>
    /// Whether the answers are possible if the operations ran one after another, each at a moment between its call and its answer
    /// (linearizability: Herlihy and Wing, 1990; with the search of Wing and Gong).
    /// </summary>
    public static bool IsExplained(IReadOnlyList<Step> steps) => IsExplained([.. steps.OrderBy(step => step.Called)], new bool[steps.Count], null, []);

    private static bool IsExplained(Step[] steps, bool[] done, ModelImage? image, HashSet<(string Done, ModelImage? Image)> seen)
    {
        var next = new List<(int Index, ModelImage? After)>();
        var firstAnswer = long.MaxValue;
        for (var i = 0; i < steps.Length; i++)
            if (!done[i]) firstAnswer = Math.Min(firstAnswer, steps[i].Answered);
        if (firstAnswer == long.MaxValue) return true;

        for (var i = 0; i < steps.Length && steps[i].Called <= firstAnswer; i++)
        {
            if (done[i] || !steps[i].Fits(image, out var after)) continue;
            if (after == image)
            {
                next = [(i, after)];   // it changed nothing, so it can come first
                break;
            }

            next.Add((i, after));
        }

        if (!seen.Add((string.Concat(done.Select(one => one ? '1' : '0')), image))) return false;
        foreach (var (index, after) in next)
        {
            done[index] = true;
            if (IsExplained(steps, done, after, seen)) return true;
            done[index] = false;
        }

        return false;
    }
}
