using Gallery.Sql.Images;
using Gallery.Tests.Service;

namespace Gallery.Tests.Images;

/// <summary>The two lists and their paging.</summary>
public sealed class ListImagesTests(TestService service) : IClassFixture<TestService>
{
    private readonly Api _api = service.Api;
    private readonly string _user = $"user_{Guid.NewGuid():N}";

    [Fact]
    public async Task One_users_images_come_newest_first()
    {
        var ids = await CreateAsync(3);
        await _api.SaveAsync(Guid.NewGuid(), "someone_else");
        var answer = await _api.GetAsync($"/v1/gallery/?user_id={_user}");

        Assert.Equal(200, answer.Status);
        Assert.Equal(ids.Reverse(), answer.Ids);
        Assert.Equal(50, (int)answer.Body["pagination"]!["limit"]!);
        Assert.Null(answer.NextCursor);
        Assert.False(answer.Headers.Contains("Link"));
    }

    [Fact]
    public async Task A_user_without_images_has_an_empty_list()
    {
        var answer = await _api.GetAsync("/v1/gallery/?user_id=nobody");

        Assert.Equal(200, answer.Status);
        Assert.Empty(answer.Ids);
    }

    [Fact]
    public async Task Deleted_images_are_in_the_trash_alone()
    {
        var ids = await CreateAsync(3);
        await _api.DeleteAsync($"/v1/gallery/{ids[1]}/");

        Assert.Equal([ids[2], ids[0]], (await _api.GetAsync($"/v1/gallery/?user_id={_user}")).Ids);
        Assert.Equal([ids[1]], (await _api.GetAsync($"/v1/gallery/deleted/?user_id={_user}")).Ids);
    }

    [Fact]
    public async Task The_trash_comes_latest_deletion_first()
    {
        var ids = await CreateAsync(3);
        foreach (var i in new[] { 1, 2, 0 }) await _api.DeleteAsync($"/v1/gallery/{ids[i]}/");

        Assert.Equal([ids[0], ids[2], ids[1]], (await _api.GetAsync($"/v1/gallery/deleted/?user_id={_user}")).Ids);
    }

    [Fact]
    public async Task A_restored_image_is_back_at_its_old_place()
    {
        var ids = await CreateAsync(3);
        await _api.DeleteAsync($"/v1/gallery/{ids[1]}/");
        await _api.PostAsync($"/v1/gallery/{ids[1]}/restore/");

        Assert.Equal(ids.Reverse(), (await _api.GetAsync($"/v1/gallery/?user_id={_user}")).Ids);
    }

    [Fact]
    public async Task Without_a_user_everyones_images_come()
    {
        var mine = Guid.NewGuid();
        var theirs = Guid.NewGuid();
        await _api.SaveAsync(mine, _user);
        await _api.SaveAsync(theirs, $"{_user}_other");
        var ids = (await _api.GetAsync("/v1/gallery/?limit=200")).Ids;

        Assert.Contains(mine, ids);
        Assert.Contains(theirs, ids);
        await _api.DeleteAsync($"/v1/gallery/{mine}/");
        await _api.DeleteAsync($"/v1/gallery/{theirs}/");
        Assert.Equal([theirs, mine], (await _api.GetAsync("/v1/gallery/deleted/?limit=2")).Ids);
    }

    [Theory]
    [InlineData("/v1/gallery/")]
    [InlineData("/v1/gallery/deleted/")]
    public async Task Following_the_link_walks_the_whole_list_once(string list)
    {
        var ids = await CreateAsync(7);
        if (list.Contains("deleted", StringComparison.Ordinal))
            foreach (var id in ids) await _api.DeleteAsync($"/v1/gallery/{id}/");

        var seen = new List<Guid>();
        var next = $"{list}?user_id={_user}&limit=3";
        var pages = 0;
        while (next is not null)
        {
            var page = await _api.GetAsync(next);
            seen.AddRange(page.Ids);
            pages++;
            Assert.Equal(page.NextCursor is not null, page.Headers.Contains("Link"));
            next = page.Headers.TryGetValues("Link", out var links) ? Target(links.Single()) : null;
        }

        Assert.Equal(3, pages);
        Assert.Equal(ids.Reverse(), seen);
    }

    [Fact]
    public async Task A_page_ends_early_by_what_its_text_takes_as_JSON()
    {
        var user = $"user_{Guid.NewGuid():N}";
        var prompt = new string('\u0001', 16_384);   // six bytes each
        await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => Guid.NewGuid()).Select(id =>
            service.Images.SaveImageAsync(new NewImage(id, user, Api.UrlOf(id), prompt, null, null), CancellationToken.None)));

        Assert.InRange((await _api.GetAsync($"/v1/gallery/?user_id={user}")).Text.Length, 400_000, 512 * 1024 + 8_000);
    }

    [Fact]
    public async Task A_page_of_large_images_ends_early_and_the_walk_sees_them_all()
    {
        var user = $"user_{Guid.NewGuid():N}";
        var ids = Enumerable.Range(0, 60).Select(_ => Guid.NewGuid()).ToList();
        var metadata = $$"""{"large": "{{new string('x', 60_000)}}"}""";
        await Task.WhenAll(ids.Select(id => service.Images.SaveImageAsync(new NewImage(id, user, Api.UrlOf(id), null, null, metadata), CancellationToken.None)));

        var page = await _api.GetAsync($"/v1/gallery/?user_id={user}&limit=200");

        Assert.InRange(page.Text.Length, 512 * 1024 - 70_000, 512 * 1024 + 8_000);
        Assert.NotNull(page.NextCursor);
        Assert.Equal(ids.Order(), (await WalkAsync($"/v1/gallery/?user_id={user}&limit=200")).Order());
    }

    [Fact]
    public async Task A_last_page_that_is_full_says_that_it_is_the_last()
    {
        await CreateAsync(2);
        Assert.Null((await _api.GetAsync($"/v1/gallery/?user_id={_user}&limit=2")).NextCursor);
    }

    [Theory]
    [InlineData("/v1/gallery/", null)]
    [InlineData("/v1/gallery/deleted/", "2026-01-02")]
    public async Task Images_of_the_same_instant_are_each_seen_once(string list, string? deletedAt)
    {
        await service.Database.ExecuteAsync(
            """
            insert into gallery.image (image_id, user_id, image_url, created_at, deleted_at)
            select gen_random_uuid(), @user, 'https://res.cloudinary.com/demo/x', '2026-01-01', @deletedAt::timestamptz
            from generate_series(1, 10)
            """,
            new { user = _user, deletedAt });

        var seen = await WalkAsync($"{list}?user_id={_user}&limit=3");
        Assert.Equal(10, seen.Count);
        Assert.Equal(10, seen.Distinct().Count());
    }

    [Fact]
    public async Task Walked_while_rows_come_and_go_each_row_that_stays_is_seen_exactly_once()
    {
        var ids = await CreateAsync(30);
        var stays = ids.Where((_, i) => i % 3 != 0).ToHashSet();
        var goes = new Queue<Guid>(ids.Where((_, i) => i % 3 == 0));
        var restored = new Queue<Guid>(goes.Skip(7));
        foreach (var id in restored) await _api.DeleteAsync($"/v1/gallery/{id}/");
        goes = new Queue<Guid>(goes.Take(7));
        var seen = await WalkAsync($"/v1/gallery/?user_id={_user}&limit=4", async () =>
        {
            await _api.SaveAsync(Guid.NewGuid(), _user);
            if (goes.TryDequeue(out var id)) await _api.DeleteAsync($"/v1/gallery/{id}/");
            if (goes.TryDequeue(out id)) await _api.DeleteAsync($"/v1/gallery/{id}/permanent/");
            await _api.SaveAsync(stays.First(), _user, refinedPrompt: $"changed {Guid.NewGuid()}");   // a change moves no row
            if (restored.TryDequeue(out id)) await _api.PostAsync($"/v1/gallery/{id}/restore/");   // and this one comes in the middle
        });

        Assert.Equal(seen.Count, seen.Distinct().Count());
        Assert.Equal(stays, seen.Where(stays.Contains).ToHashSet());
    }

    [Theory]
    [InlineData("1", 1)]
    [InlineData("200", 200)]
    public async Task A_limit_in_its_bounds_is_taken(string limit, int expected) =>
        Assert.Equal(expected, (int)(await _api.GetAsync($"/v1/gallery/?user_id={_user}&limit={limit}")).Body["pagination"]!["limit"]!);

    [Theory]
    [InlineData("0")]
    [InlineData("201")]
    [InlineData("-1")]
    [InlineData("")]
    [InlineData("%2B5")]
    [InlineData("%205")]
    [InlineData("5.0")]
    [InlineData("1e2")]
    [InlineData("ten")]
    [InlineData("99999999999999999999")]
    [InlineData("%D9%A5")]
    [InlineData("1%00")]
    public async Task A_limit_out_of_its_bounds_is_400(string limit)
    {
        foreach (var list in new[] { "/v1/gallery/", "/v1/gallery/deleted/" })
        {
            var answer = await _api.GetAsync($"{list}?limit={limit}");
            Assert.Equal(400, answer.Status);
            Assert.NotNull(answer.Error("limit"));
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("%00")]
    [InlineData("a%00b")]
    public async Task A_user_that_can_not_be_is_400(string user)
    {
        var answer = await _api.GetAsync($"/v1/gallery/?user_id={user}");

        Assert.Equal(400, answer.Status);
        Assert.NotNull(answer.Error("user_id"));
    }

    [Fact]
    public async Task A_user_of_256_characters_is_400() =>
        Assert.Equal(400, (await _api.GetAsync($"/v1/gallery/?user_id={new string('x', 256)}")).Status);

    [Theory]
    [InlineData("page=2", "page")]
    [InlineData("userid=a", "userid")]
    [InlineData("limit=1&limit=2", "limit")]
    [InlineData("user_id=a&user_id=b", "user_id")]
    public async Task A_parameter_that_would_be_passed_over_is_400(string query, string field)
    {
        var answer = await _api.GetAsync($"/v1/gallery/?{query}");

        Assert.Equal(400, answer.Status);
        Assert.NotNull(answer.Error(field));
    }

    [Fact]
    public async Task A_cursor_of_another_user_or_list_is_400()
    {
        await CreateAsync(2);
        var cursor = (await _api.GetAsync($"/v1/gallery/?user_id={_user}&limit=1")).NextCursor;
        Assert.NotNull(cursor);

        foreach (var path in new[] { "/v1/gallery/?user_id=other", "/v1/gallery/?limit=1", $"/v1/gallery/deleted/?user_id={_user}" })
        {
            var answer = await _api.GetAsync($"{path}&cursor={cursor}");
            Assert.Equal((400, "invalid_cursor"), (answer.Status, answer.Problem));
            Assert.NotNull(answer.Error("cursor"));
        }
    }

    [Fact]
    public async Task A_cursor_may_be_followed_with_another_limit()
    {
        var ids = await CreateAsync(4);
        var cursor = (await _api.GetAsync($"/v1/gallery/?user_id={_user}&limit=1")).NextCursor;

        Assert.Equal([ids[2], ids[1]], (await _api.GetAsync($"/v1/gallery/?user_id={_user}&limit=2&cursor={cursor}")).Ids);
    }

    [Fact]
    public async Task A_cursor_with_any_character_changed_is_400()
    {
        await CreateAsync(2);
        var cursor = (await _api.GetAsync($"/v1/gallery/?user_id={_user}&limit=1")).NextCursor!;
        var bent = Enumerable.Range(0, cursor.Length).Select(i => $"{cursor[..i]}{(cursor[i] == 'A' ? 'B' : 'A')}{cursor[(i + 1)..]}")
            .Concat(["x", "====", cursor + "A", cursor[..^1], cursor + "%20", new string('A', 5_000)]);

        foreach (var cursorBent in bent)
            Assert.Equal(400, (await _api.GetAsync($"/v1/gallery/?user_id={_user}&limit=1&cursor={cursorBent}")).Status);
    }

    [Fact]
    public async Task The_link_keeps_a_user_with_any_character()
    {
        const string user = "a&b=c #é/\U0001F305";
        await _api.SaveAsync(Guid.NewGuid(), user);
        await _api.SaveAsync(Guid.NewGuid(), user);

        Assert.Equal(2, (await WalkAsync($"/v1/gallery/?user_id={Uri.EscapeDataString(user)}&limit=1")).Distinct().Count());
    }

    private async Task<Guid[]> CreateAsync(int count)
    {
        var ids = new Guid[count];
        for (var i = 0; i < count; i++)
        {
            ids[i] = Guid.NewGuid();
            Assert.Equal(201, (await _api.SaveAsync(ids[i], _user)).Status);
        }

        return ids;
    }

    private async Task<List<Guid>> WalkAsync(string path, Func<Task>? betweenPages = null)
    {
        var seen = new List<Guid>();
        for (string? next = path; next is not null;)
        {
            var page = await _api.GetAsync(next);
            Assert.Equal(200, page.Status);
            seen.AddRange(page.Ids);
            next = page.Headers.TryGetValues("Link", out var links) ? Target(links.Single()) : null;
            if (betweenPages is not null) await betweenPages();
        }

        return seen;
    }

    private static string Target(string link)
    {
        Assert.EndsWith("; rel=\"next\"", link, StringComparison.Ordinal);
        return link[1..link.IndexOf('>', StringComparison.Ordinal)];
    }
}
