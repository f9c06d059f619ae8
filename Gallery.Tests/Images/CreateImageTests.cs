using System.Text.Json.Nodes;
using Gallery.Tests.Service;

namespace Gallery.Tests.Images;

public sealed class CreateImageTests(TestService service) : IClassFixture<TestService>
{
    private readonly Api _api = service.Api;

    [Fact]
    public async Task A_new_image_is_201_with_its_location_its_etag_and_all_its_fields()
    {
        var id = Guid.NewGuid();
        var answer = await _api.SaveAsync(id, "user_123", "A sunset", "generate", """{"model":"gemini-pro"}""");

        Assert.Equal(201, answer.Status);
        Assert.Equal(new Uri(_api.Address, $"/v1/gallery/{id}/"), answer.Headers.Location);
        Assert.NotNull(answer.ETag);
        Assert.Equal("application/json", answer.ContentHeaders.ContentType!.MediaType);
        Assert.True((bool)answer.Body["success"]!);
        Assert.Equal("Image created successfully", (string?)answer.Body["message"]);

        var expected = new JsonObject
        {
            ["image_id"] = id.ToString(),
            ["user_id"] = "user_123",
            ["image_url"] = Api.UrlOf(id),
            ["thumbnail_url"] = Api.UrlOf(id).Replace("/upload/", "/upload/c_fill,h_320,w_320/", StringComparison.Ordinal),
            ["width"] = null,
            ["height"] = null,
            ["format"] = "jpg",
            ["refined_prompt"] = "A sunset",
            ["intent"] = "generate",
            ["metadata"] = new JsonObject { ["model"] = "gemini-pro" },
            ["tags"] = new JsonArray(),
            ["created_at"] = answer.Image["created_at"]!.DeepClone(),
            ["updated_at"] = answer.Image["created_at"]!.DeepClone(),
            ["deleted_at"] = null,
            ["purge_at"] = null,
            ["revision"] = 1,
        };
        Assert.True(JsonNode.DeepEquals(expected, answer.Image), answer.Text);
        Assert.EndsWith("Z", (string)answer.Image["created_at"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_location_answers_with_the_same_image_and_etag()
    {
        var created = await _api.SaveAsync(Guid.NewGuid());
        var found = await _api.GetAsync(created.Headers.Location!.ToString());

        Assert.Equal(200, found.Status);
        Assert.Equal(created.ETag, found.ETag);
        Assert.True(JsonNode.DeepEquals(created.Image, found.Image));
    }

    [Fact]
    public async Task Only_user_and_url_are_required()
    {
        var answer = await _api.SaveAsync(Guid.NewGuid());

        Assert.Equal(201, answer.Status);
        Assert.Null(answer.Image["refined_prompt"]);
        Assert.Null(answer.Image["intent"]);
        Assert.Empty(answer.Image["metadata"]!.AsObject());
    }

    [Fact]
    public async Task The_same_save_again_is_200_and_touches_nothing()
    {
        var id = Guid.NewGuid();
        var first = await _api.SaveAsync(id, "user_123", "A sunset", "generate", """{"model":"gemini-pro","seed":1.50}""");
        var again = await _api.SaveAsync(id, "user_123", "A sunset", "generate", """{"model":"gemini-pro","seed":1.50}""");

        Assert.Equal(200, again.Status);
        Assert.Equal(first.ETag, again.ETag);
        Assert.True(JsonNode.DeepEquals(first.Image, again.Image), again.Text);
    }

    [Fact]
    public async Task A_save_with_less_in_it_than_is_stored_touches_nothing()
    {
        var id = Guid.NewGuid();
        var first = await _api.SaveAsync(id, "user_123", "A sunset", "generate", """{"model":"gemini-pro","seed":1}""");
        var again = await _api.SaveAsync(id, metadata: """{"seed":1}""");

        Assert.Equal(200, again.Status);
        Assert.True(JsonNode.DeepEquals(first.Image, again.Image), again.Text);
    }

    [Fact]
    public async Task A_save_fills_in_a_field_that_the_image_lacks()
    {
        var id = Guid.NewGuid();
        var first = await _api.SaveAsync(id, "user_123", intent: "generate");
        var changed = await _api.SaveAsync(id, refinedPrompt: "A sunrise");

        Assert.Equal((200, "updated"), (changed.Status, (string?)changed.Body["outcome"]));
        Assert.Equal("A sunrise", (string?)changed.Image["refined_prompt"]);
        Assert.Equal("generate", (string?)changed.Image["intent"]);
        Assert.Equal(2, (int)changed.Image["revision"]!);
        Assert.NotEqual(first.ETag, changed.ETag);
        Assert.Equal((string?)first.Image["created_at"], (string?)changed.Image["created_at"]);
        Assert.NotEqual((string?)first.Image["updated_at"], (string?)changed.Image["updated_at"]);
    }

    [Fact]
    public async Task Null_is_a_field_left_out()
    {
        var id = Guid.NewGuid();
        await _api.SaveAsync(id, "user_123", "A sunset", "generate", """{"seed":1}""");
        var answer = await _api.PostAsync(
            "/v1/gallery/", $$"""{"user_id":"user_123","image_url":"{{Api.UrlOf(id)}}","refined_prompt":null,"intent":null,"metadata":null}""");

        Assert.Equal(200, answer.Status);
        Assert.Equal("A sunset", (string?)answer.Image["refined_prompt"]);
        Assert.Equal(1, (int)answer.Image["revision"]!);
    }

    [Fact]
    public async Task A_save_replaces_nothing_and_names_what_was_kept()
    {
        var id = Guid.NewGuid();
        var first = await _api.SaveAsync(id, "user_123", "A sunset", "generate", """{"status":"draft","size":{"w":1},"seed":1}""");
        var again = await _api.SaveAsync(
            id, "user_123", "A sunrise", "edit", """{"status":"done","size":{"w":2},"seed":1.0}""", $"https://res.cloudinary.com/demo/image/upload/c_thumb,w_100/{id}.png");

        Assert.Equal((200, "unchanged"), (again.Status, (string?)again.Body["outcome"]));
        Assert.True(JsonNode.DeepEquals(first.Image, again.Image), again.Text);
        Assert.Equal(["image_url", "refined_prompt", "intent", "metadata.size", "metadata.status"], again.Body["kept"]!.AsArray().Select(field => (string?)field));
    }

    [Fact]
    public async Task A_late_first_save_does_not_undo_what_was_saved_since()
    {
        var id = Guid.NewGuid();
        var late = () => _api.SaveAsync(id, metadata: """{"status":"draft"}""");
        await late();
        await _api.SaveAsync(id, refinedPrompt: "A sunset", metadata: """{"model":"a"}""");
        var answer = await late();

        Assert.Equal("unchanged", (string?)answer.Body["outcome"]);
        Assert.Equal("A sunset", (string?)answer.Image["refined_prompt"]);
        Assert.Empty(answer.Body["kept"]!.AsArray());
    }

    [Fact]
    public async Task Saves_that_fill_in_different_fields_end_alike_in_every_order()
    {
        (string? Prompt, string? Intent, string? Metadata)[] saves = [("A sunset", null, """{"a":1}"""), (null, "generate", """{"b":2}"""), (null, null, """{"c":3}""")];
        var ends = new List<string>();
        foreach (var order in new[] { new[] { 0, 1, 2 }, [2, 1, 0], [1, 2, 0], [0, 2, 1] })
        {
            var id = Guid.NewGuid();
            Answer answer = null!;
            foreach (var i in order) answer = await _api.SaveAsync(id, refinedPrompt: saves[i].Prompt, intent: saves[i].Intent, metadata: saves[i].Metadata);
            ends.Add($"{answer.Image["refined_prompt"]} {answer.Image["intent"]} {answer.Image["metadata"]}");
        }

        Assert.Single(ends.Distinct());
    }

    [Theory]
    [InlineData(null, "created")]
    [InlineData("A sunset", "unchanged")]
    public async Task A_created_image_keeps_nothing_and_the_retry_says_unchanged(string? prompt, string outcome)
    {
        var id = Guid.NewGuid();
        if (prompt is not null) await _api.SaveAsync(id, refinedPrompt: prompt);
        var answer = await _api.SaveAsync(id, refinedPrompt: prompt);

        Assert.Equal(outcome, (string?)answer.Body["outcome"]);
        Assert.Empty(answer.Body["kept"]!.AsArray());
    }

    [Fact]
    public async Task A_save_adds_the_metadata_keys_that_are_missing()
    {
        var id = Guid.NewGuid();
        await _api.SaveAsync(id, metadata: """{"model":"a","seed":1,"size":{"w":1,"h":2}}""");
        var answer = await _api.SaveAsync(id, metadata: """{"seed":2,"size":{"w":3},"session_id":"s"}""");

        Assert.True(
            JsonNode.DeepEquals(JsonNode.Parse("""{"model":"a","seed":1,"size":{"w":1,"h":2},"session_id":"s"}"""), answer.Image["metadata"]), answer.Text);
        Assert.Equal(2, (int)answer.Image["revision"]!);
    }

    [Fact]
    public async Task The_first_delivery_url_of_an_image_stays()
    {
        var id = Guid.NewGuid();
        await _api.SaveAsync(id);
        var url = $"https://res.cloudinary.com/demo/image/upload/v1712345678/{id}.png";
        var answer = await _api.SaveAsync(id, imageUrl: url);

        Assert.Equal(200, answer.Status);
        Assert.Equal(Api.UrlOf(id), (string?)answer.Image["image_url"]);
        Assert.Equal(["image_url"], answer.Body["kept"]!.AsArray().Select(field => (string?)field));
    }

    [Fact]
    public async Task A_retry_does_not_bring_an_image_back_from_the_trash()
    {
        var id = Guid.NewGuid();
        await _api.SaveAsync(id, refinedPrompt: "A sunset");
        var deleted = await _api.DeleteAsync($"/v1/gallery/{id}/");
        var retried = await _api.SaveAsync(id, refinedPrompt: "A sunrise");

        Assert.Equal(200, retried.Status);
        Assert.True(JsonNode.DeepEquals(deleted.Image, retried.Image), retried.Text);
        Assert.NotNull(retried.Image["deleted_at"]);
        Assert.Equal("in_trash", (string?)retried.Body["outcome"]);
        Assert.Equal(404, (await _api.GetAsync($"/v1/gallery/{id}/")).Status);
    }

    [Fact]
    public async Task Another_users_image_is_409_and_shows_nothing_of_it()
    {
        var id = Guid.NewGuid();
        await _api.SaveAsync(id, "owner_of_it", "A secret prompt");
        var answer = await _api.SaveAsync(id, "someone_else", "Mine");

        Assert.Equal(409, answer.Status);
        Assert.Equal("image_owned_by_another_user", answer.Problem);
        Assert.DoesNotContain("owner_of_it", answer.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", answer.Text, StringComparison.Ordinal);
        Assert.Equal("A secret prompt", (string?)(await _api.GetAsync($"/v1/gallery/{id}/")).Image["refined_prompt"]);
    }

    [Fact]
    public async Task Another_users_image_in_the_trash_is_409_too()
    {
        var id = Guid.NewGuid();
        await _api.SaveAsync(id, "owner_of_it");
        await _api.DeleteAsync($"/v1/gallery/{id}/");

        Assert.Equal(409, (await _api.SaveAsync(id, "someone_else")).Status);
    }

    [Fact]
    public async Task Fifty_identical_saves_at_once_are_one_201_and_49_times_200_and_one_row()
    {
        var id = Guid.NewGuid();
        var answers = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => _api.SaveAsync(id, "user_123", "A sunset", metadata: """{"seed":1}""")));

        Assert.Single(answers, answer => answer.Status == 201);
        Assert.Equal(49, answers.Count(answer => answer.Status == 200));
        Assert.Single(answers.Select(answer => answer.ETag).Distinct());
        Assert.Equal(1, await service.Database.FindAsync<int>("select count(*) from gallery.image where image_id = @id", new { id }));
        Assert.Equal(1, await service.Database.FindAsync<int>("select revision from gallery.image where image_id = @id", new { id }));
    }

    [Fact]
    public async Task An_upper_case_uuid_is_the_same_image()
    {
        var id = Guid.NewGuid();
        await _api.SaveAsync(id);
        var answer = await _api.SaveAsync(id, imageUrl: Api.UrlOf(id).Replace(id.ToString(), id.ToString().ToUpperInvariant(), StringComparison.Ordinal));

        Assert.Equal(200, answer.Status);
        Assert.Equal(id.ToString(), (string?)answer.Image["image_id"]);
    }

    [Fact]
    public async Task An_access_token_in_the_url_is_not_stored()
    {
        var id = Guid.NewGuid();
        var answer = await _api.SaveAsync(id, imageUrl: $"{Api.UrlOf(id)}?_a=BAV&__cld_token__=exp=1~hmac=abc");

        Assert.Equal($"{Api.UrlOf(id)}?_a=BAV", (string?)answer.Image["image_url"]);
    }

    [Theory]
    [InlineData("https://res.cloudinary.com/demo/image/upload/cat.png", "no_uuid_in_file_name")]
    [InlineData("https://images.example/550e8400-e29b-41d4-a716-446655440000.png", "host_not_allowed")]
    [InlineData("550e8400-e29b-41d4-a716-446655440000", "malformed_url")]
    public async Task A_url_without_a_usable_uuid_is_400_with_its_own_code_and_leaves_nothing(string url, string code)
    {
        var before = await service.Database.FindAsync<long>("select count(*) from gallery.image where user_id = 'url_tester'");
        var answer = await _api.SaveAsync(Guid.NewGuid(), "url_tester", imageUrl: url);

        Assert.Equal(400, answer.Status);
        Assert.Equal(code, answer.Problem);
        Assert.NotNull(answer.Error("image_url"));
        Assert.Equal(before, await service.Database.FindAsync<long>("select count(*) from gallery.image where user_id = 'url_tester'"));
    }

    [Fact]
    public async Task A_configured_image_host_is_taken()
    {
        var id = Guid.NewGuid();
        Assert.Equal(201, (await _api.SaveAsync(id, imageUrl: $"https://assets.mycoolsite.com/image/upload/v1/{id}.png")).Status);
    }
}
