using System.Text.Json.Nodes;
using Gallery.Tests.Access;
using Gallery.Tests.Service;

namespace Gallery.Tests.Sharing;

/// <summary>Links: what they show to a stranger, and when they stop.</summary>
public sealed class ShareTests(AccessFixture fixture) : IClassFixture<AccessFixture>
{
    private readonly Api _api = fixture.Api("HS256");
    private readonly string _owner = $"owner_{Guid.NewGuid():N}";
    private readonly Guid _id = Guid.NewGuid();

    private string Links => $"/v1/gallery/{_id}/shares/";

    private (string, string) Owner => GuardedService.Bearer(fixture.Issuer.Token("HS256", _owner));

    [Fact]
    public async Task A_stranger_with_the_link_sees_the_picture_and_nothing_of_its_owner()
    {
        var opened = await OpenAsync(await ShareAsync());

        Assert.Equal(200, opened.Status);
        Assert.Equal(
            ["format", "height", "image_id", "image_url", "refined_prompt", "thumbnail_url", "width"],
            opened.Body["data"]!.AsObject().Select(member => member.Key).Order(StringComparer.Ordinal));
        Assert.Equal(Api.UrlOf(_id), (string?)opened.Body["data"]!["image_url"]);
        Assert.Null(opened.Body["data"]!["refined_prompt"]);
        Assert.DoesNotContain(_owner, opened.Text, StringComparison.Ordinal);
        Assert.True(opened.Headers.CacheControl!.NoStore);
    }

    [Fact]
    public async Task The_prompt_is_shown_only_if_the_link_says_so() =>
        Assert.Equal("dawn", (string?)(await OpenAsync(await ShareAsync("""{"show_prompt": true}"""))).Body["data"]!["refined_prompt"]);

    [Fact]
    public async Task A_link_without_options_expires_after_seven_days_and_has_no_maximum()
    {
        await SaveAsync();
        var share = (await _api.SendAsync(HttpMethod.Post, Links, null, Owner)).Body["data"]!;

        Assert.InRange(share["expires_at"]!.GetValue<DateTimeOffset>() - share["created_at"]!.GetValue<DateTimeOffset>(), TimeSpan.FromDays(7) - TimeSpan.FromMinutes(1), TimeSpan.FromDays(7) + TimeSpan.FromMinutes(1));
        Assert.Null(share["max_views"]);
        Assert.EndsWith($"/s/{share["token"]}", (string?)share["url"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Null_makes_a_link_that_never_expires()
    {
        await SaveAsync();

        Assert.Null((await PostAsync("""{"expires_at": null}""")).Body["data"]!["expires_at"]);
    }

    [Theory]
    [InlineData("""{"expires_at": "2020-01-01T00:00:00Z"}""", "expires_at")]
    [InlineData("""{"expires_at": "tomorrow"}""", "expires_at")]
    [InlineData("""{"max_views": 0}""", "max_views")]
    [InlineData("""{"password": "ab"}""", "password")]
    [InlineData("""{"password": "pässword"}""", "password")]
    [InlineData("""{"password": ""}""", "password")]
    [InlineData("""{"show_prompt": "yes"}""", "show_prompt")]
    [InlineData("""{"token": "mine"}""", "token")]
    public async Task A_wrong_option_is_named_and_makes_no_link(string body, string field)
    {
        await SaveAsync();
        var refused = await PostAsync(body);

        Assert.Equal((400, field), (refused.Status, refused.Body["errors"]!.AsObject().Single().Key));
        Assert.Empty(await ListAsync());
    }

    [Fact]
    public async Task Lists_show_the_views_and_never_the_token()
    {
        var token = await ShareAsync("""{"note": "for Ada"}""");
        await OpenAsync(token);
        await OpenAsync(token);
        var list = await _api.GetAsync(Links, Owner);

        var share = list.Body["data"]!.AsArray().Single()!;
        Assert.Equal((2, "for Ada", true), ((int)share["views"]!, (string?)share["note"], (bool)share["is_open"]!));
        Assert.NotNull(share["last_viewed_at"]);
        Assert.DoesNotContain(token, list.Text, StringComparison.Ordinal);
        Assert.Null(share["token"]);
    }

    [Fact]
    public async Task The_token_is_stored_nowhere()
    {
        var token = await ShareAsync();
        var secret = Convert.ToHexStringLower(System.Buffers.Text.Base64Url.DecodeFromChars(token)[16..]);
        var row = await fixture.Database.FindAsync<string>("select s::text from gallery.image_share as s where s.image_id = @_id", new { _id });

        Assert.DoesNotContain(token, row, StringComparison.Ordinal);
        Assert.DoesNotContain(secret, row!.Replace("-", "", StringComparison.Ordinal), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("expired")]
    [InlineData("used up")]
    [InlineData("revoked")]
    [InlineData("all of the image revoked")]
    [InlineData("all of the user revoked")]
    [InlineData("in the trash")]
    [InlineData("purged")]
    [InlineData("another owner")]
    [InlineData("another owner, and the first again")]
    [InlineData("another secret")]
    [InlineData("another image")]
    [InlineData("no token")]
    public async Task A_link_that_shows_nothing_does_not_say_why(string why)
    {
        var token = await ShareAsync("""{"max_views": 1, "password": "let-me-in"}""");
        Answer? done = why switch
        {
            "used up" => await OpenAsync(token, "let-me-in"),
            "revoked" => await _api.SendAsync(HttpMethod.Delete, $"{Links}{(await ListAsync()).Single()!["share_id"]}/", null, Owner),
            "all of the image revoked" => await _api.SendAsync(HttpMethod.Delete, Links, null, Owner),
            "all of the user revoked" => await _api.SendAsync(HttpMethod.Delete, "/v1/gallery/shares/", null, Owner),
            "in the trash" => await _api.SendAsync(HttpMethod.Delete, $"/v1/gallery/{_id}/", null, Owner),
            "purged" => await _api.SendAsync(HttpMethod.Delete, $"/v1/gallery/{_id}/permanent/", null, Owner),
            "another owner" or "another owner, and the first again" => await _api.PatchAsync($"/v1/gallery/{_id}/", """{"user_id": "somebody"}""", ("X-API-Key", GuardedService.Key)),
            _ => null,
        };
        Assert.True(done is null or { Status: 200 }, done?.Text);
        if (why == "another owner, and the first again") await _api.PatchAsync($"/v1/gallery/{_id}/", $$"""{"user_id": "{{_owner}}"}""", ("X-API-Key", GuardedService.Key));
        if (why == "expired") await fixture.Database.ExecuteAsync("update gallery.image_share set expires_at = now() where image_id = @_id", new { _id });
        token = why switch { "another secret" => token[..^1] + (token[^1] == 'A' ? 'E' : 'A'), "another image" => "AAAA" + token[4..], "no token" => "abc", _ => token };

        foreach (var password in new[] { null, "wrong-one", "let-me-in" })
        {
            var answer = await OpenAsync(token, password);
            Assert.Equal((404, "share_not_found", "This link shows nothing. Ask for a new one."), (answer.Status, answer.Problem, (string?)answer.Body["detail"]));
        }
    }

    [Fact]
    public async Task A_link_shows_the_image_again_after_a_restore()
    {
        var token = await ShareAsync();
        await _api.SendAsync(HttpMethod.Delete, $"/v1/gallery/{_id}/", null, Owner);
        await _api.SendAsync(HttpMethod.Post, $"/v1/gallery/{_id}/restore/", null, Owner);

        Assert.Equal(200, (await OpenAsync(token)).Status);
    }

    [Fact]
    public async Task A_password_opens_the_link_and_a_missing_or_wrong_one_gets_the_same_answer()
    {
        var token = await ShareAsync("""{"password": "let-me-in"}""");
        var (none, wrong, right) = (await OpenAsync(token), await OpenAsync(token, "let-me-out"), await OpenAsync(token, "let-me-in"));

        Assert.Equal((403, "share_password_required"), (none.Status, none.Problem));
        Assert.Equal((403, (string?)none.Body["detail"]), (wrong.Status, (string?)wrong.Body["detail"]));
        Assert.Equal(200, right.Status);
        Assert.Equal(1, (int)(await ListAsync()).Single()!["views"]!);
    }

    [Fact]
    public async Task A_password_that_the_link_does_not_ask_for_does_no_harm() => Assert.Equal(200, (await OpenAsync(await ShareAsync(), "let-me-in")).Status);

    [Fact]
    public async Task An_image_has_a_hundred_links_at_most()
    {
        await SaveAsync();
        for (var i = 0; i < 100; i++) Assert.Equal(201, (await PostAsync("{}")).Status);

        var refused = await PostAsync("""{"password": "let-me-in"}""");
        Assert.Equal((409, "too_many_links"), (refused.Status, refused.Problem));
    }

    [Theory]
    [InlineData("""{"max_views": 10}""")]
    [InlineData("""{"max_views": 10, "expires_at": null, "show_prompt": true}""")]
    public async Task Of_a_thousand_who_open_a_link_at_once_as_many_see_it_as_it_allows(string options)
    {
        var token = await ShareAsync(options);
        var answers = await Task.WhenAll(Enumerable.Range(0, 1000).Select(_ => OpenAsync(token)));

        var busy = answers.Count(answer => answer.Status == 503);   // on a slow machine; such a request may have been a view
        Assert.InRange(answers.Count(answer => answer.Status == 200), 10 - busy, 10);
        Assert.All(answers.Where(answer => answer.Status is not (200 or 503)), answer => Assert.Equal((404, "share_not_found"), (answer.Status, answer.Problem)));
        await Within.UntilAsync("the link is used up", async () => (await OpenAsync(token)).Status == 404);
        Assert.Equal(10, (int)(await ListAsync()).Single()!["views"]!);
    }

    [Fact]
    public async Task Another_user_can_make_list_and_revoke_no_link()
    {
        var token = await ShareAsync();
        var (other, id) = (GuardedService.Bearer(fixture.Issuer.Token("HS256", "another")), (await ListAsync()).Single()!["share_id"]);
        foreach (var (method, path) in new[] { (HttpMethod.Post, Links), (HttpMethod.Get, Links), (HttpMethod.Delete, Links), (HttpMethod.Delete, $"{Links}{id}/") })
            Assert.Equal((404, "image_not_found"), ((await _api.SendAsync(method, path, null, other)).Status, (await _api.SendAsync(method, path, null, other)).Problem));

        Assert.Equal(200, (await OpenAsync(token)).Status);
    }

    [Fact]
    public async Task No_link_can_be_made_to_an_image_in_the_trash()
    {
        await SaveAsync();
        await _api.SendAsync(HttpMethod.Delete, $"/v1/gallery/{_id}/", null, Owner);

        Assert.Equal((404, "image_deleted"), ((await PostAsync("{}")).Status, (await PostAsync("{}")).Problem));
    }

    [Fact]
    public async Task Pages_lead_through_the_links_of_an_image_and_of_a_user()
    {
        await SaveAsync();
        for (var i = 0; i < 5; i++) await PostAsync($$"""{"note": "{{i}}"}""");

        foreach (var list in new[] { Links, "/v1/gallery/shares/" })
        {
            var notes = new List<string?>();
            for (string? cursor = ""; cursor is not null;)
            {
                var page = await _api.GetAsync($"{list}?limit=2{(cursor.Length > 0 ? $"&cursor={cursor}" : "")}", Owner);
                notes.AddRange(page.Body["data"]!.AsArray().Select(share => (string?)share!["note"]));
                cursor = page.NextCursor;
            }

            Assert.Equal(["4", "3", "2", "1", "0"], notes);
        }
    }

    [Fact]
    public async Task A_revocation_may_be_sent_again()
    {
        await ShareAsync();
        var path = $"{Links}{(await ListAsync()).Single()!["share_id"]}/";
        var (first, second) = (await _api.SendAsync(HttpMethod.Delete, path, null, Owner), await _api.SendAsync(HttpMethod.Delete, path, null, Owner));

        Assert.Equal((200, 1, 200, 0), (first.Status, (int)first.Body["data"]!["revoked"]!, second.Status, (int)second.Body["data"]!["revoked"]!));
    }

    private async Task SaveAsync() => Assert.Equal(
        201, (await _api.PostAsync("/v1/gallery/", $$"""{"user_id": "{{_owner}}", "image_url": "{{Api.UrlOf(_id)}}", "refined_prompt": "dawn", "tags": ["secret"]}""", ("X-API-Key", GuardedService.Key))).Status);

    private async Task<string> ShareAsync(string options = "{}")
    {
        await SaveAsync();
        var share = await PostAsync(options);
        Assert.Equal(201, share.Status);
        return (string)share.Body["data"]!["token"]!;
    }

    private Task<Answer> PostAsync(string options) => _api.PostAsync(Links, options, Owner);

    private async Task<JsonArray> ListAsync() => (await _api.GetAsync(Links, Owner)).Body["data"]!.AsArray();

    private Task<Answer> OpenAsync(string token, string? password = null) =>
        _api.GetAsync($"/v1/gallery/shared/{token}/", password is null ? [] : [("X-Share-Password", password)]);
}
