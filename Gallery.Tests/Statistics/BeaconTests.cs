using System.Text;
using System.Text.Json.Nodes;
using Gallery.Tests.Service;

namespace Gallery.Tests.Statistics;

/// <summary>What counts as a view or a download.</summary>
public sealed class BeaconTests(TestService service) : IClassFixture<TestService>
{
    private readonly Api _api = service.Api;
    private readonly string _owner = $"user_{Guid.NewGuid():N}";

    [Fact]
    public async Task A_visitor_counts_once_a_day()
    {
        var id = await SaveAsync();
        foreach (var visitor in new[] { "a", "b", "a", "é", "a" }) await BeaconAsync(id, "views", $$"""{"visitor": "{{visitor}}"}""");
        Assert.Equal((3, 0), await CountAsync(id));

        await BeaconAsync(id, "views", """{"visitor": "b"}""");
        Assert.Equal((3, 0), await CountAsync(id));
    }

    [Fact]
    public async Task Views_and_downloads_count_apart_and_so_do_images()
    {
        var (one, two) = (await SaveAsync(), await SaveAsync());
        await BeaconAsync(one, "views", """{"visitor": "a"}""");
        await BeaconAsync(one, "downloads", """{"visitor": "a"}""");
        await BeaconAsync(one, "downloads", """{"visitor": "b"}""");
        await BeaconAsync(two, "views", """{"visitor": "a"}""");

        Assert.Equal((1, 2), await CountAsync(one));
        Assert.Equal((1, 0), await CountAsync(two));
    }

    [Fact]
    public async Task Without_a_visitor_address_and_user_agent_tell_visitors_apart()
    {
        var id = await SaveAsync();
        foreach (var agent in new[] { "Mozilla/5.0 (X11)", "Mozilla/5.0 (Macintosh)", "Mozilla/5.0 (X11)" }) await BeaconAsync(id, "views", body: null, agent);
        await BeaconAsync(id, "views", body: "", "Mozilla/5.0 (X11)");
        await BeaconAsync(id, "views", body: "{}", "Mozilla/5.0 (X11)");

        Assert.Equal((2, 0), await CountAsync(id));
    }

    [Fact]
    public async Task Without_a_visitor_the_viewer_is_the_visitor()
    {
        var id = await SaveAsync();
        foreach (var viewer in new[] { "u1", "u2", "u1" }) await BeaconAsync(id, "views", $$"""{"viewer": "{{viewer}}"}""", "Mozilla/5.0 (X11)");
        foreach (var viewer in new[] { "u3", "u4" }) await BeaconAsync(id, "views", $$"""{"visitor": "a", "viewer": "{{viewer}}"}""", "Mozilla/5.0 (X11)");

        Assert.Equal((3, 0), await CountAsync(id));
    }

    [Theory]
    [InlineData("text/plain;charset=UTF-8")]
    [InlineData("application/json")]
    public async Task It_takes_what_sendBeacon_sends(string type)
    {
        var id = await SaveAsync();
        using var body = new StringContent("""{"visitor": "a"}""");
        body.Headers.ContentType = System.Net.Http.Headers.MediaTypeHeaderValue.Parse(type);

        Assert.Equal(204, (await _api.SendAsync(HttpMethod.Post, $"/v1/gallery/{id}/views", body)).Status);
        Assert.Equal((1, 0), await CountAsync(id));
    }

    [Fact]
    public async Task The_owner_does_not_count()
    {
        var id = await SaveAsync();
        await BeaconAsync(id, "views", $$"""{"visitor": "a", "viewer": "{{_owner}}"}""");
        await BeaconAsync(id, "downloads", $$"""{"visitor": "a", "viewer": "{{_owner}}"}""");
        await BeaconAsync(id, "views", """{"visitor": "b", "viewer": "someone_else"}""");

        Assert.Equal((1, 0), await CountAsync(id));
    }

    [Theory]
    [InlineData("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", 0)]
    [InlineData("facebookexternalhit/1.1", 0)]
    [InlineData("Mozilla/5.0 (compatible; Yahoo! Slurp)", 0)]
    [InlineData("SkypeUriPreview Preview/0.5", 0)]
    [InlineData("Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/140.0", 0)]
    [InlineData("WhatsApp/2.23.20", 0)]
    [InlineData("Baiduspider/2.0", 0)]
    [InlineData("Mozilla/5.0 (Linux; Android 13; CUBOT P80) Chrome/140.0", 1)]
    [InlineData("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Safari/604.1", 1)]
    [InlineData("python-requests/2.32", 1)]
    [InlineData(null, 1)]
    public async Task Bots_do_not_count(string? userAgent, int views)
    {
        var id = await SaveAsync();
        await BeaconAsync(id, "views", """{"visitor": "a"}""", userAgent);

        Assert.Equal((views, 0), await CountAsync(id));
    }

    [Fact]
    public async Task An_unknown_image_and_one_in_the_trash_answer_the_same_and_count_nothing()
    {
        var trashed = await SaveAsync();
        await _api.DeleteAsync($"/v1/gallery/{trashed}/");
        await BeaconAsync(trashed, "views", """{"visitor": "a"}""");
        await BeaconAsync(Guid.NewGuid(), "views", """{"visitor": "a"}""");
        await service.CountVisitsAsync();
        await _api.PostAsync($"/v1/gallery/{trashed}/restore/");

        Assert.Equal((0, 0), await CountAsync(trashed));
    }

    [Theory]
    [InlineData("""{"visitor": ""}""", "visitor")]
    [InlineData("""{"visitor": 5}""", "visitor")]
    [InlineData("""{"viewer": ""}""", "viewer")]
    [InlineData("""{"vistor": "a"}""", "vistor")]
    public async Task A_wrong_field_is_named(string body, string field)
    {
        var answer = await _api.PostAsync($"/v1/gallery/{Guid.NewGuid()}/views/", body);

        Assert.Equal((400, field), (answer.Status, Assert.Single(answer.Body["errors"]!.AsObject()).Key));
    }

    [Fact]
    public async Task A_batch_counts_views_and_downloads_of_many_images()
    {
        var (one, two) = (await SaveAsync(), await SaveAsync());
        var items = Enumerable.Range(0, 499).Select(i => $$"""{"image_id": "{{one}}", "visitor": "{{i}}"}""").Append($$"""{"image_id": "{{two}}", "kind": "download", "visitor": "a"}""");

        Assert.Equal(204, (await BatchAsync([.. items])).Status);
        Assert.Equal((499, 0), await CountAsync(one));
        Assert.Equal((0, 1), await CountAsync(two));
    }

    [Theory]
    [InlineData("""{"image_id": "no"}""", "items[1].image_id")]
    [InlineData("""{"visitor": "a"}""", "items[1].image_id")]
    [InlineData("""{"image_id": "3d1f0b52-9c0e-4f75-8a53-70e5f1c2b9d4", "kind": "like"}""", "items[1].kind")]
    [InlineData("""{"image_id": "3d1f0b52-9c0e-4f75-8a53-70e5f1c2b9d4", "count": 5}""", "items[1].count")]
    [InlineData("5", "items[1]")]
    public async Task A_batch_with_a_wrong_item_names_it_and_counts_nothing(string wrong, string field)
    {
        var id = await SaveAsync();
        var answer = await BatchAsync($$"""{"image_id": "{{id}}", "visitor": "a"}""", wrong);

        Assert.Equal((400, field), (answer.Status, Assert.Single(answer.Body["errors"]!.AsObject()).Key));
        Assert.Equal((0, 0), await CountAsync(id));
    }

    [Fact]
    public async Task A_batch_has_500_items_at_most()
    {
        var answer = await BatchAsync([.. Enumerable.Repeat($$"""{"image_id": "{{Guid.NewGuid()}}"}""", 501)]);

        Assert.Equal((413, "too_many_items"), (answer.Status, answer.Problem));
        Assert.Equal("items is empty. Send 1 to 500 items.", (await BatchAsync()).Error("items"));
    }

    [Fact]
    public async Task Opening_a_link_is_a_view_and_a_bot_opens_it_without_one()
    {
        var id = await SaveAsync();
        var token = (string?)(await _api.PostAsync($"/v1/gallery/{id}/shares/", "{}")).Image["token"];
        foreach (var agent in new[] { "Mozilla/5.0 (X11)", "Mozilla/5.0 (Macintosh)", "Mozilla/5.0 (X11)", "Twitterbot/1.0" })
            Assert.Equal(200, (await _api.GetAsync($"/v1/gallery/shared/{token}/", ("User-Agent", agent))).Status);
        Assert.Equal(404, (await _api.GetAsync($"/v1/gallery/shared/{token}x/", ("User-Agent", "Mozilla/5.0 (Linux)"))).Status);

        Assert.Equal((2, 0), await CountAsync(id));
    }

    [Fact]
    public async Task Of_a_very_long_user_agent_only_the_beginning_is_read()
    {
        var id = await SaveAsync();
        foreach (var end in new[] { "a", "b", "bot" }) await BeaconAsync(id, "views", null, new string('x', 1_000) + end);

        Assert.Equal((1, 0), await CountAsync(id));
    }

    [Fact]
    public async Task Nothing_that_is_stored_tells_who_it_was()
    {
        var (one, two) = (await SaveAsync(), await SaveAsync());
        foreach (var id in new[] { one, two }) await BeaconAsync(id, "views", """{"visitor": "a", "viewer": "someone_else"}""", "Mozilla/5.0 (X11)");
        await service.CountVisitsAsync();

        var visitors = await service.Database.ListAsync<byte[]>($"select v.visitor from gallery.image_visit as v where v.image_id in ('{one}', '{two}')");
        Assert.Equal([16, 16], visitors.Select(visitor => visitor.Length));
        Assert.NotEqual(visitors[0], visitors[1]);   // nor which images they viewed
        Assert.Equal(["day", "image_id", "kind", "visitor"], await service.Database.ListAsync<string>(
            "select c.column_name::text from information_schema.columns as c where c.table_name = 'image_visit' order by 1"));
    }

    private async Task<Guid> SaveAsync()
    {
        var id = Guid.NewGuid();
        Assert.Equal(201, (await _api.SaveAsync(id, _owner)).Status);
        return id;
    }

    private async Task BeaconAsync(Guid id, string kind, string? body, string? userAgent = null)
    {
        using var content = body is null ? null : new StringContent(body, Encoding.UTF8, "application/json");
        var answer = await _api.SendAsync(HttpMethod.Post, $"/v1/gallery/{id}/{kind}/", content, userAgent is null ? [] : [("User-Agent", userAgent)]);
        Assert.Equal((204, ""), (answer.Status, answer.Text));
    }

    private Task<Answer> BatchAsync(params string[] items) => _api.PostAsync("/v1/gallery/batch/views/", $$"""{"items": [{{string.Join(',', items)}}]}""");

    private async Task<(int Views, int Downloads)> CountAsync(Guid id)
    {
        await service.CountVisitsAsync();
        var statistics = (await _api.GetAsync($"/v1/gallery/{id}/statistics/")).Image;
        Assert.Equal(((int)statistics["views"]!, (int)statistics["downloads"]!), ((int)statistics["total_views"]!, (int)statistics["total_downloads"]!));
        var today = (JsonObject)statistics["buckets"]!.AsArray()[^1]!;
        Assert.Equal(((int)statistics["views"]!, (int)statistics["downloads"]!), ((int)today["views"]!, (int)today["downloads"]!));
        return ((int)today["views"]!, (int)today["downloads"]!);
    }
}
