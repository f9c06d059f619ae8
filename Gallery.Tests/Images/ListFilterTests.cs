using System.Globalization;
using System.Text.Json.Nodes;
using Gallery.Service.Images;
using Gallery.Sql.Images;
using Gallery.Tests.Service;

namespace Gallery.Tests.Images;

/// <summary>The filters of the lists, of their counts and of the export. The images of one user are named A to F, in the order of their creation; E and F are in the trash.</summary>
public sealed class ListFilterTests(TestService service) : IClassFixture<TestService>, IAsyncLifetime
{
    private readonly Api _api = service.Api;
    private readonly string _user = $"user_{Guid.NewGuid():N}";
    private readonly Dictionary<Guid, char> _names = [];

    public async ValueTask InitializeAsync()
    {
        string[] lines =
        [
            Line('A', """refined_prompt": "A golden lighthouse at sunset", "intent": "generate", "tags": ["style:noir", "favorite"], "metadata": {"session": "s1", "n": 42, "deep": {"a.b": {"c": "x"}}, "on": true, "none": null}"""),
            Line('B', """refined_prompt": "Golden hour, red/blue neon", "intent": "edit", "tags": ["favorite"], "metadata": {"session": "s1", "n": "42", "deep": {"a.b": {"c": "y"}}}"""),
            Line('C', """intent": "generate", "metadata": {"session": "s2", "Session": "S", "n": -1.50}"""),
            Line('D', """refined_prompt": "夜の東京タワー", "tags": ["STYLE:Noir", "night"]"""),
            Line('E', """deleted_at": "2026-02-02T00:00:00Z", "refined_prompt": "A golden castle", "intent": "edit", "tags": ["favorite"], "metadata": {"session": "s1"}"""),
            Line('F', """deleted_at": "2026-02-01T00:00:00Z", "refined_prompt": "", "intent": "", "metadata": {}"""),
        ];
        using var body = new StringContent(string.Join('\n', lines), null, "application/x-ndjson");
        var import = await _api.SendAsync(HttpMethod.Post, "/v1/gallery/import/", body);
        Assert.True((int)import.Body["data"]!["created"]! == lines.Length, import.Text);
    }

    public ValueTask DisposeAsync() => default;

    [Theory]
    [InlineData("", "DCBA", "EF")]
    [InlineData("tag=favorite", "BA", "E")]
    [InlineData("tag=FAVORITE", "BA", "E")]
    [InlineData("tag=style:noir&tag=favorite", "A", "")]
    [InlineData("tag=style:noir&tag=nobody", "", "")]
    [InlineData("any_tag=style:noir&any_tag=favorite", "DBA", "E")]
    [InlineData("any_tag=night", "D", "")]
    [InlineData("tag=favorite&any_tag=style:noir&any_tag=night", "A", "")]
    [InlineData("intent=generate", "CA", "")]
    [InlineData("intent=Generate", "", "")]
    [InlineData("created_from=2026-01-02T00:00:00Z", "DCB", "EF")]
    [InlineData("created_to=2026-01-02T00:00:00Z", "A", "")]
    [InlineData("created_from=2026-01-02&created_to=2026-01-04", "CB", "")]
    [InlineData("created_from=2026-01-02T01:00:00%2B01:00&created_to=2026-01-02T00:00:00.000001Z", "B", "")]
    [InlineData("metadata.session=s1", "BA", "E")]
    [InlineData("metadata.n=42", "BA", "")]
    [InlineData("metadata.n=-1.5", "C", "")]
    [InlineData("metadata.on=true", "A", "")]
    [InlineData("metadata.none=null", "A", "")]
    [InlineData("metadata[session]=s1&metadata[n]=42", "BA", "")]
    [InlineData("metadata[deep][a.b][c]=x", "A", "")]
    [InlineData("metadata.deep[a.b].c=x", "A", "")]
    [InlineData("metadata.session=s1'%20or%201=1", "", "")]
    [InlineData("metadata.Session=S&metadata.session=s2", "C", "")]
    [InlineData("metadata.Session=S&metadata.session=s1", "", "")]
    [InlineData("metadata[Session]=S", "C", "")]
    [InlineData("created_from=2026-01-02T00:00Z&created_to=2026-01-03T02:00%2B02:00", "B", "")]
    [InlineData("created_from=0001-01-01", "DCBA", "EF")]
    [InlineData("created_from=1960-01-01T00:00:00Z&created_to=2026-01-02", "A", "")]
    [InlineData("created_to=1960-01-01", "", "")]
    [InlineData("intent=", "", "F")]
    [InlineData("has_prompt=true", "DBA", "E")]
    [InlineData("has_prompt=false", "C", "F")]
    [InlineData("q=golden", "BA", "E")]
    [InlineData("q=GOLDEN%20-lighthouse", "B", "E")]
    [InlineData("q=golden&tag=style:noir", "A", "")]
    [InlineData("q=golden&intent=edit&metadata.session=s1", "B", "E")]
    [InlineData("sort=created_at", "ABCD", "EF")]
    [InlineData("sort=created_at&tag=favorite", "AB", "E")]
    [InlineData("sort=created_at&any_tag=favorite&any_tag=night", "ABD", "E")]
    [InlineData("sort=-created_at", "DCBA", "FE")]
    public async Task A_filter_leaves_the_same_images_of_both_lists_of_the_counts_and_of_the_export(string filter, string live, string trash)
    {
        Assert.Equal(live, await NamesAsync($"/v1/gallery/?{filter}&user_id={_user}"));
        Assert.Equal(trash, await NamesAsync($"/v1/gallery/deleted/?{filter}&user_id={_user}"));
        if (filter.Contains("sort", StringComparison.Ordinal)) return;

        Assert.Equal(live.Length, (int)(await _api.GetAsync($"/v1/gallery/?{filter}&user_id={_user}&count=exact")).Body["pagination"]!["count"]!);
        Assert.Equal(trash.Length, (int)(await _api.GetAsync($"/v1/gallery/deleted/?{filter}&user_id={_user}&count=exact")).Body["pagination"]!["count"]!);
        Assert.Equal(live.Length, (int)(await _api.GetAsync($"/v1/gallery/facets/?{filter}&user_id={_user}")).Body["data"]!["images"]!);
        var lines = (await _api.GetAsync($"/v1/gallery/export/?{filter}&user_id={_user}")).Text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal((live + trash).Order(), lines.Select(line => _names[(Guid)JsonNode.Parse(line)!["image_id"]!]).Order());
    }

    [Theory]
    [InlineData("intent=generate")]
    [InlineData("any_tag=favorite&any_tag=night")]
    [InlineData("sort=created_at")]
    public async Task A_filtered_list_is_paged_and_its_link_keeps_the_filter(string filter)
    {
        var whole = await NamesAsync($"/v1/gallery/?{filter}&user_id={_user}");
        var walked = "";
        for (var path = $"/v1/gallery/?{filter}&user_id={_user}&limit=1&fields=image_id"; path is not null;)
        {
            var page = await _api.GetAsync(path);
            walked += Names(page);
            path = page.Headers.TryGetValues("Link", out var link) ? new Uri(link.Single()[1..link.Single().IndexOf('>', StringComparison.Ordinal)]).PathAndQuery : null;
        }

        Assert.Equal(whole, walked);
    }

    [Fact]
    public async Task A_cursor_belongs_to_its_filter()
    {
        var cursor = (await _api.GetAsync($"/v1/gallery/?intent=generate&user_id={_user}&limit=1")).NextCursor;

        Assert.Equal("invalid_cursor", (await _api.GetAsync($"/v1/gallery/?intent=edit&user_id={_user}&cursor={cursor}")).Problem);
        Assert.Equal("invalid_cursor", (await _api.GetAsync($"/v1/gallery/?intent=generate&tag=a&user_id={_user}&cursor={cursor}")).Problem);
    }

    [Theory]
    [InlineData("any_tag=favorite&any_tag=night", "any_tag=favorite,night")]
    [InlineData("metadata.session=s1&q=golden", "metadata.session=s1%0Aq%3Dgolden")]
    [InlineData("has_prompt=true&sort=created_at", "has_prompt=true")]
    public async Task A_cursor_does_not_belong_to_filters_that_look_alike(string filter, string other)
    {
        var cursor = (await _api.GetAsync($"/v1/gallery/?{filter}&user_id={_user}&limit=1")).NextCursor;

        Assert.Equal(200, (await _api.GetAsync($"/v1/gallery/?{filter}&user_id={_user}&cursor={cursor}")).Status);
        Assert.Equal("cursor", (await _api.GetAsync($"/v1/gallery/?{other}&user_id={_user}&cursor={cursor}")).Body["errors"]!.AsObject().Last().Key);
    }

    [Theory]
    [InlineData("/v1/gallery/", "-created_at")]
    [InlineData("/v1/gallery/deleted/", "-deleted_at")]
    public async Task A_cursor_of_the_default_order_belongs_to_that_order_by_name(string list, string sort)
    {
        var first = await _api.GetAsync($"{list}?user_id={_user}&limit=1");

        Assert.Equal(200, (await _api.GetAsync($"{list}?user_id={_user}&limit=1&sort={sort}&cursor={first.NextCursor}")).Status);
        Assert.Equal("invalid_cursor", (await _api.GetAsync($"{list}?user_id={_user}&limit=1&sort={sort[1..]}&cursor={first.NextCursor}")).Problem);
    }

    [Fact]
    public async Task Ids_are_looked_up_together_with_the_other_filters()
    {
        var ids = string.Join(',', _names.Keys.Append(Guid.NewGuid()));

        Assert.Equal("DCBA", await NamesAsync($"/v1/gallery/?ids={ids}"));
        Assert.Equal("CA", await NamesAsync($"/v1/gallery/?ids={ids}&intent=generate"));
        Assert.Equal("A", await NamesAsync($"/v1/gallery/?ids={ids}&tag=style:noir&tag=favorite"));
        Assert.Equal("EF", await NamesAsync($"/v1/gallery/deleted/?ids={ids}"));
    }

    [Fact]
    public async Task Fields_are_shown_alone_in_their_usual_order()
    {
        var image = (await _api.GetAsync($"/v1/gallery/?user_id={_user}&fields=intent,image_id,metadata&limit=1&sort=created_at")).Body["data"]![0]!.AsObject();

        Assert.Equal(["image_id", "intent", "metadata"], image.Select(field => field.Key));
        Assert.Equal(42, (int)image["metadata"]!["n"]!);
    }

    [Theory]
    [InlineData("intnet=x", "intnet", "Did you mean intent?")]
    [InlineData("metadta.a=x", "metadta.a", "Did you mean metadata?")]
    [InlineData("metadta.session_id=x", "metadta.session_id", "Did you mean metadata?")]
    [InlineData("metadta[options.of][steps]=x", "metadta[options.of][steps]", "Did you mean metadata?")]
    [InlineData("tags[]=x", "tags[]", "Did you mean tag?")]
    [InlineData("userId=x", "userId", "Did you mean user_id?")]
    [InlineData("fields=image_id,imageurl", "fields", "Did you mean image_url?")]
    [InlineData("fields=imageURL", "fields", "Did you mean image_url?")]
    [InlineData("fields=image_id,quality", "fields", "fields contains 'quality'. Known fields: image_id, ")]
    [InlineData("metadata=x", "metadata", "metadata.key=value")]
    [InlineData("q=-golden", "q", "without a minus")]
    [InlineData("q=golden%20or%20-neon", "q", "without a minus")]
    [InlineData("q=!!!", "q", "no word")]
    [InlineData("created_from=2026-01-01T00:00:00%2001:00", "created_from", "+ is %2B")]
    [InlineData("ids=1", "ids", "not a UUID")]
    [InlineData("ids=00000000-0000-0000-0000-000000000001,%2000000000-0000-0000-0000-000000000002", "ids", "without spaces")]
    [InlineData("format=png", "format", "send metadata.format=value.")]
    [InlineData("created_from=2026-02-01&created_to=2026-01-01", "created_to", "to include a day, send the day after it.")]
    [InlineData("created_from=2026-01-15&created_to=2026-01-15", "created_to", "created_to is not after created_from.")]
    [InlineData("q=golden&has_prompt=false", "q", "q finds nothing with has_prompt=false. Leave q or has_prompt out.")]
    [InlineData("metadata.a=1&metadata[a]=2", "metadata[a]", "metadata[a] is the same as metadata.a. Send one of them.")]
    [InlineData("metadata.a=1&metadata.b=%00", "metadata.b", "The value of metadata.b contains the character U+0000")]
    [InlineData("metadata.a=1&metadata.b%00=1", "metadata.b\0", "A key of metadata.b\0 contains the character U+0000")]
    [InlineData("metadata[session_id=x", "metadata[session_id", "Send metadata.key=value, or metadata[key]=value.")]
    [InlineData("TAG=x&tag=y", "TAG", "Did you mean tag?")]
    [InlineData("tag=y&TAG=x", "TAG", "Did you mean tag?")]
    [InlineData("Metadata.a=x&metadata.a=x", "Metadata.a", "Did you mean metadata?")]
    public async Task A_wrong_filter_is_named_with_its_cure(string filter, string name, string cure)
    {
        var answer = await _api.GetAsync($"/v1/gallery/?{filter}");

        Assert.Equal(400, answer.Status);
        Assert.Contains(cure, answer.Error(name), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("deleted/")]
    [InlineData("export/")]
    [InlineData("facets/")]
    public async Task A_name_that_is_like_no_parameter_is_taken_for_one_of_metadata(string list)
    {
        var misspelt = (await _api.GetAsync($"/v1/gallery/{list}?usr_id=x")).Error("usr_id");
        var unlike = (await _api.GetAsync($"/v1/gallery/{list}?session_id=x")).Error("session_id");

        Assert.StartsWith("Unknown parameter 'usr_id'. Did you mean user_id? Known parameters: user_id, tag, ", misspelt, StringComparison.Ordinal);
        Assert.DoesNotContain("metadata.", misspelt, StringComparison.Ordinal);
        Assert.StartsWith("Unknown parameter 'session_id'. Known parameters: user_id, tag, ", unlike, StringComparison.Ordinal);
        Assert.EndsWith(". For a value of metadata, send metadata.session_id=value.", unlike, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Facets_count_the_live_images_that_the_filter_leaves()
    {
        var all = (await _api.GetAsync($"/v1/gallery/facets/?user_id={_user}")).Body["data"]!;
        var some = (await _api.GetAsync($"/v1/gallery/facets/?user_id={_user}&intent=edit")).Body["data"]!;

        Assert.Equal(4, (int)all["images"]!);
        Assert.Equal(["generate 2", "edit 1", " 1"], Values(all["intents"]!));
        Assert.Equal(["favorite 2", "style:noir 2", "night 1"], Values(all["tags"]!));
        Assert.Equal(["2026-01 4"], Values(all["months"]!));
        Assert.Equal((1, "edit 1", "favorite 1"), ((int)some["images"]!, Values(some["intents"]!).Single(), Values(some["tags"]!).Single()));
    }

    [Fact]
    public async Task More_images_than_are_counted_have_a_plus()
    {
        var user = $"{_user}_many";
        await service.Database.ExecuteAsync(
            $"""
            insert into gallery.image (image_id, user_id, image_url)
            select gen_random_uuid(), '{user}', 'https://res.cloudinary.com/demo/x'
            from generate_series(1, 10001)
            """);

        Assert.Equal("10000+", (string)(await _api.GetAsync($"/v1/gallery/?user_id={user}&count=exact&limit=1")).Body["pagination"]!["count"]!);
        var facets = (await _api.GetAsync($"/v1/gallery/facets/?user_id={user}")).Body["data"]!;
        Assert.Equal(("10000+", " 10000"), ((string)facets["images"]!, Values(facets["intents"]!).Single()));
        var estimated = await _api.GetAsync($"/v1/gallery/?user_id={user}&count=estimated&limit=1");
        Assert.True(estimated.Body["pagination"]?["count"] is not null, estimated.Text);
    }

    [Fact]
    public async Task A_search_that_takes_more_than_a_second_is_refused_and_says_what_to_add()
    {
        var answers = await SlowlyAsync(1.5, async () => new[]
        {
            await _api.GetAsync("/v1/gallery/?q=golden"),
            await _api.GetAsync($"/v1/gallery/facets/?user_id={_user}&created_from=2026-01-01&created_to=2026-01-02&tag=favorite&q=golden"),
            await _api.GetAsync($"/v1/gallery/?user_id={_user}&created_from=2026-01-01&q=golden"),
        });

        Assert.All(answers, answer => Assert.Equal((422, "search_too_broad"), (answer.Status, answer.Problem)));
        Assert.Equal("Too many images would have to be looked at. Add user_id, or created_from and created_to, or a tag, or another word.", (string)answers[0].Body["message"]!);
        Assert.Equal("Too many images would have to be looked at. Add another word.", (string)answers[1].Body["message"]!);
        Assert.Equal("Too many images would have to be looked at. Add created_to, or a tag, or another word.", (string)answers[2].Body["message"]!);
    }

    [Theory]
    [InlineData("u", "Add created_from and created_to, or a tag.")]
    [InlineData(null, "Add user_id, or created_from and created_to, or a tag.")]
    public void Words_are_no_cure_for_a_search_of_images_without_a_prompt(string? user, string cure) =>
        Assert.Equal($"Too many images would have to be looked at. {cure}", ImageFilters.TooBroadFor(new ImageFilter(user) { HasPrompt = false }).Message);

    [Fact]
    public async Task A_page_and_its_count_have_one_second_together()
    {
        await _api.SaveAsync(Guid.NewGuid(), $"{_user}_count", "Golden");

        var answers = await SlowlyAsync(0.6, async () => new[]
        {
            await _api.GetAsync($"/v1/gallery/?user_id={_user}_count&q=golden"),
            await _api.GetAsync($"/v1/gallery/?user_id={_user}_count&q=golden&count=exact"),
        });

        Assert.Equal([200, 422], answers.Select(answer => answer.Status));
    }

    [Fact]
    public async Task Of_many_broad_searches_those_that_begin_have_their_second_and_the_others_are_told_to_try_again()
    {
        var answers = await SlowlyAsync(1.5, () => Task.WhenAll(Enumerable.Range(0, 6).Select(_ => _api.GetAsync($"/v1/gallery/?user_id={_user}&q=golden"))));

        Assert.Equal(["overloaded", "search_too_broad"], answers.Select(answer => answer.Problem).Distinct().Order());
    }

    /// <summary>Answers of a database whose searches take so many seconds for each image.</summary>
    private async Task<Answer[]> SlowlyAsync(double seconds, Func<Task<Answer[]>> ask)
    {
        await service.Database.ExecuteAsync(string.Create(
            CultureInfo.InvariantCulture,
            $"""
            alter function gallery.image_words_query rename to image_words_query_fast;
            create function gallery.image_words_query(words text) returns tsquery language sql as 'select gallery.image_words_query_fast(words) from pg_sleep({seconds})'
            """));
        try
        {
            return await ask();
        }
        finally
        {
            await service.Database.ExecuteAsync("drop function gallery.image_words_query; alter function gallery.image_words_query_fast rename to image_words_query");
        }
    }

    private string Line(char name, string fields)
    {
        var id = Guid.NewGuid();
        _names[id] = name;
        return $$"""{"user_id": "{{_user}}", "image_url": "{{Api.UrlOf(id)}}", "created_at": "2026-01-{{name - 'A' + 1:00}}T00:00:00Z", "{{fields}}}""";
    }

    private async Task<string> NamesAsync(string path) => Names(await _api.GetAsync(path));

    private string Names(Answer answer)
    {
        Assert.True(answer.Status == 200, answer.Text);
        return string.Concat(answer.Ids.Select(id => _names[id]));
    }

    private static IEnumerable<string> Values(JsonNode facet) => facet.AsArray().Select(value => $"{value!["value"]} {value["count"]}");
}
