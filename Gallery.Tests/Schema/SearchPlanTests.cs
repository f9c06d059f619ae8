using System.Text.Json.Nodes;
using Gallery.Sql.Images;
using Gallery.Tests.Database;
using Npgsql;

namespace Gallery.Tests.Schema;

/// <summary>The plan of each filter reads few of the table's pages, which docs/search.md shows for 1,000,000 images. Here are 20,000, half of them one user's.</summary>
public sealed class SearchPlanTests(SearchPlanTests.Images images) : IClassFixture<SearchPlanTests.Images>
{
    private static readonly Dictionary<string, Func<ImageFilter, ImageFilter>> Filters = new()
    {
        ["a word in 40 %"] = filter => filter with { Words = "\"and\"" },
        ["a word in 1 %"] = filter => filter with { Words = "\"zeppelin\"" },
        ["a word in none"] = filter => filter with { Words = "\"xylophone\"" },
        ["a word in old images"] = filter => filter with { Words = "\"daguerreotype\"" },
        ["a prefix"] = filter => filter with { Words = "\"zeppzqzq\"" },
        ["an intent in 40 %"] = filter => filter with { Intent = "vary" },
        ["metadata in 40 %"] = filter => filter with { Metadata = [["""{"model": "gemini-pro"}"""]] },
        ["metadata in 1 %"] = filter => filter with { Metadata = [["""{"model": "legacy"}"""]] },
        ["metadata in none"] = filter => filter with { Metadata = [["""{"n": "7"}""", """{"n": 7}"""]] },
        ["a tag in 40 %"] = filter => filter with { Tags = ["favorite"] },
        ["a tag in 0.5 %"] = filter => filter with { Tags = ["noir"] },
        ["a tag in none"] = filter => filter with { Tags = ["x"] },
        ["a prompt"] = filter => filter with { HasPrompt = true },
        ["the oldest day"] = filter => filter with { CreatedTo = new DateTime(2024, 1, 2, 0, 0, 0, DateTimeKind.Utc) },
        ["ids"] = filter => filter with { ImageIds = [Guid.NewGuid(), Guid.NewGuid()] },
    };

    private static readonly Dictionary<string, (int Most, int MostOfSmall, Func<ImageFilter, Statement> Make)> Statements = new()
    {
        ["no prompt"] = (350, 350, filter => Listed(filter with { HasPrompt = false })),
        ["an intent in 1 %"] = (1_000, 350, filter => Listed(filter with { Intent = "upscale" })),
        ["an intent in none"] = (1_000, 350, filter => Listed(filter with { Intent = "x" })),
        ["a phrase"] = (50, 350, filter => Listed(filter with { Words = "\"golden lighthouse\"" })),
        ["a phrase in 1 %"] = (50, 50, filter => Listed(filter with { Words = "\"and zeppelin\"" })),
        ["words that exclude"] = (100, 150, filter => Listed(filter with { Words = "\"golden\" -\"and\"" })),
        ["two tags"] = (700, 50, filter => Listed(filter with { Tags = ["favorite", "noir"] })),
        ["one of two tags"] = (550, 450, filter => Of(filter with { AnyTags = ["favorite", "noir"] }, one => ImageRepository.SelectAny(one, ImageOrder.List))),
        ["oldest first"] = (100, 100, filter => Listed(filter, oldestFirst: true)),
        ["oldest first, an intent in 40 %"] = (100, 100, filter => Listed(filter with { Intent = "vary" }, oldestFirst: true)),
        ["oldest first, a word in 1 %"] = (300, 50, filter => Listed(filter with { Words = "\"zeppelin\"" }, oldestFirst: true)),
        ["oldest first, a tag in 0.5 %"] = (400, 50, filter => Listed(filter with { Tags = ["noir"] }, oldestFirst: true)),
        ["the trash, with a prompt"] = (100, 20, filter => Trashed(filter with { HasPrompt = true })),
        ["the trash, an intent in none"] = (300, 20, filter => Trashed(filter with { Intent = "x" })),
        ["the trash, a word in 1 %"] = (300, 20, filter => Trashed(filter with { Words = "\"zeppelin\"" })),
        ["the trash, a tag in 0.5 %"] = (850, 20, filter => Trashed(filter with { Tags = ["noir"] })),
        ["facets"] = (1_500, 450, filter => Of(filter, ImageRepository.SelectFacets)),
        ["facets of a word in 1 %"] = (300, 50, filter => Of(filter with { Words = "\"zeppelin\"" }, ImageRepository.SelectFacets)),
        ["facets of a tag in 0.5 %"] = (650, 50, filter => Of(filter with { Tags = ["noir"] }, ImageRepository.SelectFacets)),
    };

    /// <summary>What a list can be beside a filter: in another order, of the trash, counted, or with a filter that has no index. The table has some 1,100 pages.</summary>
    private static readonly Dictionary<string, (int Most, Func<ImageFilter, Statement> Make)> Forms = new()
    {
        ["oldest first"] = (500, filter => Listed(filter, oldestFirst: true)),
        ["the trash"] = (800, Trashed),
        ["facets"] = (1_500, filter => Of(filter, ImageRepository.SelectFacets)),
        ["one of two tags"] = (1_200, filter => Of(filter with { AnyTags = ["favorite", "noir"] }, one => ImageRepository.SelectAny(one, ImageOrder.List))),
        ["no prompt"] = (1_500, filter => Listed(filter with { HasPrompt = false })),
        ["an intent in 1 %"] = (1_500, filter => Listed(filter with { Intent = "upscale" })),
        ["an intent in none"] = (1_500, filter => Listed(filter with { Intent = "x" })),
        ["a phrase"] = (500, filter => Listed(filter with { Words = $"\"golden lighthouse\" {filter.Words}" })),
    };

    public static TheoryData<string, int> FormCases => [.. Forms.Select(form => (form.Key, form.Value.Most))];

    public static TheoryData<string, string?, int> Plans => [.. Statements.Keys.SelectMany(name => new[] { "big", "small", null }.Select(user => (name, user, user == "small" ? Statements[name].MostOfSmall : Statements[name].Most)))];

    public static TheoryData<string, string?> Cases => [.. Filters.Keys.SelectMany(filter => new[] { "big", "small", null }.Select(user => (filter, user)))];

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task A_page_reads_few_pages_of_the_table(string name, string? userId) =>
        Assert.InRange(await BuffersAsync(Listed(Filters[name](new ImageFilter(userId)))), 0, 500);   // the table alone has more than 1,000

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task With_any_other_filter_a_page_reads_few_more(string name, string? userId)
    {
        List<string> many = [];
        foreach (var other in Filters.Keys)
            if (await BuffersAsync(Listed(Filters[other](Filters[name](new ImageFilter(userId))))) is > 1_000 and var buffers) many.Add($"{other}: {buffers}");

        Assert.Empty(many);
    }

    [Theory]
    [MemberData(nameof(FormCases))]
    public async Task In_any_form_each_filter_reads_few_pages(string form, int most)
    {
        var worst = (Buffers: 0, Name: "");
        foreach (var (name, filter) in Filters)
            foreach (var userId in new[] { "big", "small", null })
                if (await BuffersAsync(Forms[form].Make(filter(new ImageFilter(userId)))) is var buffers && buffers > worst.Buffers) worst = (buffers, $"{name}, {userId ?? "everyone"}");

        Assert.True(worst.Buffers <= most, $"{worst.Name}: {worst.Buffers}");
    }

    [Theory]
    [MemberData(nameof(Plans))]
    public async Task Each_plan_reads_few_pages_of_the_table(string name, string? userId, int most) =>
        Assert.InRange(await BuffersAsync(Statements[name].Make(new ImageFilter(userId))), 0, most);

    private static Statement Listed(ImageFilter filter, bool oldestFirst = false)
    {
        var order = ImageOrder.List with { OldestFirst = oldestFirst };
        return new(filter, ImageRepository.Select(filter, order, filter.Tags.Count > 0 ? filter.Tags.Count - 1 : null), order.Start);
    }

    private static Statement Trashed(ImageFilter filter) => new(filter, ImageRepository.Select(filter, ImageOrder.Trash), ImageOrder.Trash.Start);

    private static Statement Of(ImageFilter filter, Func<ImageFilter, string> select) => new(filter, select(filter), ImageOrder.List.Start);

    private async Task<int> BuffersAsync(Statement statement)
    {
        await using var command = images.Source.CreateCommand("explain (analyze, buffers, format json) " + statement.Sql);
        foreach (var (parameter, value) in statement.Filter.Parameters().Concat([("At", statement.Start.At), ("ImageId", statement.Start.ImageId), ("Limit", 51)]))
            command.Parameters.AddWithValue(parameter, value);
        var plan = JsonNode.Parse((string)(await command.ExecuteScalarAsync(TestContext.Current.CancellationToken))!)![0]!["Plan"]!;
        return (int)plan["Shared Hit Blocks"]! + (int)plan["Shared Read Blocks"]!;
    }

    private sealed record Statement(ImageFilter Filter, string Sql, ImageKeyset Start);

    public sealed class Images(TestServer server) : IAsyncLifetime
    {
        private TestDatabase _database = null!;

        public NpgsqlDataSource Source { get; private set; } = null!;

        public async ValueTask InitializeAsync()
        {
            _database = await server.CreateDatabaseAsync(migrated: true);
            await _database.ExecuteAsync(
                """
                insert into gallery.image (image_id, user_id, image_url, refined_prompt, intent, metadata, created_at, deleted_at)
                select md5(n::text)::uuid, case when n % 2 = 0 then 'big' when n % 100 = 1 then 'small' else 'user' || n % 97 end,
                       'https://res.cloudinary.com/demo/image/upload/x.jpg',
                       case when hashint4(n) % 20 <> 3 then 'A golden lighthouse of ' || repeat('some words ', 10) || n
                           || case when hashint4(n) % 5 < 2 then ' and' else '' end || case when hashint4(n) % 100 = 7 then ' zeppelin' else '' end || case when n < 200 then ' daguerreotype' else '' end end,
                       case when hashint4(n) % 5 < 2 then 'vary' when hashint4(n) % 100 = 63 then 'upscale' else 'generate' end,
                       jsonb_build_object('model', case when hashint4(n) % 5 < 2 then 'gemini-pro' when hashint4(n) % 100 = 60 then 'legacy' else 'flux' end),
                       timestamptz '2024-01-01' + n * interval '1 minute',
                       case when hashint4(n) % 50 = 42 then timestamptz '2024-03-01' + n * interval '1 minute' end
                from generate_series(1, 20000) as n;

                insert into gallery.image_tag (image_id, tag, label, user_id, created_at)
                select i.image_id, t.tag, t.tag, i.user_id, i.created_at
                from gallery.image as i
                cross join (values ('favorite', 400), ('noir', 5)) as t (tag, share)
                where abs(hashtext(i.image_id::text)) % 1000 < t.share;
                """);
            await _database.ExecuteAsync("vacuum analyze gallery.image");
            await _database.ExecuteAsync("vacuum analyze gallery.image_tag");
            Source = _database.CreateSource(maximumPoolSize: 1);
        }

        public async ValueTask DisposeAsync()
        {
            await Source.DisposeAsync();
            await _database.DisposeAsync();
        }
    }
}
