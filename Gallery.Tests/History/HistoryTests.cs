using System.Text.Json.Nodes;
using Gallery.Tests.Service;

namespace Gallery.Tests.History;

/// <summary>The events of one image, and what they are for: a purged image stays purged.</summary>
public sealed class HistoryTests(TestService service) : IClassFixture<TestService>
{
    private readonly Api _api = service.Api;
    private readonly Guid _id = Guid.NewGuid();

    private string Path => $"/v1/gallery/{_id}/";

    [Fact]
    public async Task Every_change_is_an_event_newest_first_also_after_a_purge()
    {
        await _api.SaveAsync(_id, metadata: """{"a": 1}""");
        await _api.SaveAsync(_id, metadata: """{"a": 1}""");   // adds nothing
        await _api.SaveAsync(_id, refinedPrompt: "a secret prompt", metadata: """{"b": "a secret value"}""");
        await _api.PatchAsync(Path, """{"intent": "edit", "metadata": {"a": 2}, "user_id": "user_456"}""");
        await _api.DeleteAsync(Path);
        await _api.DeleteAsync(Path);
        await _api.PostAsync($"{Path}restore/");
        await _api.DeleteAsync($"{Path}permanent/");

        var history = await _api.GetAsync($"{Path}history/");
        Assert.Equal(200, history.Status);
        Assert.Equal(
            ["6 purged ", "5 restored ", "4 trashed ", "3 edited user_id,intent,metadata", "2 filled_in refined_prompt,metadata", "1 created "],
            history.Body["data"]!.AsArray().Select(item => $"{item!["revision"]} {item["event"]} {string.Join(',', item["fields"]!.AsArray())}"));
        Assert.DoesNotContain("secret", history.Text, StringComparison.Ordinal);
        Assert.All(history.Body["data"]!.AsArray(), item => Assert.Equal(_id, (Guid)item!["image_id"]!));
    }

    [Fact]
    public async Task An_event_has_the_time_of_its_change()
    {
        var saved = await _api.SaveAsync(_id);
        var edited = await _api.PatchAsync(Path, """{"intent": "x"}""");

        Assert.Equal(
            [(string?)edited.Image["updated_at"], (string?)saved.Image["updated_at"]],
            (await _api.GetAsync($"{Path}history/")).Body["data"]!.AsArray().Select(item => (string?)item!["at"]));
    }

    [Fact]
    public async Task Pages_lead_through_the_whole_history()
    {
        await _api.SaveAsync(_id);
        for (var i = 0; i < 6; i++) await _api.PatchAsync(Path, $$"""{"intent": "{{i}}"}""");

        var revisions = new List<long>();
        var pages = 0;
        for (string? cursor = ""; cursor is not null; pages++)
        {
            var page = await _api.GetAsync($"{Path}history/?limit=3{(cursor.Length > 0 ? $"&cursor={cursor}" : "")}");
            revisions.AddRange(page.Body["data"]!.AsArray().Select(item => (long)item!["revision"]!));
            cursor = page.NextCursor;
        }

        Assert.Equal(3, pages);
        Assert.Equal([7, 6, 5, 4, 3, 2, 1], revisions);
    }

    [Fact]
    public async Task An_unknown_image_has_no_history()
    {
        Assert.Equal((404, "image_not_found"), await _api.GetAsync($"{Path}history/") is var answer ? (answer.Status, answer.Problem) : default);
    }

    [Fact]
    public async Task An_image_that_is_older_than_the_history_was_created_by_nobody_known()
    {
        await service.Database.ExecuteAsync($"insert into gallery.image (image_id, user_id, image_url, created_at) values ('{_id}', 'user_123', 'x', '2020-01-02Z')");
        await _api.PatchAsync(Path, """{"intent": "x"}""");

        var events = (await _api.GetAsync($"{Path}history/")).Body["data"]!.AsArray();
        Assert.Equal(["edited", "created"], events.Select(item => (string?)item!["event"]));
        Assert.Equal("2020-01-02T00:00:00.000000Z", (string?)events[1]!["at"]);
    }

    [Fact]
    public async Task A_late_save_of_a_purged_image_is_410_and_leaves_nothing()
    {
        await _api.SaveAsync(_id);
        await _api.DeleteAsync($"{Path}permanent/");

        foreach (var userId in new[] { "user_123", "user_456" })
        {
            var late = await _api.SaveAsync(_id, userId);
            Assert.Equal((410, "image_purged", null), (late.Status, late.Problem, late.ETag));
        }

        Assert.Equal(404, (await _api.GetAsync(Path)).Status);
    }

    [Fact]
    public async Task An_image_that_was_older_than_the_history_stays_purged_too()
    {
        await service.Database.ExecuteAsync($"insert into gallery.image (image_id, user_id, image_url) values ('{_id}', 'user_123', 'x')");
        await _api.DeleteAsync($"{Path}permanent/");

        Assert.Equal(410, (await _api.SaveAsync(_id)).Status);
    }

    [Theory]
    [InlineData("permanent")]
    [InlineData("empty")]
    public async Task A_purge_puts_no_late_created_event_into_the_feed(string how)
    {
        var user = $"user_{Guid.NewGuid():N}";
        await _api.SaveAsync(_id, user);
        await _api.DeleteAsync(Path);
        await service.Database.ExecuteAsync($"delete from gallery.image_event where image_id = '{_id}' and revision = 1");   // as if it had expired
        var read = await _api.GetAsync($"/v1/gallery/changes/?user_id={user}");
        if (how == "empty") await _api.PostAsync($"/v1/gallery/deleted/empty/?user_id={user}");
        else await _api.DeleteAsync($"{Path}permanent/");

        var after = await _api.GetAsync($"/v1/gallery/changes/?user_id={user}&cursor={read.NextCursor}");
        Assert.Equal(["trashed", "purged"], new[] { read, after }.SelectMany(page => page.Body["data"]!.AsArray()).Select(item => (string?)item!["event"]));
        Assert.Equal(["purged", "trashed", "created"], (await _api.GetAsync($"{Path}history/")).Body["data"]!.AsArray().Select(item => (string?)item!["event"]));
    }

    [Fact]
    public async Task Recreate_creates_a_purged_image_again_and_its_history_goes_on()
    {
        var first = await _api.SaveAsync(_id, refinedPrompt: "dawn");
        await _api.DeleteAsync($"{Path}permanent/");
        var again = await RecreateAsync();

        Assert.Equal((201, "created", 3L), (again.Status, (string?)again.Body["outcome"], (long)again.Image["revision"]!));
        Assert.Null(again.Image["refined_prompt"]);
        Assert.NotEqual(first.ETag, again.ETag);
        Assert.Equal((200, "unchanged"), await RecreateAsync() is var third ? (third.Status, (string?)third.Body["outcome"]) : default);
        Assert.Equal(200, (await _api.SaveAsync(_id)).Status);

        await _api.DeleteAsync($"{Path}permanent/");
        Assert.Equal(410, (await _api.SaveAsync(_id)).Status);
        Assert.Equal(
            ["purged", "created", "purged", "created"], (await _api.GetAsync($"{Path}history/")).Body["data"]!.AsArray().Select(item => (string?)item!["event"]));
    }

    [Fact]
    public async Task An_image_that_is_created_again_is_younger_than_its_purge_so_that_the_feed_keeps_their_order()
    {
        await _api.SaveAsync(_id);
        await _api.DeleteAsync($"{Path}permanent/");
        // As if this purge had committed after the next save began.
        await service.Database.ExecuteAsync($"update gallery.image_event set occurred_at = now() + interval '1 minute' where image_id = '{_id}' and event = 'purged'");
        var again = await RecreateAsync();

        var events = (await _api.GetAsync($"{Path}history/")).Body["data"]!.AsArray();
        Assert.Equal((string?)events[1]!["at"], (string?)events[0]!["at"]);
        Assert.Equal((string?)events[1]!["at"], (string?)again.Image["created_at"]);
    }

    [Fact]
    public async Task Recreate_is_true_or_false()
    {
        var answer = await RecreateAsync("yes");
        Assert.Equal(400, answer.Status);
        Assert.Contains("true or false", answer.Error("recreate"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Of_saves_and_a_purge_at_once_none_brings_the_image_back_after_the_purge()
    {
        for (var round = 0; round < 20; round++)
        {
            var id = Guid.NewGuid();
            await _api.SaveAsync(id);
            var saves = Enumerable.Range(0, 8).Select(i => _api.SaveAsync(id, metadata: $$"""{"k{{i}}": 1}"""));
            var all = await Task.WhenAll([.. saves, _api.DeleteAsync($"/v1/gallery/{id}/permanent/")]);

            Assert.All(all, answer => Assert.Contains(answer.Status, new[] { 200, 410 }));
            Assert.Equal(404, (await _api.GetAsync($"/v1/gallery/{id}/")).Status);
        }
    }

    private Task<Answer> RecreateAsync(string value = "true") =>
        _api.PostAsync($"/v1/gallery/?recreate={value}", new JsonObject { ["user_id"] = "user_123", ["image_url"] = Api.UrlOf(_id) }.ToJsonString());
}
