using Gallery.Tests.Access;
using Gallery.Tests.Service;
using Npgsql;

namespace Gallery.Tests.Batches;

/// <summary>What a user's token reaches with a batch: what it reaches with single requests.</summary>
public sealed class BatchAccessTests(AccessFixture fixture) : IClassFixture<AccessFixture>
{
    private readonly Api _api = fixture.Api("HS256");
    private readonly string _user = $"user_{Guid.NewGuid():N}";
    private readonly string _other = $"user_{Guid.NewGuid():N}";

    [Theory]
    [InlineData("find", "found")]
    [InlineData("delete", "deleted")]
    [InlineData("restore", "unchanged")]
    [InlineData("tags", "updated")]
    [InlineData("permanent", "purged")]
    public async Task Another_users_image_is_as_unknown_as_one_that_never_was(string route, string outcome)
    {
        var (own, theirs, nobodys) = (Guid.NewGuid(), Guid.NewGuid(), Guid.NewGuid());
        foreach (var (id, user) in new[] { (own, _user), (theirs, _other) })
            Assert.Equal(201, (await _api.PostAsync("/v1/gallery/", $$"""{"user_id":"{{user}}","image_url":"{{Api.UrlOf(id)}}"}""", ("X-API-Key", GuardedService.Key))).Status);
        string Body(string mode) => $$"""{"image_ids":["{{theirs}}","{{nobodys}}","{{own}}"],"mode":"{{mode}}"{{(route == "tags" ? ",\"add\":[\"a\"]" : "")}}}""";

        var whole = await SendAsync(route, Body("all"));
        Assert.Equal((409, "image_not_found"), (whole.Status, (string?)whole.Body["item"]!["code"]));
        var answer = await SendAsync(route, Body("each"));

        Assert.Equal(["image_not_found", "image_not_found", outcome], Words(answer));
        Assert.Equal(
            answer.Body["data"]![1]!["message"]!.ToJsonString().Replace($"{nobodys}", $"{theirs}", StringComparison.Ordinal), answer.Body["data"]![0]!["message"]!.ToJsonString());
        Assert.Equal(200, (await _api.GetAsync($"/v1/gallery/{theirs}/", ("X-API-Key", GuardedService.Key))).Status);
    }

    [Fact]
    public async Task A_user_saves_under_their_own_id_only()
    {
        var (own, named, anothers) = (Guid.NewGuid(), Guid.NewGuid(), Guid.NewGuid());
        var answer = await SendAsync("save", $$"""
            {"items":[{"image_url":"{{Api.UrlOf(own)}}"},{"image_url":"{{Api.UrlOf(named)}}","user_id":"{{_user}}"},{"image_url":"{{Api.UrlOf(anothers)}}","user_id":"{{_other}}"}]}
            """);

        Assert.Equal(["created", "created", "forbidden_user_id"], Words(answer));
        Assert.NotNull(answer.Body["data"]![2]!["errors"]!["user_id"]);
        Assert.Equal(_user, await fixture.Database.FindAsync<string>("select user_id from gallery.image where image_id = @own", new { own }));
        Assert.Null(await fixture.Database.FindAsync<string>("select user_id from gallery.image where image_id = @anothers", new { anothers }));
    }

    [Fact]
    public async Task A_user_has_one_batch_that_runs_and_one_that_waits_and_keeps_no_one_else_out()
    {
        var id = Guid.NewGuid();
        Assert.Equal(201, (await _api.PostAsync("/v1/gallery/", $$"""{"user_id":"{{_user}}","image_url":"{{Api.UrlOf(id)}}"}""", ("X-API-Key", GuardedService.Key))).Status);
        await using var connection = new NpgsqlConnection(fixture.Database.ConnectionString);
        await connection.OpenAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await using var command = new NpgsqlCommand($"select from gallery.image where image_id = '{id}' for update", connection);
        await command.ExecuteNonQueryAsync();   // so that the user's batches take long

        var own = Enumerable.Range(0, 8).Select(_ => SendAsync("delete", $$"""{"image_ids":["{{id}}"]}""")).ToList();
        await Task.WhenAny(own);
        var other = await _api.PostAsync("/v1/gallery/batch/find/", $$"""{"image_ids":["{{Guid.NewGuid()}}"]}""", ("X-API-Key", GuardedService.Key));

        Assert.Equal(200, other.Status);
        Assert.InRange((await Task.WhenAll(own)).Count(answer => answer.Problem == "overloaded"), 1, 7);
    }

    [Fact]
    public async Task A_save_of_another_users_image_does_not_wait_for_its_row()
    {
        var id = Guid.NewGuid();
        Assert.Equal(201, (await _api.PostAsync("/v1/gallery/", $$"""{"user_id":"{{_other}}","image_url":"{{Api.UrlOf(id)}}"}""", ("X-API-Key", GuardedService.Key))).Status);
        await using var connection = new NpgsqlConnection(fixture.Database.ConnectionString);
        await connection.OpenAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await using var command = new NpgsqlCommand($"select from gallery.image where image_id = '{id}' for update", connection);
        await command.ExecuteNonQueryAsync();

        Assert.Equal(["image_owned_by_another_user"], Words(await SendAsync("save", $$"""{"items":[{"image_url":"{{Api.UrlOf(id)}}"}]}""")));
    }

    [Fact]
    public async Task Only_a_service_key_creates_purged_images_again()
    {
        var answer = await SendAsync("save/?recreate=true", $$"""{"items":[{"image_url":"{{Api.UrlOf(Guid.NewGuid())}}"}]}""");

        Assert.Equal((403, "forbidden_recreate"), (answer.Status, answer.Problem));
    }

    private Task<Answer> SendAsync(string route, string body) =>
        _api.PostAsync($"/v1/gallery/batch/{route}{(route.Contains('?', StringComparison.Ordinal) ? "" : "/")}", body, GuardedService.Bearer(fixture.Issuer.Token("HS256", _user)));

    private static IEnumerable<string> Words(Answer answer) => answer.Body["data"]!.AsArray().Select(result => (string)(result!["outcome"] ?? result["code"])!);
}
