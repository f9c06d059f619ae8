using System.Text.Json;
using Gallery.Tests.Service;

namespace Gallery.Tests.Batches;

/// <summary>Tags of many images in one request.</summary>
public sealed class TagBatchTests(TestService service) : IClassFixture<TestService>
{
    private readonly Api _api = service.Api;
    private readonly string _user = $"user_{Guid.NewGuid():N}";

    [Fact]
    public async Task Each_image_gets_and_loses_tags_and_has_its_outcome_in_the_order_sent()
    {
        var (plain, tagged, done, trashed) = (await SaveAsync(), await SaveAsync("Draft", "City"), await SaveAsync("Favorite"), await SaveAsync());
        await _api.DeleteAsync($"/v1/gallery/{trashed}/");

        var answer = await TagAsync([trashed, done, Guid.NewGuid(), tagged, plain], ["favorite"], ["DRAFT"]);

        Assert.Equal(200, answer.Status);
        Assert.Equal(["image_deleted", "unchanged", "image_not_found", "updated", "updated"], Words(answer));
        Assert.Equal("""{"updated":2,"unchanged":1,"failed":2}""", answer.Body["counts"]!.ToJsonString());
        Assert.Equal(["favorite"], await TagsAsync(plain));
        Assert.Equal(["City", "favorite"], await TagsAsync(tagged));
        Assert.Equal(["Favorite"], await TagsAsync(done));
        Assert.Equal(1, (int)(await _api.GetAsync($"/v1/gallery/{done}/")).Image["revision"]!);
        Assert.Equal("""["tags"]""", (await _api.GetAsync($"/v1/gallery/{plain}/history/")).Body["data"]![0]!["fields"]!.ToJsonString());
        Assert.Equal("""[{"name":"City","count":1},{"name":"favorite","count":3}]""", (await _api.GetAsync($"/v1/gallery/tags/?user_id={_user}")).Body["data"]!.ToJsonString());
    }

    [Theory]
    [InlineData("each")]
    [InlineData("all")]
    public async Task A_51st_tag_fails_its_image_alone_and_names_the_field(string mode)
    {
        var (full, free) = (await SaveAsync([.. Enumerable.Range(0, 50).Select(i => $"tag {i}")]), await SaveAsync());

        var answer = await TagAsync([free, full], ["favorite"], [], mode);

        var failed = mode == "all" ? answer.Body["item"]! : answer.Body["data"]![1]!;
        Assert.Equal((mode == "all" ? 409 : 200, 1, "validation_failed"), (answer.Status, (int)failed["index"]!, (string?)failed["code"]));
        Assert.Contains("50 tags", (string?)failed["errors"]!["tags"]![0], StringComparison.Ordinal);
        Assert.Equal(mode == "all" ? [] : ["favorite"], await TagsAsync(free));
        Assert.Equal(50, (await TagsAsync(full)).Length);
    }

    [Fact]
    public async Task The_tags_of_a_full_image_can_be_exchanged()
    {
        var full = await SaveAsync([.. Enumerable.Range(0, 50).Select(i => $"tag {i}")]);

        Assert.Equal(["updated"], Words(await TagAsync([full], ["new", "other"], ["TAG 7", "tag 8"])));
        Assert.Equal(["tag 48", "tag 49", "new", "other"], (await TagsAsync(full))[^4..]);
    }

    [Theory]
    [InlineData("", "add")]
    [InlineData(""","add":[],"remove":[]""", "add")]
    [InlineData(""","add":null""", "add")]
    [InlineData(""","add":["noir","Straße"],"remove":["STRASSE"]""", "remove")]
    [InlineData(""","add":"noir","remove":["noir"]""", "add")]
    [InlineData(""","add":["noir"],"remove":[" noir"]""", "remove")]
    [InlineData(""","add":["noir"],"tags":["noir"]""", "tags")]
    public async Task What_names_no_change_or_two_is_refused_and_named(string fields, string field)
    {
        var id = await SaveAsync("noir");

        var answer = await _api.PostAsync("/v1/gallery/batch/tags/", $$"""{"image_ids":["{{id}}"]{{fields}}}""");

        Assert.Equal((400, "validation_failed"), (answer.Status, answer.Problem));
        Assert.Equal(field, Assert.Single(answer.Body["errors"]!.AsObject()).Key);
        Assert.Equal(["noir"], await TagsAsync(id));
    }

    [Fact]
    public async Task A_tag_in_both_lists_is_named_in_the_message()
    {
        Assert.Contains("'STRASSE'", (string?)(await TagAsync([Guid.NewGuid()], ["Straße"], ["a", "STRASSE"])).Body["message"], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("each")]
    [InlineData("all")]
    public async Task A_dry_run_gives_the_same_answer_and_writes_nothing(string mode)
    {
        var (tagged, plain) = (await SaveAsync("a"), await SaveAsync());

        var dry = await TagAsync([tagged, plain, tagged], ["b"], ["a"], mode, isDry: true);
        Assert.Equal(["a"], await TagsAsync(tagged));
        var done = await TagAsync([tagged, plain, tagged], ["b"], ["a"], mode);

        Assert.Equal(["updated", "updated", "updated"], Words(done));
        Assert.Equal(done.Body["data"]!.ToJsonString(), dry.Body["data"]!.ToJsonString());
        Assert.Equal(["b"], await TagsAsync(tagged));
        Assert.Equal(2, (int)(await _api.GetAsync($"/v1/gallery/{tagged}/")).Image["revision"]!);   // an id sent twice is done once
    }

    [Fact]
    public async Task All_or_nothing_names_the_first_image_in_the_way_and_tags_none()
    {
        var (live, trashed) = (await SaveAsync(), await SaveAsync());
        await _api.DeleteAsync($"/v1/gallery/{trashed}/");

        var refused = await TagAsync([live, trashed], ["a"], [], "all");

        Assert.Equal((409, "batch_refused", "image_deleted"), (refused.Status, refused.Problem, (string?)refused.Body["item"]!["code"]));
        Assert.Empty(await TagsAsync(live));
    }

    [Fact]
    public async Task One_transaction_writes_10000_tags_at_most()
    {
        Guid[] ids = [.. Enumerable.Range(0, 201).Select(_ => Guid.NewGuid())];
        string[] add = [.. Enumerable.Range(0, 25).Select(i => $"add {i}")], remove = [.. Enumerable.Range(0, 25).Select(i => $"remove {i}")];

        foreach (var refused in new[] { await TagAsync(ids, add, remove, "all"), await TagAsync(ids, add, remove, isDry: true) })
        {
            Assert.Equal((413, "too_many_items"), (refused.Status, refused.Problem));
            Assert.StartsWith("add and remove ", (string?)refused.Body["message"], StringComparison.Ordinal);
        }

        Assert.Equal(409, (await TagAsync(ids[1..], add, remove, "all")).Status);   // image_not_found
        Assert.Equal(200, (await TagAsync(ids, add, remove)).Status);
    }

    private async Task<Guid> SaveAsync(params string[] tags)
    {
        var id = Guid.NewGuid();
        Assert.Equal(201, (await _api.SaveAsync(id, _user, tags: tags)).Status);
        return id;
    }

    private async Task<string[]> TagsAsync(Guid id) => [.. (await _api.GetAsync($"/v1/gallery/{id}/")).Image["tags"]!.AsArray().Select(tag => (string)tag!)];

    private Task<Answer> TagAsync(Guid[] ids, string[] add, string[] remove, string mode = "each", bool isDry = false) =>
        _api.PostAsync("/v1/gallery/batch/tags/", JsonSerializer.Serialize(new { image_ids = ids, add, remove, mode, dry_run = isDry }));

    private static string[] Words(Answer answer) => answer.Status == 200 ? [.. answer.Body["data"]!.AsArray().Select(result => (string)(result!["outcome"] ?? result["code"])!)] : [answer.Text];
}
