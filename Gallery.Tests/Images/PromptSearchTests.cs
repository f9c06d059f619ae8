using Gallery.Service.Images;
using Gallery.Tests.Database;

namespace Gallery.Tests.Images;

/// <summary>Prompts in many languages, searched the way people search. <c>prompt-searches.tsv</c> has the prompts with their numbers, and for each search the prompts that it finds.</summary>
public sealed class PromptSearchTests(TestServer server)
{
    [Fact]
    public async Task Each_search_finds_its_prompts_and_no_others()
    {
        var rows = (await File.ReadAllLinesAsync(Path.Combine(AppContext.BaseDirectory, "Images", "prompt-searches.tsv"), TestContext.Current.CancellationToken)).Select(line => line.Split('\t')).ToList();
        var prompts = rows.FindAll(row => row[0] == "prompt");
        var searches = rows.FindAll(row => row[0] == "search");
        await using var database = await server.CreateDatabaseAsync(migrated: true);

        var found = await database.ListAsync<string>(
            """
            select coalesce(string_agg(p.number::text, ' ' order by p.number), '')
            from unnest(@Searches) with ordinality as s (words, place)
            left join unnest(@Prompts) with ordinality as p (prompt, number) on gallery.image_words('user_1', p.prompt) @@ gallery.image_words_query(s.words)
            group by s.place
            order by s.place
            """,
            new { Searches = searches.ConvertAll(row => SearchWords.Parse(row[1])!).ToArray(), Prompts = prompts.ConvertAll(row => row[2]).ToArray() });

        Assert.InRange(prompts.Count, 200, int.MaxValue);
        Assert.Equal(searches.Select(row => $"{row[1]}: {row[2]}"), searches.Zip(found, (row, numbers) => $"{row[1]}: {numbers}"));
    }
}
