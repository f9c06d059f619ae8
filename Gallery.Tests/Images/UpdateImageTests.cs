using System.Text;
using System.Text.Json.Nodes;
using Gallery.Tests.Service;

namespace Gallery.Tests.Images;

/// <summary>PATCH: a JSON merge patch (RFC 7396).</summary>
public sealed class UpdateImageTests(TestService service) : IClassFixture<TestService>
{
    private readonly Api _api = service.Api;
    private readonly Guid _id = Guid.NewGuid();

    private string Path => $"/v1/gallery/{_id}/";

    [Fact]
    public async Task An_edit_replaces_what_it_names_and_leaves_the_rest()
    {
        var saved = await _api.SaveAsync(_id, refinedPrompt: "dawn", intent: "generate", metadata: """{"a": 1}""");
        var edited = await _api.PatchAsync(Path, """{"refined_prompt": "dusk"}""");

        Assert.Equal((200, "dusk", "generate", 2L), (edited.Status, (string?)edited.Image["refined_prompt"], (string?)edited.Image["intent"], (long)edited.Image["revision"]!));
        Assert.Equal("""{"a":1}""", edited.Image["metadata"]!.ToJsonString());
        Assert.NotEqual(saved.ETag, edited.ETag);
        Assert.Equal(edited.ETag, (await _api.GetAsync(Path)).ETag);
        Assert.True(string.CompareOrdinal((string?)saved.Image["updated_at"], (string?)edited.Image["updated_at"]) < 0);
        Assert.Equal((string?)saved.Image["created_at"], (string?)edited.Image["created_at"]);
    }

    [Fact]
    public async Task Null_erases()
    {
        await _api.SaveAsync(_id, refinedPrompt: "dawn", intent: "generate", metadata: """{"a": 1}""");
        var edited = await _api.PatchAsync(Path, """{"refined_prompt": null, "intent": null, "metadata": null}""");

        Assert.Equal((null, null, "{}"), ((string?)edited.Image["refined_prompt"], (string?)edited.Image["intent"], edited.Image["metadata"]!.ToJsonString()));
    }

    // The examples of RFC 7396, appendix A, whose target and patch are objects, and numbers that must stay as written.
    [Theory]
    [InlineData("""{"a":"b"}""", """{"a":"c"}""", """{"a":"c"}""")]
    [InlineData("""{"a":"b"}""", """{"b":"c"}""", """{"a":"b","b":"c"}""")]
    [InlineData("""{"a":"b"}""", """{"a":null}""", """{}""")]
    [InlineData("""{"a":"b","b":"c"}""", """{"a":null}""", """{"b":"c"}""")]
    [InlineData("""{"a":["b"]}""", """{"a":"c"}""", """{"a":"c"}""")]
    [InlineData("""{"a":"c"}""", """{"a":["b"]}""", """{"a":["b"]}""")]
    [InlineData("""{"a":{"b":"c"}}""", """{"a":{"b":"d","c":null}}""", """{"a":{"b":"d"}}""")]
    [InlineData("""{"a":[{"b":"c"}]}""", """{"a":[1]}""", """{"a":[1]}""")]
    [InlineData("""{"e":null}""", """{"a":1}""", """{"a":1,"e":null}""")]
    [InlineData("""{}""", """{"a":{"bb":{"ccc":null}}}""", """{"a":{"bb":{}}}""")]
    [InlineData("""{"a":1.50}""", """{"b":12345678901234567890.10,"c":[null,{"d":null}]}""", """{"a":1.50,"b":12345678901234567890.10,"c":[null,{"d":null}]}""")]
    [InlineData("""{"a":{"x":1}}""", """{"a":"\u00e9\u0001\ud83c\udf05"}""", """{"a":"\u00e9\u0001\ud83c\udf05"}""")]
    public async Task Metadata_are_patched_as_the_RFC_says(string stored, string patch, string expected)
    {
        await _api.SaveAsync(_id, metadata: stored);
        var edited = await _api.PatchAsync(Path, $$"""{"metadata": {{patch}} }""");

        Assert.Equal(200, edited.Status);
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(expected), edited.Image["metadata"]), edited.Text);
        if (expected.Contains("10,", StringComparison.Ordinal)) Assert.Contains("12345678901234567890.10", edited.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"refined_prompt": "dawn"}""")]
    [InlineData("""{"metadata": {}}""")]
    [InlineData("""{"metadata": {"a": 1, "b": null}}""")]
    [InlineData("""{"user_id": "user_123", "intent": null}""")]
    public async Task An_edit_that_changes_nothing_leaves_the_revision(string patch)
    {
        var saved = await _api.SaveAsync(_id, refinedPrompt: "dawn", metadata: """{"a": 1}""");
        var edited = await _api.PatchAsync(Path, patch);

        Assert.Equal((200, saved.ETag), (edited.Status, edited.ETag));
    }

    [Theory]
    [InlineData("""{"image_url": "https://res.cloudinary.com/demo/image/upload/x.jpg"}""", "image_url")]
    [InlineData("""{"image_id": "8d76bd3a-053e-4bb5-a2ab-ce147e53f40c"}""", "image_id")]
    [InlineData("""{"created_at": "2025-01-01T00:00:00Z"}""", "created_at")]
    [InlineData("""{"updated_at": "2025-01-01T00:00:00Z"}""", "updated_at")]
    [InlineData("""{"revision": 5}""", "revision")]
    [InlineData("""{"deleted_at": null}""", "deleted_at")]
    [InlineData("""{"purge_at": null}""", "purge_at")]
    [InlineData("""{"thumbnail_url": null}""", "thumbnail_url")]
    [InlineData("""{"width": 300}""", "width")]
    [InlineData("""{"height": 300}""", "height")]
    [InlineData("""{"format": "png"}""", "format")]
    [InlineData("""{"user_id": ".."}""", "user_id")]
    [InlineData("""{"prompt": "x"}""", "prompt")]
    [InlineData("""{"refined_prompt": 5}""", "refined_prompt")]
    [InlineData("""{"metadata": []}""", "metadata")]
    [InlineData("""{"metadata": {"a": 1, "a": 2}}""", "metadata")]
    [InlineData("""{"user_id": null}""", "user_id")]
    [InlineData("""{"user_id": ""}""", "user_id")]
    public async Task A_wrong_field_is_400_and_named_and_changes_nothing(string patch, string field)
    {
        var saved = await _api.SaveAsync(_id, refinedPrompt: "dawn");
        var edited = await _api.PatchAsync(Path, patch);

        Assert.Equal(400, edited.Status);
        Assert.Contains(field, edited.Error(field), StringComparison.Ordinal);
        Assert.Equal(saved.ETag, (await _api.GetAsync(Path)).ETag);
    }

    [Fact]
    public async Task Metadata_that_would_outgrow_the_image_are_400()
    {
        await _api.SaveAsync(_id, metadata: $$"""{"a": "{{new string('x', 60_000)}}"}""");
        var edited = await _api.PatchAsync(Path, $$"""{"metadata": {"b": "{{new string('y', 60_000)}}"} }""");

        Assert.Equal(400, edited.Status);
        Assert.Contains("96 KB", edited.Error("metadata"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("application/json", 200)]
    [InlineData("application/merge-patch+json", 200)]
    [InlineData("application/merge-patch+json; charset=utf-8", 200)]
    [InlineData("application/json-patch+json", 415)]
    [InlineData("text/plain", 415)]
    public async Task Only_merge_patches_are_taken(string mediaType, int status)
    {
        await _api.SaveAsync(_id);
        var content = new ByteArrayContent(Encoding.UTF8.GetBytes("""{"intent": "x"}"""));
        content.Headers.TryAddWithoutValidation("Content-Type", mediaType);
        var answer = await _api.SendAsync(HttpMethod.Patch, Path, content);

        Assert.Equal(status, answer.Status);
        foreach (var name in status == 415 ? new[] { "Accept", "Accept-Patch" } : [])
            Assert.Equal("application/merge-patch+json, application/json", string.Join(", ", answer.Headers.GetValues(name)));
    }

    [Fact]
    public async Task An_image_that_is_not_there_is_404_and_one_in_the_trash_says_so()
    {
        Assert.Equal("image_not_found", (await _api.PatchAsync(Path, "{}")).Problem);
        await _api.SaveAsync(_id);
        await _api.DeleteAsync(Path);

        Assert.Equal((404, "image_deleted"), await _api.PatchAsync(Path, """{"intent": "x"}""") is var answer ? (answer.Status, answer.Problem) : default);
    }

    [Fact]
    public async Task Without_credentials_anyone_may_change_the_owner()
    {
        await _api.SaveAsync(_id, "user_old");
        Assert.Equal("user_new", (string?)(await _api.PatchAsync(Path, """{"user_id": "user_new"}""")).Image["user_id"]);

        Assert.Contains(_id, (await _api.GetAsync("/v1/gallery/?user_id=user_new")).Ids);
        Assert.DoesNotContain(_id, (await _api.GetAsync("/v1/gallery/?user_id=user_old")).Ids);
    }

    [Fact]
    public async Task Three_hundred_edits_of_one_image_at_once_are_all_kept()
    {
        await _api.SaveAsync(_id);
        var answers = await Task.WhenAll(Enumerable.Range(0, 300).Select(i => _api.PatchAsync(Path, $$"""{"metadata": {"k{{i}}": {{i}} } }""")));

        Assert.All(answers.Where(answer => answer.Status != 200), answer => Assert.Equal("database_timeout", answer.Problem));   // on a busy machine
        Assert.InRange(answers.Count(answer => answer.Status == 200), 100, 300);
        var metadata = (await _api.GetAsync(Path)).Image["metadata"]!.AsObject();
        Assert.All(Enumerable.Range(0, 300).Where(i => answers[i].Status == 200), i => Assert.Equal(i, (int)metadata[$"k{i}"]!));
    }
}
