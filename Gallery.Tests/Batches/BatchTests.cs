using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Gallery.Tests.Service;
using Npgsql;

namespace Gallery.Tests.Batches;

/// <summary>Many images in one request, each answered as a single request would be.</summary>
public sealed class BatchTests(TestService service) : IClassFixture<TestService>
{
    private const int MaximumBytes = 8 * 1024 * 1024;

    private readonly Api _api = service.Api;
    private readonly string _user = $"user_{Guid.NewGuid():N}";

    [Fact]
    public async Task Each_item_has_the_outcome_of_a_single_save_in_the_order_sent()
    {
        var (created, unchanged, updated, trashed, others, purged) = (Guid.NewGuid(), await SaveAsync("dawn"), await SaveAsync(), await SaveAsync(), Guid.NewGuid(), await SaveAsync());
        await _api.SaveAsync(others, "someone_else");
        await _api.DeleteAsync($"/v1/gallery/{trashed}/");
        await _api.DeleteAsync($"/v1/gallery/{purged}/permanent/");

        var answer = await SaveAllAsync("", Item(purged), Item(trashed), Item(unchanged, "dusk"), Item(others), Item(created), Item(updated, "noon"));

        Assert.Equal(200, answer.Status);
        Assert.Equal(["image_purged", "in_trash", "unchanged", "image_owned_by_another_user", "created", "updated"], Words(answer));
        Assert.Equal([purged, trashed, unchanged, others, created, updated], Results(answer).Select(result => (Guid)result["image_id"]!));
        Assert.Equal(Enumerable.Range(0, 6), Results(answer).Select(result => (int)result["index"]!));
        Assert.Equal("""["refined_prompt"]""", Results(answer)[2]["kept"]!.ToJsonString());
        Assert.Equal("""{"created":1,"updated":1,"unchanged":1,"in_trash":1,"failed":2}""", answer.Body["counts"]!.ToJsonString());
        Assert.Equal("noon", (string?)(await _api.GetAsync($"/v1/gallery/{updated}/")).Image["refined_prompt"]);
        Assert.Equal(2, (int)(await _api.GetAsync($"/v1/gallery/{updated}/")).Image["revision"]!);
        Assert.Equal(["created"], Words(await SaveAllAsync("?recreate=true", Item(purged))));
    }

    [Fact]
    public async Task Images_are_found_deleted_restored_and_purged_together()
    {
        var (live, trashed, unknown) = (await SaveAsync("dawn"), await SaveAsync(), Guid.NewGuid());
        await _api.DeleteAsync($"/v1/gallery/{trashed}/");

        var found = await RunAsync("find", trashed, unknown, live);
        Assert.Equal(["image_deleted", "image_not_found", "found"], Words(found));
        Assert.Equal((await _api.GetAsync($"/v1/gallery/{live}/")).Image.ToJsonString(), Results(found)[2]["image"]!.ToJsonString());
        Assert.Equal(["unchanged", "image_not_found", "deleted"], Words(await RunAsync("delete", trashed, unknown, live)));
        Assert.Equal(["restored", "restored", "image_not_found"], Words(await RunAsync("restore", trashed, live, unknown)));
        Assert.Equal("""{"restored":0,"unchanged":2,"failed":0}""", (await RunAsync("restore", trashed, live)).Body["counts"]!.ToJsonString());
        Assert.Equal(["purged", "image_not_found", "purged"], Words(await RunAsync("permanent", live, unknown, trashed)));
        Assert.Equal(410, (await _api.SaveAsync(live, _user)).Status);
    }

    [Fact]
    public async Task An_id_sent_twice_is_done_once_and_answered_twice()
    {
        var id = await SaveAsync();

        Assert.Equal(["deleted", "image_not_found", "deleted"], Words(await RunAsync("delete", id, Guid.NewGuid(), id)));
        Assert.Equal(2, (await _api.GetAsync($"/v1/gallery/{id}/history/")).Body["data"]!.AsArray().Count);
        Assert.Equal(["purged", "purged"], Words(await RunAsync("permanent", id, id)));
    }

    [Fact]
    public async Task Different_saves_of_one_image_all_count_and_equal_ones_once()
    {
        var id = Guid.NewGuid();
        var first = Item(id, metadata: """{"a": 1}""");

        var answer = await SaveAllAsync("", first, Item(id, "dawn"), first.DeepClone(), Item(id, "dusk", """{"a": 2, "b": 2}"""));

        Assert.Equal(["created", "updated", "created", "updated"], Words(answer));
        Assert.Equal("""["refined_prompt","metadata.a"]""", Results(answer)[3]["kept"]!.ToJsonString());
        var image = (await _api.GetAsync($"/v1/gallery/{id}/")).Image;
        Assert.Equal(("dawn", """{"a":1,"b":2}""", 3), ((string?)image["refined_prompt"], image["metadata"]!.ToJsonString(), (int)image["revision"]!));
    }

    [Fact]
    public async Task A_bad_item_fails_alone_and_names_its_place_and_field()
    {
        var id = Guid.NewGuid();
        var faulty = Guid.NewGuid();
        var items = new JsonArray(Item(id), 5, new JsonObject { ["user_id"] = _user, ["image_url"] = "cat.png" }, new JsonObject { ["image_url"] = Api.UrlOf(faulty), ["x"] = 1 });

        var answer = await PostAsync("save", new JsonObject { ["items"] = items });

        Assert.Equal(["created", "validation_failed", "malformed_url", "validation_failed"], Words(answer));
        Assert.Equal([null, "items", "image_url", "x,user_id"], Results(answer).Select(result => result["errors"] is { } errors ? string.Join(',', errors.AsObject().Select(error => error.Key)) : null));
        Assert.Equal([id, null, null, faulty], Results(answer).Select(result => (Guid?)result["image_id"]));
        Assert.Equal(Guid.Empty, (Guid?)Results(await RunAsync("find", Guid.Empty))[0]["image_id"]);
        Assert.Equal(["found", "validation_failed", "validation_failed"], Words(await PostAsync("find", new JsonObject { ["image_ids"] = new JsonArray(id.ToString(), "8d76bd3a053e4bb5a2abce147e53f40c", null) })));
    }

    [Fact]
    public async Task An_item_that_breaks_a_rule_of_the_table_fails_alone()
    {
        var large = await SaveAsync();
        var id = Guid.NewGuid();
        string Half(string key) => $$"""{"{{key}}": "{{new string('x', 50_000)}}"}""";
        Assert.Equal(["updated"], Words(await SaveAllAsync("", Item(large, metadata: Half("a")))));

        foreach (var mode in new[] { "dry", "each" })
        {
            var answer = await PostAsync("save", new JsonObject { ["items"] = new JsonArray(Item(large, metadata: Half("b")), Item(id)), ["dry_run"] = mode == "dry" });
            Assert.Equal(["validation_failed", "created"], Words(answer));
            Assert.NotNull(Results(answer)[0]["errors"]!["metadata"]);
        }

        var refused = await PostAsync("save", new JsonObject { ["items"] = new JsonArray(Item(Guid.NewGuid()), Item(large, metadata: Half("b"))), ["mode"] = "all" });
        Assert.Equal((409, 1, "validation_failed"), (refused.Status, (int)refused.Body["item"]!["index"]!, (string?)refused.Body["item"]!["code"]));
    }

    [Theory]
    [InlineData("delete", "deleted")]
    [InlineData("restore", "unchanged")]
    [InlineData("permanent", "purged")]
    public async Task All_or_nothing_names_the_first_item_in_the_way_and_writes_nothing(string route, string outcome)
    {
        var (first, second, unknown) = (await SaveAsync(), await SaveAsync(), Guid.NewGuid());

        var refused = await PostAsync(route, Body([first, unknown, Guid.NewGuid(), second], "all"));
        Assert.Equal((409, "batch_refused"), (refused.Status, refused.Problem));
        Assert.Equal((1, unknown, "image_not_found"), ((int)refused.Body["item"]!["index"]!, (Guid)refused.Body["item"]!["image_id"]!, (string?)refused.Body["item"]!["code"]));
        Assert.Equal(["found", "found"], Words(await RunAsync("find", first, second)));

        Assert.Equal([outcome, outcome], Words(await PostAsync(route, Body([first, second], "all"))));
        Assert.Equal(outcome == "unchanged" ? 200 : 404, (await _api.GetAsync($"/v1/gallery/{second}/")).Status);
    }

    [Fact]
    public async Task All_or_nothing_refuses_an_invalid_save_and_takes_unchanged_ones()
    {
        var (saved, other) = (await SaveAsync(), Guid.NewGuid());
        var items = new JsonArray(Item(other), Item(saved), new JsonObject { ["image_url"] = Api.UrlOf(Guid.NewGuid()) });

        var refused = await PostAsync("save", new JsonObject { ["items"] = items, ["mode"] = "all" });
        Assert.Equal((409, 2, "validation_failed"), (refused.Status, (int)refused.Body["item"]!["index"]!, (string?)refused.Body["item"]!["code"]));
        Assert.NotNull(refused.Body["item"]!["errors"]!["user_id"]);
        Assert.Equal(404, (await _api.GetAsync($"/v1/gallery/{other}/")).Status);

        items.RemoveAt(2);
        Assert.Equal(["created", "unchanged"], Words(await PostAsync("save", new JsonObject { ["items"] = items.DeepClone(), ["mode"] = "all" })));
        Assert.Equal(200, (await _api.GetAsync($"/v1/gallery/{other}/")).Status);
    }

    [Theory]
    [InlineData("each")]
    [InlineData("all")]
    public async Task A_dry_run_gives_the_same_answer_and_writes_nothing(string mode)
    {
        var (saved, created) = (await SaveAsync(), Guid.NewGuid());
        JsonObject Saves(bool isDry) => new() { ["items"] = new JsonArray(Item(created), Item(saved, "dawn"), Item(created, "dusk")), ["mode"] = mode, ["dry_run"] = isDry };

        var dry = await PostAsync("save", Saves(isDry: true));
        Assert.Equal(404, (await _api.GetAsync($"/v1/gallery/{created}/")).Status);
        Assert.Equal(1, (int)(await _api.GetAsync($"/v1/gallery/{saved}/")).Image["revision"]!);
        Assert.Equal("image_not_found", (await _api.GetAsync($"/v1/gallery/{created}/history/")).Problem);
        var done = await PostAsync("save", Saves(isDry: false));

        Assert.Equal(["created", "updated", "updated"], Words(done));
        Assert.Equal(done.Body["data"]!.ToJsonString(), dry.Body["data"]!.ToJsonString());
        Assert.Equal(done.Body["counts"]!.ToJsonString(), dry.Body["counts"]!.ToJsonString());
        Assert.Equal(["purged"], Words(await PostAsync("permanent", Body([saved], mode, isDry: true))));
        Assert.Equal(200, (await _api.GetAsync($"/v1/gallery/{saved}/")).Status);
    }

    [Theory]
    [InlineData("""{}""", "image_ids")]
    [InlineData("""{"image_ids": []}""", "image_ids")]
    [InlineData("""{"image_ids": null}""", "image_ids")]
    [InlineData("""{"image_ids": {}}""", "image_ids")]
    [InlineData("""{"image_ids": ["x"], "mode": "ALL"}""", "mode")]
    [InlineData("""{"image_ids": ["x"], "dry_run": "true"}""", "dry_run")]
    [InlineData("""{"image_ids": ["x"], "items": []}""", "items")]
    public async Task A_batch_with_a_fault_of_its_own_is_refused_whole(string body, string field)
    {
        var answer = await _api.PostAsync("/v1/gallery/batch/delete/", body);

        Assert.Equal((400, "validation_failed"), (answer.Status, answer.Problem));
        Assert.NotNull(answer.Error(field));
    }

    [Fact]
    public async Task A_batch_has_1000_items_at_most_and_8_MB()
    {
        Guid[] ids = [.. Enumerable.Range(0, 1001).Select(_ => Guid.NewGuid())];
        foreach (var tooMany in new[] { await RunAsync("find", ids), await RunAsync("permanent", ids), await SaveAllAsync("", [.. ids.Select(id => Item(id))]) })
            Assert.Equal((413, "too_many_items"), (tooMany.Status, tooMany.Problem));
        Assert.Equal(1000, (int)(await RunAsync("find", ids[1..])).Body["counts"]!["failed"]!);

        var body = Body([ids[0]]).ToJsonString();
        Assert.Equal(200, (await _api.PostAsync("/v1/gallery/batch/find/", body.PadRight(MaximumBytes))).Status);
        Assert.Equal("body_too_large", (await _api.PostAsync("/v1/gallery/batch/find/", body.PadRight(MaximumBytes + 1))).Problem);
    }

    [Fact]
    public async Task Saves_of_several_megabytes_and_finds_of_more_than_8_are_answered_item_by_item()
    {
        Guid[] ids = [.. Enumerable.Range(0, 130).Select(_ => Guid.NewGuid())];
        var metadata = $$"""{"a": "{{new string('x', 60_000)}}"}""";

        await PostUntilDoneAsync("save", () => new JsonObject { ["items"] = new JsonArray([.. ids.Select(id => Item(id, metadata: metadata))]) });
        var found = await RunAsync("find", [.. ids, .. ids]);

        var words = Words(found);
        Assert.InRange(Encoding.UTF8.GetByteCount(found.Text), MaximumBytes / 2, MaximumBytes + 100_000);
        Assert.Equal(["found", "answer_full"], words.Distinct().Order(StringComparer.Ordinal).Reverse());
        Guid[] rest = [.. ids.Where((_, i) => words[i] == "answer_full")];
        Assert.All(Words(await RunAsync("find", rest[..10])), word => Assert.Equal("found", word));
    }

    [Fact]
    public async Task Batches_over_the_same_images_in_opposite_orders_end_without_an_error()
    {
        Guid[] ids = [.. Enumerable.Range(0, 300).Select(_ => Guid.NewGuid())];
        string[] modes = ["each", "all", "each", "all"];

        await Task.WhenAll(modes.Select((mode, i) => PostUntilDoneAsync("save", () => new JsonObject
        {
            ["items"] = new JsonArray([.. (i % 2 == 0 ? ids : ids.Reverse()).Select(id => Item(id, metadata: $$"""{"k{{i}}": 1}"""))]),
            ["mode"] = mode,
        })));
        Assert.All(Results(await RunAsync("find", ids)), result => Assert.Equal(4, result["image"]!["metadata"]!.AsObject().Count));

        await Task.WhenAll(modes.Select((mode, i) => PostUntilDoneAsync(i < 2 ? "delete" : "restore", () => Body(i % 2 == 0 ? ids : [.. ids.Reverse()], mode))));
    }

    [Fact]
    public async Task A_locked_image_fails_alone_and_makes_all_or_nothing_do_nothing()
    {
        var (locked, free) = (await SaveAsync(), await SaveAsync());
        await using var connection = new NpgsqlConnection(service.Database.ConnectionString);
        await connection.OpenAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await using var command = new NpgsqlCommand($"select from gallery.image where image_id = '{locked}' for update", connection);
        await command.ExecuteNonQueryAsync();

        var whole = await PostAsync("delete", Body([free, locked], "all"));
        Assert.Equal((503, "database_timeout"), (whole.Status, whole.Problem));
        Assert.Equal(200, (await _api.GetAsync($"/v1/gallery/{free}/")).Status);
        Assert.Equal(["database_timeout", "deleted"], Words(await RunAsync("delete", locked, free)));
        Assert.Equal((503, "database_timeout"), ((await RunAsync("delete", locked)).Status, (await RunAsync("delete", locked)).Problem));

        await transaction.RollbackAsync();
        Assert.Equal(["deleted", "unchanged"], Words(await PostAsync("delete", Body([locked, free], "all"))));
    }

    [Fact]
    public async Task An_item_larger_than_a_single_save_may_be_fails_alone()
    {
        var answer = await SaveAllAsync("", Item(Guid.NewGuid(), new string('x', 300_000)), Item(Guid.NewGuid()));

        Assert.Equal(["body_too_large", "created"], Words(answer));
    }

    [Fact]
    public async Task The_messages_of_one_answer_are_bounded_and_each_failed_item_keeps_its_code()
    {
        var bad = new JsonObject(Enumerable.Range(0, 16).Select(i => KeyValuePair.Create($"{i}{new string('x', 90)}", (JsonNode?)1)));
        var answer = await SaveAllAsync("", [.. Enumerable.Range(0, 500).Select(_ => bad.DeepClone())]);

        Assert.InRange(answer.Text.Length, 200_000, 400_000);
        Assert.All(Words(answer), code => Assert.Equal("validation_failed", code));
    }

    [Fact]
    public async Task More_batches_at_once_than_may_wait_are_refused_and_the_others_done()
    {
        var answers = await Task.WhenAll(Enumerable.Range(0, 40).Select(_ => SaveAllAsync("", [.. Enumerable.Range(0, 100).Select(_ => Item(Guid.NewGuid()))])));

        Assert.All(answers, answer => Assert.True(answer.Status == 200 || (answer.Status, answer.Problem) == (503, "overloaded"), answer.Text));
        Assert.InRange(answers.Count(answer => answer.Status == 200), 2, 40);
    }

    /// <summary>On a busy machine a batch may run out of time or wait too long, and a row may be locked for longer than a statement waits. Anything else is an error.</summary>
    private async Task PostUntilDoneAsync(string route, Func<JsonObject> body)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        while (true)
        {
            patience.Token.ThrowIfCancellationRequested();
            var answer = await PostAsync(route, body());
            string?[] codes = answer.Status == 200 ? [.. Results(answer).Select(result => (string?)result["code"]).OfType<string>().Distinct()] : [answer.Problem];
            if (codes is []) return;
            Assert.All(codes, code => Assert.Contains(code, new[] { "database_timeout", "overloaded" }));
        }
    }

    private async Task<Guid> SaveAsync(string? prompt = null)
    {
        var id = Guid.NewGuid();
        await _api.SaveAsync(id, _user, prompt);
        return id;
    }

    private JsonObject Item(Guid id, string? prompt = null, string? metadata = null) => new()
    {
        ["user_id"] = _user,
        ["image_url"] = Api.UrlOf(id),
        ["refined_prompt"] = prompt,
        ["metadata"] = metadata is null ? null : JsonNode.Parse(metadata),
    };

    private static JsonObject Body(Guid[] ids, string mode = "each", bool isDry = false) =>
        new() { ["image_ids"] = JsonSerializer.SerializeToNode(ids), ["mode"] = mode, ["dry_run"] = isDry };

    private Task<Answer> RunAsync(string route, params Guid[] ids) => PostAsync(route, Body(ids));

    private Task<Answer> SaveAllAsync(string query, params JsonNode[] items) => _api.PostAsync($"/v1/gallery/batch/save/{query}", new JsonObject { ["items"] = new JsonArray(items) }.ToJsonString());

    private Task<Answer> PostAsync(string route, JsonObject body) => _api.PostAsync($"/v1/gallery/batch/{route}/", body.ToJsonString());

    private static JsonNode[] Results(Answer answer) => [.. answer.Body["data"]!.AsArray().Select(result => result!)];

    /// <summary>Each item's outcome or code.</summary>
    private static string[] Words(Answer answer) => answer.Status == 200 ? [.. Results(answer).Select(result => (string)(result["outcome"] ?? result["code"])!)] : [answer.Text];
}
