using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Gallery.Sql.Images;
using Gallery.Tests.Service;

namespace Gallery.Tests.Reliability;

/// <summary>A kind of request. <see cref="Find"/> and the two after it are reads.</summary>
internal enum Step
{
    Save,
    Update,
    SoftDelete,
    Restore,
    Purge,
    Import,
    Find,
    List,
    ListDeleted,
}

/// <summary>A write and its effect on an image. It is safe to repeat at once, because the second time changes nothing.</summary>
/// <param name="Number">Different in each save. It sets the prompt, the intent and the value of one metadata key.</param>
internal sealed record Write(Step Step, int Number)
{
    private const int Keys = 64;

    // Makes the prompt nearly 16,384 characters long, and the escaped body 196 KB.
    private static readonly string LongTail = string.Concat(Enumerable.Repeat("🌅", 16_360));

    public Task<Answer> SendAsync(Api api, Guid imageId, string userId, bool isLong) => Step switch
    {
        Step.Save => api.SaveAsync(imageId, userId, Prompt(isLong), "generate", $$"""{"{{Key}}": {{Number}}}"""),
        Step.Update => api.PatchAsync($"/v1/gallery/{imageId}/", $$"""{"intent": "{{Intent}}"}"""),
        Step.SoftDelete => api.DeleteAsync($"/v1/gallery/{imageId}/"),
        Step.Restore => api.PostAsync($"/v1/gallery/{imageId}/restore/"),
        Step.Purge => api.DeleteAsync($"/v1/gallery/{imageId}/permanent/"),
        _ => throw new InvalidOperationException($"{Step} is not a write."),
    };

    /// <summary>The same write of several images, in one request.</summary>
    public Task<Answer> SendAsync(Api api, IReadOnlyList<JournalEntry> images) => Step switch
    {
        Step.Save => api.PostAsync("/v1/gallery/batch/save/", new JsonObject { ["items"] = new JsonArray([.. images.Select(Item)]) }.ToJsonString()),
        Step.SoftDelete => SendAsync(api, "delete", images),
        Step.Restore => SendAsync(api, "restore", images),
        Step.Purge => SendAsync(api, "permanent", images),
        Step.Import => api.SendAsync(HttpMethod.Post, "/v1/gallery/import/", new StringContent(string.Join('\n', images.Select(Line)), Encoding.UTF8, "application/x-ndjson")),
        _ => throw new InvalidOperationException($"{Step} is not sent in a batch."),
    };

    public static Task<Answer> FindAsync(Api api, IReadOnlyList<JournalEntry> images) => SendAsync(api, "find", images);

    /// <summary>Those of one user's images that are in the trash.</summary>
    public static Task<Answer> ListDeletedAsync(Api api, IReadOnlyList<JournalEntry> images) =>
        api.GetAsync($"/v1/gallery/deleted/?user_id={images[0].UserId}&ids={string.Join(',', images.Select(image => image.ImageId))}");

    /// <summary>The row after the write, or <paramref name="row"/> itself if nothing changes. The server sets the times.</summary>
    public ImageRow? ApplyTo(ImageRow? row, Guid imageId, string userId, bool isLong) => (Step, row) switch
    {
        (Step.Save, null) => new ImageRow(imageId, userId, Api.UrlOf(imageId), Prompt(isLong), "generate", Merge("{}"), default, default, null, 1),
        (Step.Import, null) => new ImageRow(imageId, userId, Api.UrlOf(imageId), Prompt(isLong), Intent, Merge("{}"), default, default, null, 1),
        (Step.Import, { DeletedAt: null }) => row with { RefinedPrompt = Prompt(isLong), Intent = Intent, Metadata = Merge("{}"), Revision = row.Revision + 1 },
        (Step.Save, { DeletedAt: null }) when Merge(row.Metadata) is var merged && merged != row.Metadata => row with { Metadata = merged, Revision = row.Revision + 1 },
        (Step.Update, { DeletedAt: null }) when row.Intent != Intent => row with { Intent = Intent, Revision = row.Revision + 1 },
        (Step.SoftDelete, { DeletedAt: null }) => row with { DeletedAt = DateTime.MaxValue, Revision = row.Revision + 1 },
        (Step.Restore, { DeletedAt: not null }) => row with { DeletedAt = null, Revision = row.Revision + 1 },
        (Step.Purge, _) => null,
        _ => row,
    };

    /// <summary>The image in an answer, with its metadata keys sorted.</summary>
    public static ImageRow Read(JsonNode image) => new(
        (Guid)image["image_id"]!,
        (string)image["user_id"]!,
        (string)image["image_url"]!,
        (string?)image["refined_prompt"],
        (string?)image["intent"],
        InOrder(image["metadata"]!.ToJsonString()),
        (DateTime)image["created_at"]!,
        (DateTime)image["updated_at"]!,
        (DateTime?)image["deleted_at"],
        (long)image["revision"]!);

    public static string InOrder(string metadata) => JsonSerializer.Serialize(JsonSerializer.Deserialize<SortedDictionary<string, int>>(metadata));

    private static Task<Answer> SendAsync(Api api, string route, IReadOnlyList<JournalEntry> images) =>
        api.PostAsync($"/v1/gallery/batch/{route}/", new JsonObject { ["image_ids"] = JsonSerializer.SerializeToNode(images.Select(image => image.ImageId)) }.ToJsonString());

    private JsonNode Item(JournalEntry image) => new JsonObject
    {
        ["user_id"] = image.UserId,
        ["image_url"] = Api.UrlOf(image.ImageId),
        ["refined_prompt"] = Prompt(image.IsLong),
        ["intent"] = "generate",
        ["metadata"] = new JsonObject { [Key] = Number },
    };

    /// <summary>The row after the write, as a line of an import. Sent again, it has the same revision, and so changes nothing.</summary>
    private string Line(JournalEntry image)
    {
        var (row, now) = (image.After(this)!, DateTime.UtcNow);
        return new JsonObject
        {
            ["user_id"] = row.UserId,
            ["image_url"] = row.ImageUrl,
            ["refined_prompt"] = row.RefinedPrompt,
            ["intent"] = row.Intent,
            ["metadata"] = JsonNode.Parse(row.Metadata),
            ["created_at"] = (image.Row?.CreatedAt ?? now).ToString("O", CultureInfo.InvariantCulture),
            ["updated_at"] = now.ToString("O", CultureInfo.InvariantCulture),
            ["revision"] = row.Revision,
        }.ToJsonString();
    }

    private string Key => $"k{Number % Keys}";

    private string Intent => $"edit {Number}";

    private string Prompt(bool isLong) => $"prompt {Number}{(isLong ? LongTail : "")}";

    private string Merge(string metadata)
    {
        var merged = JsonSerializer.Deserialize<SortedDictionary<string, int>>(metadata)!;
        merged.TryAdd(Key, Number);   // a stored value stays
        return JsonSerializer.Serialize(merged);
    }
}
