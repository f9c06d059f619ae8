using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Gallery.Tests.Service;

namespace Gallery.Tests.Access;

/// <summary>What a user's token reaches: their own images, and no sign of any other.</summary>
public sealed partial class UsersImagesTests(AccessFixture fixture) : IClassFixture<AccessFixture>
{
    private readonly Api _api = fixture.Api("HS256");
    private readonly string _user = $"user_{Guid.NewGuid():N}";
    private readonly string _other = $"user_{Guid.NewGuid():N}";

    [Theory]
    [InlineData("GET", "", false)]
    [InlineData("GET", "", true)]
    [InlineData("HEAD", "", false)]
    [InlineData("DELETE", "", false)]
    [InlineData("DELETE", "", true)]
    [InlineData("POST", "restore/", false)]
    [InlineData("POST", "restore/", true)]
    [InlineData("DELETE", "permanent/", false)]
    [InlineData("DELETE", "permanent/", true)]
    public async Task Anothers_image_is_as_unknown_as_one_that_never_was(string method, string action, bool inTrash)
    {
        var (theirs, nobodys) = (await SaveAsync(_other), Guid.NewGuid());
        if (inTrash) Assert.Equal(200, (await SendAsync(_other, "DELETE", $"{theirs}/")).Status);

        var (found, unknown) = (
            await SendAsync(_user, method, $"{theirs}/{action}", null, ("If-None-Match", "*")),
            await SendAsync(_user, method, $"{nobodys}/{action}", null, ("If-None-Match", "*")));

        Assert.Equal(404, found.Status);
        Assert.Equal(Comparable(unknown, nobodys), Comparable(found, theirs));
        Assert.NotNull(await fixture.Database.FindAsync<Guid?>("select image_id from gallery.image where image_id = @theirs and (deleted_at is not null) = @inTrash", new { theirs, inTrash }));
    }

    [Fact]
    public async Task A_new_owner_sees_the_history_from_then_on()
    {
        var (id, key) = (Guid.NewGuid(), ("X-API-Key", GuardedService.Key));
        var body = $$"""{"user_id":"old_owner","image_url":"{{Api.UrlOf(id)}}"}""";
        Assert.Equal(201, (await _api.PostAsync("/v1/gallery/", body, key)).Status);
        Assert.Equal(200, (await _api.PatchAsync($"/v1/gallery/{id}/", """{"user_id":"new_owner"}""", key)).Status);

        var seen = await _api.GetAsync($"/v1/gallery/{id}/history/", GuardedService.Bearer(fixture.Issuer.Token("HS256", "new_owner")));
        Assert.Equal(["edited"], seen.Body["data"]!.AsArray().Select(item => (string?)item!["event"]));
        Assert.Equal(404, (await _api.GetAsync($"/v1/gallery/{id}/history/", GuardedService.Bearer(fixture.Issuer.Token("HS256", "old_owner")))).Status);
        Assert.Equal(["key:pipeline", "key:pipeline"], (await _api.GetAsync($"/v1/gallery/{id}/history/", key)).Body["data"]!.AsArray().Select(item => (string?)item!["by"]));
    }

    [Theory]
    [InlineData("metadata.customer=Acme")]
    [InlineData("intent=patient-report")]
    public async Task An_estimate_tells_nothing_of_others_images(string filter)
    {
        await SaveAsync(_user);
        Assert.Equal("0", (await SendAsync(_user, "GET", $"?count=estimated&{filter}")).Body["pagination"]!["count"]!.ToJsonString());
    }

    [Fact]
    public async Task A_user_cannot_give_their_own_image_away()
    {
        var imageId = await SaveAsync(_user);
        var refused = await SendAsync(_user, "PATCH", $"{imageId}/", $$"""{"user_id":"{{_other}}"}""");

        Assert.Equal((403, "forbidden_user_id", 200), (refused.Status, refused.Problem, (await SendAsync(_user, "GET", $"{imageId}/")).Status));
    }

    [Fact]
    public async Task A_users_etag_matches_for_them_alone()
    {
        var imageId = await SaveAsync(_user);
        var etag = (await SendAsync(_user, "GET", $"{imageId}/")).ETag!;

        Assert.Equal(304, (await SendAsync(_user, "GET", $"{imageId}/", null, ("If-None-Match", etag))).Status);
        Assert.Equal(404, (await SendAsync(_other, "GET", $"{imageId}/", null, ("If-None-Match", etag))).Status);
    }

    [Theory]
    [InlineData("""{"image_url":"URL"}""")]
    [InlineData("""{"image_url":"URL","user_id":null}""")]
    [InlineData("""{"image_url":"URL","user_id":"USER"}""")]
    public async Task A_save_without_user_id_is_the_tokens_users(string body)
    {
        var imageId = Guid.NewGuid();
        var saved = await SendAsync(_user, "POST", "", body.Replace("URL", Api.UrlOf(imageId), StringComparison.Ordinal).Replace("USER", _user, StringComparison.Ordinal));

        Assert.Equal((201, _user), (saved.Status, (string?)saved.Image["user_id"]));
    }

    [Fact]
    public async Task A_save_for_another_user_is_forbidden_and_saves_nothing()
    {
        var imageId = Guid.NewGuid();
        var saved = await SendAsync(_user, "POST", "", $$"""{"image_url":"{{Api.UrlOf(imageId)}}","user_id":"{{_other}}"}""");

        Assert.Equal((403, "forbidden_user_id"), (saved.Status, saved.Problem));
        Assert.NotNull(saved.Error("user_id"));
        Assert.Null(await fixture.Database.FindAsync<Guid?>("select image_id from gallery.image where image_id = @imageId", new { imageId }));
    }

    [Fact]
    public async Task A_service_key_says_whose_image_it_saves()
    {
        using var body = Json($$"""{"image_url":"{{Api.UrlOf(Guid.NewGuid())}}"}""");
        var saved = await _api.SendAsync(HttpMethod.Post, "/v1/gallery/", body, ("X-API-Key", GuardedService.Key));

        Assert.Equal(400, saved.Status);
        Assert.Contains("required", saved.Error("user_id"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("deleted/")]
    public async Task A_list_without_user_id_is_the_tokens_users_page_by_page(string list)
    {
        var mine = new[] { await SaveAsync(_user), await SaveAsync(_user), await SaveAsync(_user) };
        var theirs = await SaveAsync(_other);
        if (list.Length > 0)
            foreach (var (user, id) in mine.Select(id => (_user, id)).Append((_other, theirs)))
                Assert.Equal(200, (await SendAsync(user, "DELETE", $"{id}/")).Status);

        var first = await SendAsync(_user, "GET", $"{list}?limit=2");
        var next = LinkTarget().Match(first.Headers.GetValues("Link").Single()).Groups[1].Value;
        var second = await SendAsync(_user, "GET", new Uri(next).PathAndQuery["/v1/gallery/".Length..]);

        Assert.Equal(mine.Reverse(), first.Ids.Concat(second.Ids));
        Assert.Null(second.NextCursor);
        Assert.Equal(second.Ids, (await SendAsync(_user, "GET", $"{list}?limit=2&user_id={_user}&cursor={first.NextCursor}")).Ids);
    }

    [Theory]
    [InlineData("")]
    [InlineData("deleted/")]
    public async Task Anothers_list_is_forbidden(string list)
    {
        var answer = await SendAsync(_user, "GET", $"{list}?user_id={_other}");

        Assert.Equal((403, "forbidden_user_id"), (answer.Status, answer.Problem));
        Assert.NotNull(answer.Error("user_id"));
    }

    [Fact]
    public async Task Anothers_cursor_is_refused()
    {
        await SaveAsync(_other);
        await SaveAsync(_other);
        var cursor = (await SendAsync(_other, "GET", "?limit=1")).NextCursor;
        var everyones = (await _api.GetAsync("/v1/gallery/?limit=1", ("X-API-Key", GuardedService.Key))).NextCursor;

        Assert.Equal("invalid_cursor", (await SendAsync(_user, "GET", $"?limit=1&cursor={cursor}")).Problem);
        Assert.Equal("invalid_cursor", (await SendAsync(_user, "GET", $"?limit=1&cursor={everyones}")).Problem);
    }

    [Fact]
    public async Task Users_may_save_nothing_unless_a_setting_allows_it()
    {
        await using var service = await GuardedService.StartAsync(
            fixture.Database.ConnectionString, GuardedService.Keys, $"SUPABASE_URL={fixture.Issuer.Url}", $"SUPABASE_JWT_SECRET={TestIssuer.Secret}");
        var (mine, nobodys) = (await SaveAsync(_user), Guid.NewGuid());

        foreach (var text in new[] { $$"""{"image_url":"{{Api.UrlOf(mine)}}","intent":"new"}""", $$"""{"image_url":"{{Api.UrlOf(nobodys)}}"}""", "{}", "no JSON" })
        {
            using var body = Json(text);
            var refused = await service.Api.SendAsync(HttpMethod.Post, "/v1/gallery/", body, GuardedService.Bearer(fixture.Issuer.Token("HS256", _user)));
            Assert.Equal((403, "forbidden_save"), (refused.Status, refused.Problem));
            Assert.Contains("GALLERY_USERS_MAY_SAVE=true", refused.Text, StringComparison.Ordinal);
        }

        Assert.Null(await fixture.Database.FindAsync<Guid?>("select image_id from gallery.image where image_id = @nobodys or image_id = @mine and intent is not null", new { nobodys, mine }));
        using var byKey = Json($$"""{"image_url":"{{Api.UrlOf(nobodys)}}","user_id":"{{_user}}"}""");
        Assert.Equal(201, (await service.Api.SendAsync(HttpMethod.Post, "/v1/gallery/", byKey, ("X-API-Key", GuardedService.Key))).Status);
        Assert.Equal(200, (await service.Api.GetAsync($"/v1/gallery/{nobodys}/", GuardedService.Bearer(fixture.Issuer.Token("HS256", _user)))).Status);
    }

    [Fact]
    public async Task Where_users_may_not_purge_only_service_keys_do()
    {
        await using var service = await fixture.StartAsync($"SUPABASE_JWT_SECRET={TestIssuer.Secret}", "GALLERY_USERS_MAY_PURGE=false");
        var (mine, nobodys) = (await SaveAsync(_user), Guid.NewGuid());
        var token = GuardedService.Bearer(fixture.Issuer.Token("HS256", _user));

        foreach (var id in new[] { mine, nobodys })
        {
            var refused = await service.Api.SendAsync(HttpMethod.Delete, $"/v1/gallery/{id}/permanent/", null, token);
            Assert.Equal((403, "forbidden_purge"), (refused.Status, refused.Problem));
        }

        Assert.Equal(200, (await service.Api.SendAsync(HttpMethod.Delete, $"/v1/gallery/{mine}/", null, token)).Status);
        Assert.Equal("forbidden_purge", (await service.Api.PostAsync("/v1/gallery/deleted/empty/", null, token)).Problem);
        Assert.Equal(200, (await service.Api.SendAsync(HttpMethod.Delete, $"/v1/gallery/{mine}/permanent/", null, ("X-API-Key", GuardedService.Key))).Status);
    }

    private async Task<Guid> SaveAsync(string user)
    {
        var imageId = Guid.NewGuid();
        Assert.Equal(201, (await SendAsync(user, "POST", "", $$"""{"image_url":"{{Api.UrlOf(imageId)}}","refined_prompt":"a secret"}""")).Status);
        return imageId;
    }

    private async Task<Answer> SendAsync(string user, string method, string path, string? json = null, params (string Name, string Value)[] headers)
    {
        using var body = json is null ? null : Json(json);
        return await _api.SendAsync(new HttpMethod(method), $"/v1/gallery/{path}", body, [GuardedService.Bearer(fixture.Issuer.Token("HS256", user)), .. headers]);
    }

    private static StringContent Json(string json) => new(json, Encoding.UTF8, "application/json");

    /// <summary>All of an answer but what differs from request to request: the id that was asked for, the time, the trace.</summary>
    private static string Comparable(Answer answer, Guid id)
    {
        var headers = answer.Headers.Concat(answer.ContentHeaders).Where(header => !new[] { "Date", "X-Request-Id" }.Contains(header.Key, StringComparer.OrdinalIgnoreCase)).Select(header => $"{header.Key}: {string.Join(", ", header.Value)}");
        var text = answer.Text;
        if (text.Length > 0) text = text.Replace((string)JsonNode.Parse(text)!["trace_id"]!, "", StringComparison.Ordinal);
        return $"{answer.Status}\n{string.Join('\n', headers.Order())}\n{text}".Replace(id.ToString(), "", StringComparison.Ordinal);
    }

    [GeneratedRegex("<([^>]+)>")]
    private static partial Regex LinkTarget();
}
