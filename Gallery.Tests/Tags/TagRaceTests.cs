using Gallery.Tests.Service;

namespace Gallery.Tests.Tags;

/// <summary>What an image shows and what finds it are the same, whatever happens at once.</summary>
public sealed class TagRaceTests(TestService service) : IClassFixture<TestService>
{
    private const string Differences = """
        select i.image_id || ': shows ' || i.tags::text || ', found by ' || coalesce(t.labels::text, '{}') || ' of ' || coalesce(t.owners::text, '{}')
        from gallery.image as i
        left join (select t.image_id, array_agg(t.label order by t.label) as labels, array_agg(distinct t.user_id) as owners from gallery.image_tag as t group by t.image_id) as t
          on t.image_id = i.image_id
        where array(select x.label from unnest(i.tags) as x (label) order by x.label collate "C") <> coalesce(t.labels, '{}')
           or t.owners <> array[i.user_id]
        """;

    [Fact]
    public async Task Adds_removes_saves_edits_and_renames_leave_both_the_same()
    {
        string[] labels = ["a", "A", "b", "B", "c", "é", "e\u0301"];
        Guid[] ids = [.. Enumerable.Range(0, 3).Select(_ => Guid.NewGuid())];
        foreach (var id in ids) await service.Api.SaveAsync(id, "first");

        await Task.WhenAll(Enumerable.Range(0, 6).Select(async writer =>
        {
            var random = new Random(writer);
            for (var i = 0; i < 25; i++)
            {
                var id = ids[random.Next(ids.Length)];
                string label = labels[random.Next(labels.Length)], path = $"/v1/gallery/{id}/";
                var answer = await (random.Next(8) switch
                {
                    0 or 1 => service.Api.PutAsync($"{path}tags/{Uri.EscapeDataString(label)}/"),
                    2 => service.Api.DeleteAsync($"{path}tags/{Uri.EscapeDataString(label)}/"),
                    3 => service.Api.SaveAsync(id, random.Next(2) == 0 ? "first" : "second", tags: [label, "d"]),
                    4 => service.Api.PatchAsync(path, $$"""{"tags": ["{{label}}", "e"]}"""),
                    5 => service.Api.PatchAsync(path, $$"""{"user_id": "{{(random.Next(2) == 0 ? "first" : "second")}}"}"""),
                    6 => service.Api.PostAsync("/v1/gallery/tags/rename/", $$"""{"user_id": "first", "from": "{{label}}", "to": "{{labels[random.Next(labels.Length)]}}"}"""),
                    _ when random.Next(3) == 0 => service.Api.DeleteAsync($"{path}permanent/"),
                    _ => service.Api.SaveAsync(id, "first", tags: [label]),
                });
                Assert.Contains(answer.Status, new[] { 200, 201, 404, 409, 410 });
            }
        }));

        Assert.Empty(await service.Database.ListAsync<string>(Differences));
    }

    // The save has looked for its tags before the other transaction adds one of them, or removes it.
    [Theory]
    [InlineData(true, "Noir", "film")]
    [InlineData(false, "noir", "film")]
    public async Task A_save_that_waits_for_another_writer_looks_at_its_tags_again(bool adds, params string[] expected)
    {
        var id = Guid.NewGuid();
        await service.Api.SaveAsync(id, tags: adds ? [] : ["Noir"]);
        await using var another = new Npgsql.NpgsqlConnection(service.Database.ConnectionString);
        await another.OpenAsync();
        await using var transaction = await another.BeginTransactionAsync();
        await using var command = new Npgsql.NpgsqlCommand(
            $"update gallery.image set tags = '{(adds ? "{Noir}" : "{}")}', revision = revision + 1 where image_id = '{id}';" +
            (adds ? $"insert into gallery.image_tag values ('{id}', 'noir', 'Noir', 'user_123', (select created_at from gallery.image where image_id = '{id}'))" : $"delete from gallery.image_tag where image_id = '{id}'"),
            another, transaction);
        await command.ExecuteNonQueryAsync();
        var save = service.Api.SaveAsync(id, refinedPrompt: "A prompt that the image lacks", tags: ["noir", "film"]);
        await service.Database.WaitForWaitersAsync(request: save);

        await transaction.CommitAsync();

        Assert.Equal(expected, (await save).Tags);
        Assert.Empty(await service.Database.ListAsync<string>(Differences));
    }
}
