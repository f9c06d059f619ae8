using Gallery.Tests.Service;

namespace Gallery.Tests.Tags;

/// <summary>The list of tags with their numbers of live images, and renaming.</summary>
public sealed class ListTagsTests(TestService service) : IClassFixture<TestService>
{
    private readonly Api _api = service.Api;
    private readonly string _user = $"user_{Guid.NewGuid():N}";

    [Fact]
    public async Task Only_live_images_count()
    {
        var (one, two) = (await SaveAsync("a", "b"), await SaveAsync("b", "c"));
        Assert.Equal(["a 1", "b 2", "c 1"], await ListAsync());
        Assert.Equal(["b 2", "a 1", "c 1"], await ListAsync("&sort=count"));

        await _api.DeleteAsync($"/v1/gallery/{two}/");
        Assert.Equal(["a 1", "b 1"], await ListAsync());
        Assert.Equal(["a 1", "b 1"], await ListAsync("&sort=count"));
        await _api.PostAsync($"/v1/gallery/{two}/restore/");
        await _api.DeleteAsync($"/v1/gallery/{one}/permanent/");
        Assert.Equal(["b 1", "c 1"], await ListAsync());

        await _api.PatchAsync($"/v1/gallery/{two}/", $$"""{"user_id": "{{_user}}_2"}""");
        Assert.Empty(await ListAsync());
        Assert.Equal(["b 1", "c 1"], await ListAsync(user: $"{_user}_2"));
        await _api.DeleteAsync($"/v1/gallery/users/{_user}_2/?confirm={_user}_2");
        Assert.Empty(await ListAsync(user: $"{_user}_2"));
    }

    [Theory]
    [InlineData("name", 1)]
    [InlineData("name", 3)]
    [InlineData("count", 1)]
    [InlineData("count", 3)]
    public async Task Pages_lead_through_all_tags_and_skip_those_of_the_trash(string sort, int limit)
    {
        await SaveAsync("a", "c", "é");
        await SaveAsync("c", "日本", "e");
        await SaveAsync("C", "é", "zebra");
        await _api.DeleteAsync($"/v1/gallery/{await SaveAsync("b", "bb", "bbb", "bbbb", "c")}/");

        Assert.Equal(
            sort == "name" ? ["a 1", "c 3", "e 1", "é 2", "zebra 1", "日本 1"] : ["c 3", "é 2", "a 1", "e 1", "zebra 1", "日本 1"],
            await ListAsync($"&sort={sort}&limit={limit}"));
    }

    [Theory]
    [InlineData("style:", "style:Noir 1", "style:pop 1")]
    [InlineData("STYLE:n", "style:Noir 1")]
    [InlineData("style;", "style;x 1")]
    [InlineData("\U0010FFFF", "\U0010FFFFx 1")]
    [InlineData("\uD7FF", "\uD7FFx 1")]
    [InlineData("x")]
    [InlineData("")]
    public async Task A_prefix_is_a_category(string prefix, params string[] expected)
    {
        await SaveAsync("style:pop", "style", "style;x", "style:Noir", "\U0010FFFFx", "\uD7FFx", "\uE000x");

        var query = $"&prefix={Uri.EscapeDataString(prefix)}";
        Assert.Equal(prefix == "" ? await ListAsync() : expected, await ListAsync(query));
        Assert.Equal(prefix == "" ? await ListAsync() : expected, await ListAsync($"{query}&sort=count"));
    }

    [Theory]
    [InlineData("e", "e 1", "ex 1")]
    [InlineData("É", "éclair 1")]
    [InlineData("か", "かき 1")]
    [InlineData("が", "がく 1")]
    [InlineData("\u0301", "\u0301x 1")]
    public async Task A_prefix_ends_with_a_whole_letter(string prefix, params string[] expected)
    {
        await SaveAsync("éclair", "e", "ex", "かき", "がく", "\u0301x");

        Assert.Equal(expected, await ListAsync($"&prefix={Uri.EscapeDataString(prefix)}"));
        Assert.Equal(expected, await ListAsync($"&sort=count&prefix={Uri.EscapeDataString(prefix)}"));
        Assert.Equal(6, (await ListAsync()).Count);
    }

    [Fact]
    public async Task A_tag_is_listed_as_the_oldest_image_shows_it()
    {
        await SaveAsync("noir");
        await SaveAsync("Noir");

        Assert.Equal(["noir 2"], await ListAsync());
    }

    [Fact]
    public async Task Without_a_user_everyones_images_count()
    {
        var tag = $"tag {Guid.NewGuid()}";
        await SaveAsync(tag);
        await _api.SaveAsync(Guid.NewGuid(), "someone_else", tags: [tag.ToUpperInvariant()]);

        foreach (var sort in new[] { "name", "count" })
        {
            var page = await _api.GetAsync($"/v1/gallery/tags/?sort={sort}&prefix={Uri.EscapeDataString(tag)}");
            Assert.Equal($$"""[{"name":"{{tag}}","count":2}]""", page.Image.ToJsonString());
        }
    }

    [Theory]
    [InlineData("sort=date", "sort", "sort is 'date'. Send name or count.")]
    [InlineData("prefix=%00", "prefix", "prefix contains the character U+0000, which cannot be stored. Remove it.")]
    [InlineData("tag=a", "tag", "Unknown parameter 'tag'. Did you mean prefix? Known parameters: user_id, prefix, sort, limit, cursor.")]
    [InlineData("prefx=a", "prefx", "Unknown parameter 'prefx'. Did you mean prefix? Known parameters: user_id, prefix, sort, limit, cursor.")]
    public async Task A_wrong_parameter_is_named(string query, string field, string message) =>
        Assert.Equal(message, (await _api.GetAsync($"/v1/gallery/tags/?{query}")).Error(field));

    [Fact]
    public async Task A_count_of_tags_that_takes_more_than_a_second_is_refused_and_says_what_to_add()
    {
        await SaveAsync("ab");
        await service.Database.ExecuteAsync(
            """
            alter table gallery.image_tag rename to image_tag_fast;
            create view gallery.image_tag as select * from gallery.image_tag_fast where pg_sleep(1.5) is not null;
            grant select on gallery.image_tag to public
            """);
        try
        {
            foreach (var (query, cure) in new[] { ("", "Add user_id, or prefix."), ($"&user_id={_user}", "Add prefix."), ($"&user_id={_user}&prefix=a", "Add a longer prefix.") })
            {
                var answer = await _api.GetAsync($"/v1/gallery/tags/?sort=count{query}");
                Assert.Equal((422, "search_too_broad"), (answer.Status, answer.Problem));
                Assert.Equal($"Too many tags would have to be counted. {cure} Or leave sort out.", (string?)answer.Body["message"]);
            }
        }
        finally
        {
            await service.Database.ExecuteAsync("drop view gallery.image_tag; alter table gallery.image_tag_fast rename to image_tag");
        }
    }

    [Fact]
    public async Task A_cursor_belongs_to_its_sort_and_prefix()
    {
        await SaveAsync("a", "b");
        var cursor = (await _api.GetAsync($"/v1/gallery/tags/?user_id={_user}&limit=1")).NextCursor;

        Assert.Equal(200, (await _api.GetAsync($"/v1/gallery/tags/?user_id={_user}&limit=1&sort=name&cursor={cursor}")).Status);
        foreach (var other in new[] { "sort=count", "prefix=a" })
            Assert.Equal("invalid_cursor", (await _api.GetAsync($"/v1/gallery/tags/?user_id={_user}&{other}&cursor={cursor}")).Problem);
    }

    [Fact]
    public async Task A_rename_changes_all_images_of_the_user_also_in_the_trash()
    {
        var (one, trashed, without) = (await SaveAsync("x", "Film Noir", "y"), await SaveAsync("film noir"), await SaveAsync("x"));
        await _api.DeleteAsync($"/v1/gallery/{trashed}/");
        var others = Guid.NewGuid();
        await _api.SaveAsync(others, "someone_else", tags: ["film noir"]);

        Assert.Equal((2, true), await RenameAsync("FILM NOIR", "Style:Noir"));
        var renamed = await _api.GetAsync($"/v1/gallery/{one}/");
        Assert.Equal(["x", "Style:Noir", "y"], renamed.Tags);
        Assert.Equal(2, (long)renamed.Image["revision"]!);
        Assert.Equal("""["tags"]""", (await _api.GetAsync($"/v1/gallery/{one}/history/")).Image[0]!["fields"]!.ToJsonString());
        Assert.Equal(["Style:Noir"], (await _api.PostAsync($"/v1/gallery/{trashed}/restore/")).Tags);
        Assert.Equal(1, (long)(await _api.GetAsync($"/v1/gallery/{without}/")).Image["revision"]!);
        Assert.Equal(["film noir"], (await _api.GetAsync($"/v1/gallery/{others}/")).Tags);
        Assert.Equal(["Style:Noir 2", "x 2", "y 1"], await ListAsync());
        Assert.Equal((0, true), await RenameAsync("film noir", "style:noir"));
    }

    [Fact]
    public async Task A_rename_to_a_tag_that_an_image_has_merges_the_two()
    {
        var (both, one) = (await SaveAsync("bw", "x", "Noir"), await SaveAsync("bw"));

        Assert.Equal((2, true), await RenameAsync("bw", "noir"));
        Assert.Equal(["x", "Noir"], (await _api.GetAsync($"/v1/gallery/{both}/")).Tags);
        Assert.Equal(["noir"], (await _api.GetAsync($"/v1/gallery/{one}/")).Tags);
        Assert.Equal(["Noir 2", "x 1"], await ListAsync());
    }

    [Fact]
    public async Task A_rename_to_the_same_tag_changes_its_spelling()
    {
        var id = await SaveAsync("noir");

        Assert.Equal((1, true), await RenameAsync("NOIR", "Noir"));
        Assert.Equal((0, true), await RenameAsync("noir", "Noir"));
        Assert.Equal(["Noir"], (await _api.GetAsync($"/v1/gallery/{id}/")).Tags);
    }

    [Fact]
    public async Task A_rename_that_finds_no_image_says_so()
    {
        var answer = await _api.PostAsync("/v1/gallery/tags/rename/", """{"user_id":"rename_nothing","from":"old","to":"new"}""");

        Assert.Equal((200, 0, "Nothing to rename; no image changed"), (answer.Status, (int)answer.Image["renamed"]!, (string?)answer.Body["message"]));
    }

    [Fact]
    public async Task A_rename_of_several_batches_goes_on_until_it_is_complete()
    {
        await service.Database.ExecuteAsync($"""
            with i as (insert into gallery.image (image_id, user_id, image_url, tags) select gen_random_uuid(), '{_user}', 'x', array['old'] from generate_series(1, 2100) returning image_id, created_at)
            insert into gallery.image_tag select i.image_id, 'old', 'old', '{_user}', i.created_at from i
            """);
        var renamed = 0;
        for (var isComplete = false; !isComplete;)
        {
            (var more, isComplete) = await RenameAsync("old", "new");
            renamed += more;
        }

        Assert.Equal(2100, renamed);
        Assert.Equal(["new 2100"], await ListAsync());
        Assert.Equal(2100, await service.Database.FindAsync<long>($"select count(*) from gallery.image where user_id = '{_user}' and tags = array['new'] and revision = 2"));
    }

    [Theory]
    [InlineData("""{"from": "a", "to": "b"}""", "user_id")]
    [InlineData("""{"user_id": "u", "to": "b"}""", "from")]
    [InlineData("""{"user_id": "u", "from": "a", "to": " b"}""", "to")]
    [InlineData("""{"user_id": "u", "from": "a", "to": "b", "x": 1}""", "x")]
    public async Task A_rename_names_the_field_that_is_wrong(string body, string field)
    {
        var answer = await _api.PostAsync("/v1/gallery/tags/rename/", body);

        Assert.Equal((400, field), (answer.Status, Assert.Single(answer.Body["errors"]!.AsObject()).Key));
    }

    private async Task<Guid> SaveAsync(params string[] tags)
    {
        var id = Guid.NewGuid();
        Assert.Equal(201, (await _api.SaveAsync(id, _user, tags: tags)).Status);
        return id;
    }

    private async Task<(int Renamed, bool IsComplete)> RenameAsync(string from, string to)
    {
        var answer = await _api.PostAsync("/v1/gallery/tags/rename/", $$"""{"user_id": "{{_user}}", "from": "{{from}}", "to": "{{to}}"}""");
        Assert.Equal(200, answer.Status);
        return ((int)answer.Image["renamed"]!, (bool)answer.Image["is_complete"]!);
    }

    /// <summary>All pages.</summary>
    private async Task<IReadOnlyList<string>> ListAsync(string query = "", string? user = null)
    {
        List<string> tags = [];
        for (string? cursor = ""; cursor is not null;)
        {
            var page = await _api.GetAsync($"/v1/gallery/tags/?user_id={user ?? _user}{query}{(cursor.Length > 0 ? $"&cursor={cursor}" : "")}");
            Assert.Equal(200, page.Status);
            tags.AddRange(page.Body["data"]!.AsArray().Select(tag => $"{tag!["name"]} {tag["count"]}"));
            cursor = page.NextCursor;
        }

        return tags;
    }
}
