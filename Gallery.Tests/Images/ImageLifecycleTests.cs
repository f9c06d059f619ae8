using System.Text.Json.Nodes;
using Gallery.Tests.Service;

namespace Gallery.Tests.Images;

/// <summary>Find, delete, restore, delete for good: each row of the contract's table.</summary>
public sealed class ImageLifecycleTests(TestService service) : IClassFixture<TestService>
{
    private readonly Api _api = service.Api;

    [Fact]
    public async Task An_unknown_image_is_404_for_every_method()
    {
        var path = $"/v1/gallery/{Guid.NewGuid()}/";
        Answer[] answers = [
            await _api.GetAsync(path),
            await _api.DeleteAsync(path),
            await _api.PostAsync($"{path}restore/"),
            await _api.DeleteAsync($"{path}permanent/")];

        Assert.All(answers, answer => Assert.Equal((404, "image_not_found"), (answer.Status, answer.Problem)));
    }

    [Fact]
    public async Task A_deleted_image_is_404_image_deleted_and_says_how_to_bring_it_back()
    {
        var id = await CreateAsync();
        await _api.DeleteAsync($"/v1/gallery/{id}/");
        var answer = await _api.GetAsync($"/v1/gallery/{id}/");

        Assert.Equal((404, "image_deleted"), (answer.Status, answer.Problem));
        Assert.Contains($"/v1/gallery/{id}/restore/", (string?)answer.Body["message"], StringComparison.Ordinal);
        Assert.Null(answer.ETag);
    }

    [Fact]
    public async Task Deleting_sets_deleted_at_and_a_new_etag()
    {
        var created = await _api.SaveAsync(Guid.NewGuid());
        var deleted = await _api.DeleteAsync(created.Headers.Location!.ToString());

        Assert.Equal(200, deleted.Status);
        Assert.NotNull(deleted.Image["deleted_at"]);
        Assert.Equal((string?)deleted.Image["deleted_at"], (string?)deleted.Image["updated_at"]);
        Assert.NotEqual(created.ETag, deleted.ETag);
    }

    [Fact]
    public async Task Deleting_again_is_200_and_the_first_deletions_time_stands()
    {
        var id = await CreateAsync();
        var first = await _api.DeleteAsync($"/v1/gallery/{id}/");
        var again = await _api.DeleteAsync($"/v1/gallery/{id}/");

        Assert.Equal(200, again.Status);
        Assert.Equal(first.ETag, again.ETag);
        Assert.True(JsonNode.DeepEquals(first.Image, again.Image));
    }

    [Fact]
    public async Task Restoring_brings_the_image_back_as_it_was()
    {
        var created = await _api.SaveAsync(Guid.NewGuid(), refinedPrompt: "A sunset", metadata: """{"seed":1}""");
        var path = created.Headers.Location!.ToString();
        await _api.DeleteAsync(path);
        var restored = await _api.PostAsync($"{path}restore/");

        Assert.Equal(200, restored.Status);
        Assert.Null(restored.Image["deleted_at"]);
        Assert.Equal("A sunset", (string?)restored.Image["refined_prompt"]);
        Assert.Equal((string?)created.Image["created_at"], (string?)restored.Image["created_at"]);
        Assert.Equal(3, (int)restored.Image["revision"]!);
        Assert.Equal(200, (await _api.GetAsync(path)).Status);
    }

    [Fact]
    public async Task Restoring_a_live_image_is_200_and_changes_nothing()
    {
        var created = await _api.SaveAsync(Guid.NewGuid());
        var restored = await _api.PostAsync($"{created.Headers.Location}restore/");

        Assert.Equal(200, restored.Status);
        Assert.Equal(created.ETag, restored.ETag);
        Assert.True(JsonNode.DeepEquals(created.Image, restored.Image));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Deleting_for_good_answers_the_row_as_it_was_and_leaves_none(bool inTrash)
    {
        var id = await CreateAsync();
        if (inTrash) await _api.DeleteAsync($"/v1/gallery/{id}/");
        var purged = await _api.DeleteAsync($"/v1/gallery/{id}/permanent/");

        Assert.Equal(200, purged.Status);
        Assert.Equal(id, (Guid)purged.Image["image_id"]!);
        Assert.Equal(inTrash, purged.Image["deleted_at"] is not null);
        Assert.Equal("image_not_found", (await _api.GetAsync($"/v1/gallery/{id}/")).Problem);
        Assert.Equal("image_not_found", (await _api.DeleteAsync($"/v1/gallery/{id}/permanent/")).Problem);
        Assert.Equal(0, await service.Database.FindAsync<int>("select count(*) from gallery.image where image_id = @id", new { id }));
    }

    [Fact]
    public async Task Fifty_deletions_at_once_leave_one_deletion()
    {
        var id = await CreateAsync();
        var answers = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => _api.DeleteAsync($"/v1/gallery/{id}/")));

        Assert.All(answers, answer => Assert.Equal(200, answer.Status));
        Assert.Single(answers.Select(answer => (string?)answer.Image["deleted_at"]).Distinct());
        Assert.Equal(2, await service.Database.FindAsync<int>("select revision from gallery.image where image_id = @id", new { id }));
    }

    [Fact]
    public async Task Raced_by_others_every_answer_still_says_what_was_so()
    {
        for (var round = 0; round < 60; round++)
        {
            var id = await CreateAsync();
            await _api.DeleteAsync($"/v1/gallery/{id}/");
            var prompt = $"prompt {round}";
            var save = _api.SaveAsync(id, refinedPrompt: prompt);
            var restore = _api.PostAsync($"/v1/gallery/{id}/restore/");
            var delete = _api.DeleteAsync($"/v1/gallery/{id}/");
            await Task.WhenAll(save, restore, delete);

            Assert.All(new[] { save, restore, delete }, task => Assert.Equal(200, task.Result.Status));
            Assert.NotNull(delete.Result.Image["deleted_at"]);
            Assert.Null(restore.Result.Image["deleted_at"]);
            var (saved, message) = (save.Result.Image, (string)save.Result.Body["message"]!);
            if (saved["deleted_at"] is null) Assert.Equal(prompt, (string?)saved["refined_prompt"]);
            else Assert.Contains("trash", message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("\"{0}\"")]
    [InlineData("W/\"{0}\"")]
    [InlineData("\"other\", \"{0}\"")]
    [InlineData("*")]
    public async Task If_none_match_with_the_etag_is_304_without_a_body(string header)
    {
        var created = await _api.SaveAsync(Guid.NewGuid());
        var value = header.Replace("{0}", created.ETag!.Trim('"'), StringComparison.Ordinal);
        var answer = await _api.GetAsync(created.Headers.Location!.ToString(), ("If-None-Match", value));

        Assert.Equal(304, answer.Status);
        Assert.Equal(created.ETag, answer.ETag);
        Assert.Empty(answer.Text);
    }

    [Theory]
    [InlineData("\"other\"")]
    [InlineData("not an etag")]
    public async Task If_none_match_with_another_etag_is_200(string header)
    {
        var id = await CreateAsync();
        Assert.Equal(200, (await _api.GetAsync($"/v1/gallery/{id}/", ("If-None-Match", header))).Status);
    }

    [Fact]
    public async Task An_etag_of_before_a_change_is_200()
    {
        var created = await _api.SaveAsync(Guid.NewGuid());
        var path = created.Headers.Location!.ToString();
        await _api.DeleteAsync(path);
        await _api.PostAsync($"{path}restore/");

        Assert.Equal(200, (await _api.GetAsync(path, ("If-None-Match", created.ETag!))).Status);
    }

    [Theory]
    [InlineData("8d76bd3a053e4bb5a2abce147e53f40c")]
    [InlineData("{8d76bd3a-053e-4bb5-a2ab-ce147e53f40c}")]
    [InlineData("%7B8d76bd3a-053e-4bb5-a2ab-ce147e53f40c%7D")]
    [InlineData("(8d76bd3a-053e-4bb5-a2ab-ce147e53f40c)")]
    [InlineData("+d76bd3a-053e-4bb5-a2ab-ce147e53f40c")]
    [InlineData("%208d76bd3a-053e-4bb5-a2ab-ce147e53f40c")]
    [InlineData("8d76bd3a-053e-4bb5-a2ab-ce147e53f40")]
    [InlineData("8d76bd3a-053e-4bb5-a2ab-ce147e53f40cc")]
    [InlineData("8d76bd3g-053e-4bb5-a2ab-ce147e53f40c")]
    [InlineData("not-a-uuid")]
    [InlineData("1")]
    public async Task An_id_that_is_no_hyphenated_uuid_is_404_for_every_method(string id)
    {
        var path = $"/v1/gallery/{id}/";
        Answer[] answers = [
            await _api.GetAsync(path),
            await _api.DeleteAsync(path),
            await _api.PostAsync($"{path}restore/"),
            await _api.DeleteAsync($"{path}permanent/")];

        Assert.All(answers, answer => Assert.Equal((404, "route_not_found"), (answer.Status, answer.Problem)));
    }

    [Fact]
    public async Task An_id_in_upper_case_is_the_same_id()
    {
        var id = await CreateAsync();
        Assert.Equal(200, (await _api.GetAsync($"/v1/gallery/{id.ToString().ToUpperInvariant()}/")).Status);
    }

    private async Task<Guid> CreateAsync()
    {
        var id = Guid.NewGuid();
        Assert.Equal(201, (await _api.SaveAsync(id)).Status);
        return id;
    }
}
