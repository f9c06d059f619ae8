using System.Text.Json.Nodes;
using Gallery.Tests.Access;
using Gallery.Tests.Service;

namespace Gallery.Tests.Sharing;

/// <summary>Images that an owner shares with another user: what that user may do with them, and when it ends.</summary>
public sealed class GrantTests(AccessFixture fixture) : IClassFixture<AccessFixture>
{
    private readonly Api _api = fixture.Api("HS256");
    private readonly string _owner = $"owner_{Guid.NewGuid():N}";
    private readonly string _friend = $"friend_{Guid.NewGuid():N}";
    private readonly Guid _id = Guid.NewGuid();

    private string Path => $"/v1/gallery/{_id}/";

    [Theory]
    [InlineData("view")]
    [InlineData("edit")]
    public async Task A_friend_finds_the_image_and_sees_it_under_shared_with_me(string role)
    {
        await ShareAsync(role);
        var found = await SendAsync(_friend, "GET", Path);

        Assert.Equal((200, _owner), (found.Status, (string?)found.Image["user_id"]));
        Assert.Equal(304, (await SendAsync(_friend, "GET", Path, null, ("If-None-Match", found.ETag!))).Status);
        var shared = (await SharedAsync()).Single()!;
        Assert.Equal((role, _id), ((string?)shared["role"], (Guid)shared["image"]!["image_id"]!));
        Assert.Equal(200, (await SendAsync(_friend, "POST", "/v1/gallery/batch/find/", $$"""{"image_ids": ["{{_id}}"]}""")).Status);
        Assert.Empty((await SendAsync(_friend, "GET", "/v1/gallery/")).Body["data"]!.AsArray());   // a list has one's own images
    }

    [Fact]
    public async Task With_edit_a_friend_edits_and_tags_and_the_history_names_them()
    {
        await ShareAsync("edit");

        Assert.Equal(200, (await SendAsync(_friend, "PATCH", Path, """{"refined_prompt": "dusk"}""")).Status);
        Assert.Equal(200, (await SendAsync(_friend, "PUT", $"{Path}tags/sea/")).Status);
        Assert.Equal(200, (await SendAsync(_friend, "DELETE", $"{Path}tags/sea/")).Status);
        var image = (await SendAsync(_owner, "GET", Path)).Image;
        Assert.Equal(("dusk", _owner), ((string?)image["refined_prompt"], (string?)image["user_id"]));
        Assert.Equal($"user:{_friend}", (string?)(await SendAsync(_owner, "GET", $"{Path}history/")).Body["data"]!.AsArray()[0]!["by"]);
    }

    [Theory]
    [InlineData("PATCH", "", """{"refined_prompt": "dusk"}""")]
    [InlineData("PUT", "tags/sea/", null)]
    public async Task With_view_a_friend_changes_nothing(string method, string action, string? body)
    {
        await ShareAsync("view");

        Assert.Equal((404, "image_not_found"), await ProblemAsync(_friend, method, Path + action, body));
        Assert.Equal(1, (int)(await SendAsync(_owner, "GET", Path)).Image["revision"]!);
    }

    [Theory]
    [InlineData("DELETE", "", null)]
    [InlineData("POST", "restore/", null)]
    [InlineData("DELETE", "permanent/", null)]
    [InlineData("GET", "history/", null)]
    [InlineData("POST", "shares/", "{}")]
    [InlineData("GET", "shares/", null)]
    [InlineData("DELETE", "shares/", null)]
    [InlineData("PUT", "grants/third/", """{"role": "view"}""")]
    [InlineData("GET", "grants/", null)]
    [InlineData("DELETE", "grants/third/", null)]
    public async Task A_friend_who_may_edit_may_not_delete_share_or_look_behind(string method, string action, string? body)
    {
        await ShareAsync("edit");
        await PutAsync("third", "view");

        Assert.Equal((404, "image_not_found"), await ProblemAsync(_friend, method, Path + action, body));
        Assert.Equal(200, (await SendAsync("third", "GET", Path)).Status);
    }

    [Fact]
    public async Task A_friend_cannot_take_the_image_over()
    {
        await ShareAsync("edit");

        Assert.Equal((403, "forbidden_owner"), await ProblemAsync(_friend, "PATCH", Path, $$"""{"user_id": "{{_friend}}", "refined_prompt": "mine"}"""));
        Assert.Equal((403, "forbidden_user_id"), await ProblemAsync(_friend, "PATCH", Path, """{"user_id": "third"}"""));
        Assert.Equal((409, "image_owned_by_another_user"), await ProblemAsync(_friend, "POST", "/v1/gallery/", $$"""{"image_url": "{{Api.UrlOf(_id)}}"}"""));
        Assert.Equal((_owner, "dawn"), ((string?)(await SendAsync(_owner, "GET", Path)).Image["user_id"], (string?)(await SendAsync(_owner, "GET", Path)).Image["refined_prompt"]));
    }

    [Theory]
    [InlineData("removed")]
    [InlineData("left")]
    [InlineData("in the trash")]
    [InlineData("restored from the trash")]
    [InlineData("purged")]
    [InlineData("another owner")]
    [InlineData("another owner, and the first again")]
    public async Task A_grant_ends(string how)
    {
        await ShareAsync("edit");
        var done = how switch
        {
            "removed" => await SendAsync(_owner, "DELETE", $"{Path}grants/{_friend}/"),
            "left" => await SendAsync(_friend, "DELETE", $"{Path}grants/{_friend}/"),
            "purged" => await SendAsync(_owner, "DELETE", $"{Path}permanent/"),
            "another owner" or "another owner, and the first again" => await _api.PatchAsync(Path, """{"user_id": "somebody"}""", ("X-API-Key", GuardedService.Key)),
            _ => await SendAsync(_owner, "DELETE", Path),
        };
        if (how == "restored from the trash") done = await SendAsync(_owner, "POST", $"{Path}restore/");
        if (how == "another owner, and the first again") done = await _api.PatchAsync(Path, $$"""{"user_id": "{{_owner}}"}""", ("X-API-Key", GuardedService.Key));
        Assert.Equal(200, done.Status);

        Assert.Equal((404, "image_not_found"), await ProblemAsync(_friend, "GET", Path));
        Assert.Equal((404, "image_not_found"), await ProblemAsync(_friend, "PATCH", Path, """{"refined_prompt": "dusk"}"""));
        Assert.Empty(await SharedAsync());
    }

    [Fact]
    public async Task A_role_can_be_changed()
    {
        await ShareAsync("edit");
        await PutAsync(_friend, "view");

        Assert.Equal(404, (await SendAsync(_friend, "PATCH", Path, """{"refined_prompt": "dusk"}""")).Status);
        Assert.Equal(["view"], (await SendAsync(_owner, "GET", $"{Path}grants/")).Body["data"]!.AsArray().Select(grant => (string?)grant!["role"]));
    }

    [Fact]
    public async Task Nobody_is_granted_their_own_image()
    {
        await SaveAsync();

        Assert.Equal((400, "validation_failed"), await ProblemAsync(_owner, "PUT", $"{Path}grants/{_owner}/", """{"role": "view"}"""));
    }

    [Theory]
    [InlineData("""{"role": "administrator"}""", "role is 'administrator'. Send view or edit.")]
    [InlineData("""{"role": ""}""", "role is ''. Send view or edit.")]
    [InlineData("""{"role": null}""", "role is required. Send view or edit.")]
    [InlineData("{}", "role is required. Send view or edit.")]
    public async Task A_role_is_view_or_edit(string body, string message)
    {
        await SaveAsync();
        var refused = await SendAsync(_owner, "PUT", $"{Path}grants/{_friend}/", body);

        Assert.Equal((400, message), (refused.Status, refused.Error("role")));
    }

    [Fact]
    public async Task A_user_id_with_a_slash_is_percent_encoded()
    {
        await SaveAsync();
        var friend = $"a/b {_friend}";

        Assert.Equal(friend, (string?)(await SendAsync(_owner, "PUT", $"{Path}grants/{Uri.EscapeDataString(friend)}/", """{"role": "view"}""")).Body["data"]!["user_id"]);
        Assert.Equal(200, (await SendAsync(friend, "GET", Path)).Status);
        Assert.True((bool)(await SendAsync(_owner, "DELETE", $"{Path}grants/{Uri.EscapeDataString(friend)}/")).Body["data"]!["removed"]!);
    }

    [Fact]
    public async Task Pages_lead_through_what_is_shared_and_with_whom()
    {
        var ids = new List<Guid>();
        for (var i = 0; i < 5; i++)
        {
            ids.Insert(0, Guid.NewGuid());
            await SaveAsync(ids[0]);
            await SendAsync(_owner, "PUT", $"/v1/gallery/{ids[0]}/grants/{_friend}/", """{"role": "view"}""");
        }

        Assert.Equal(ids.Select(id => $"{id}"), await WalkAsync(_friend, "/v1/gallery/shared-with-me/", item => (string)item["image"]!["image_id"]!));
        for (var i = 0; i < 5; i++) await SendAsync(_owner, "PUT", $"/v1/gallery/{ids[0]}/grants/user_{i}/", """{"role": "view"}""");
        Assert.Equal([_friend, "user_0", "user_1", "user_2", "user_3", "user_4"], await WalkAsync(_owner, $"/v1/gallery/{ids[0]}/grants/", item => (string)item["user_id"]!));
    }

    [Fact]
    public async Task Erasing_a_user_ends_what_is_shared_with_them_and_removes_them_from_its_history()
    {
        await ShareAsync("edit");
        await SendAsync(_friend, "PATCH", Path, """{"refined_prompt": "dusk"}""");
        Assert.Equal(200, (await _api.SendAsync(HttpMethod.Delete, $"/v1/gallery/users/{_friend}/?confirm={_friend}", null, ("X-API-Key", GuardedService.Key))).Status);

        Assert.Null((await SendAsync(_owner, "GET", $"{Path}history/")).Body["data"]!.AsArray()[0]!["by"]);
        Assert.Empty((await SendAsync(_owner, "GET", $"{Path}grants/")).Body["data"]!.AsArray());
        Assert.Equal(404, (await SendAsync(_friend, "GET", Path)).Status);
    }

    [Fact]
    public async Task A_service_key_names_the_user_of_shared_with_me()
    {
        await ShareAsync("view");
        var key = ("X-API-Key", GuardedService.Key);

        Assert.Equal(400, (await _api.GetAsync("/v1/gallery/shared-with-me/", key)).Status);
        Assert.Single((await _api.GetAsync($"/v1/gallery/shared-with-me/?user_id={_friend}", key)).Body["data"]!.AsArray());
    }

    private async Task<List<string>> WalkAsync(string user, string list, Func<JsonNode, string> read)
    {
        var items = new List<string>();
        for (string? cursor = ""; cursor is not null;)
        {
            var page = await SendAsync(user, "GET", $"{list}?limit=2{(cursor.Length > 0 ? $"&cursor={cursor}" : "")}");
            items.AddRange(page.Body["data"]!.AsArray().Select(item => read(item!)));
            cursor = page.NextCursor;
        }

        return items;
    }

    private async Task SaveAsync(Guid? id = null) => Assert.Equal(
        201, (await SendAsync(_owner, "POST", "/v1/gallery/", $$"""{"image_url": "{{Api.UrlOf(id ?? _id)}}", "refined_prompt": "dawn"}""")).Status);

    private async Task ShareAsync(string role)
    {
        await SaveAsync();
        await PutAsync(_friend, role);
    }

    private async Task PutAsync(string user, string role) => Assert.Equal(200, (await SendAsync(_owner, "PUT", $"{Path}grants/{user}/", $$"""{"role": "{{role}}"}""")).Status);

    private async Task<JsonArray> SharedAsync() => (await SendAsync(_friend, "GET", "/v1/gallery/shared-with-me/")).Body["data"]!.AsArray();

    private async Task<(int, string?)> ProblemAsync(string user, string method, string path, string? body = null)
    {
        var answer = await SendAsync(user, method, path, body);
        return (answer.Status, answer.Problem);
    }

    private Task<Answer> SendAsync(string user, string method, string path, string? body = null, params (string, string)[] headers) => _api.SendAsync(
        new HttpMethod(method), path, body is null ? null : new StringContent(body, System.Text.Encoding.UTF8, "application/json"),
        [GuardedService.Bearer(fixture.Issuer.Token("HS256", user)), .. headers]);
}
