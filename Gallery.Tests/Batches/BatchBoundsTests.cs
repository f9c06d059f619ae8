using System.Diagnostics;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Gallery.Sql.Coalescing;
using Gallery.Sql.Database;
using Gallery.Sql.Images;
using Gallery.Sql.Tags;
using Gallery.Tests.Service;
using Npgsql;

namespace Gallery.Tests.Batches;

/// <summary>What the statements and answers of saves and batches hold, and how long they take, whatever is stored.</summary>
public sealed class BatchBoundsTests(TestService service) : IClassFixture<TestService>
{
    private static readonly CancellationToken None = CancellationToken.None;

    private readonly string _user = $"user_{Guid.NewGuid():N}";

    [Fact]
    public async Task A_long_stored_image_comes_back_by_a_find_and_not_with_the_statement_of_the_saves()
    {
        var large = New() with { Metadata = $$"""{"a": "{{new string('x', 60_000)}}"}""" };
        var sent = large with { RefinedPrompt = "dawn", Metadata = """{"a": 1}""", Tags = TagArray.Of(["noir"]) };
        Assert.Equal(large.Metadata, (await service.Images.SaveImageAsync(large, None)).Image!.Metadata);

        var shared = Assert.Single(await service.Images.SaveImagesAsync([sent], Stopwatch.GetTimestamp()));
        var again = await service.Images.SaveImageAsync(sent, None);

        Assert.Equal((ImageOutcome.Updated, 2, "metadata.a"), (shared.Outcome, shared.Image!.Revision, Assert.Single(shared.Kept)));
        Assert.InRange(shared.Image.Metadata.Length, 0, 100);
        Assert.Equal((ImageOutcome.Unchanged, "metadata.a"), (again.Outcome, Assert.Single(again.Kept)));
        Assert.Equal((large.Metadata, "dawn", sent.Tags), (again.Image!.Metadata, again.Image.RefinedPrompt, TagArray.Of(TagArray.Labels(again.Image.Tags))));
        var stale = await service.Api.SendAsync(HttpMethod.Post, "/v1/gallery/", new StringContent(JsonSerializer.Serialize(new { user_id = _user, image_url = large.ImageUrl }), Encoding.UTF8, "application/json"), [("If-Match", "\"1-1.000000\"")]);
        Assert.Equal(412, stale.Status);
    }

    [Fact]
    public async Task The_fields_that_an_answer_names_as_kept_are_bounded()
    {
        Guid[] ids = [.. Enumerable.Range(0, 60).Select(_ => Guid.NewGuid())];
        await SaveAsync(0);
        var results = (await SaveAsync(1)).Body["data"]!.AsArray();

        Assert.InRange(results.ToJsonString().Length, 200_000, 500_000);
        Assert.Equal(["[\"metadata\"]", "2000"], results.Select(result => result!["kept"]!.AsArray()).Select(kept => kept.Count > 1 ? $"{kept.Count}" : kept.ToJsonString()).Distinct().Order(StringComparer.Ordinal).Reverse());

        Task<Answer> SaveAsync(int value)
        {
            var metadata = new JsonObject(Enumerable.Range(0, 2000).Select(i => KeyValuePair.Create($"k{i}", (JsonNode?)value)));
            return service.Api.PostAsync("/v1/gallery/batch/save/", JsonSerializer.Serialize(new { items = ids.Select(id => new { user_id = _user, image_url = Api.UrlOf(id), metadata }) }));
        }
    }

    [Fact]
    public async Task A_dry_run_of_a_permanent_deletion_locks_nothing()
    {
        var id = Guid.NewGuid();
        await service.Api.SaveAsync(id, _user);
        await using var connection = new NpgsqlConnection(service.Database.ConnectionString);
        await connection.OpenAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await using var command = new NpgsqlCommand($"select from gallery.image where image_id = '{id}' for update", connection);
        await command.ExecuteNonQueryAsync();   // whoever locks the image, waits

        var answer = await service.Api.PostAsync("/v1/gallery/batch/permanent/", $$"""{"image_ids": ["{{id}}", "{{Guid.NewGuid()}}"], "dry_run": true}""");

        Assert.Equal((200, 1, 1), (answer.Status, (int)answer.Body["counts"]!["purged"]!, (int)answer.Body["counts"]!["failed"]!));
    }

    [Fact]
    public async Task A_dry_run_keeps_no_row_locked_while_it_waits_for_another()
    {
        Guid[] ids = [Guid.Empty, .. Enumerable.Range(1, 150).Select(i => new Guid(i, 0, 0, new byte[8])), new("ffffffff-0000-0000-0000-000000000001")];   // of two statements
        var (first, last) = (new Guid(1, 0, 0, new byte[8]), ids[^1]);
        foreach (var id in new[] { first, last }) await service.Api.SaveAsync(id, _user);
        await using var connection = new NpgsqlConnection(service.Database.ConnectionString);
        await connection.OpenAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await using (var command = new NpgsqlCommand($"select from gallery.image where image_id = '{last}' for update", connection)) await command.ExecuteNonQueryAsync();

        var run = service.Api.PostAsync("/v1/gallery/batch/delete/", JsonSerializer.Serialize(new { image_ids = ids, dry_run = true }));
        await using var other = new NpgsqlConnection(service.Database.ConnectionString);
        await other.OpenAsync();
        while (!run.IsCompleted)
        {
            await using var lockFirst = new NpgsqlCommand($"set lock_timeout = '200ms'; select from gallery.image where image_id = '{first}' for update", other);
            await lockFirst.ExecuteNonQueryAsync();
        }

        Assert.Equal((200, 1), ((await run).Status, (int)(await run).Body["counts"]!["deleted"]!));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Restores_and_tags_that_take_long_for_each_image_get_some_images_done(bool restores)
    {
        await using var database = await service.Server.CreateDatabaseAsync(migrated: true);
        await using var source = GalleryDatabase.Create(new NpgsqlConnectionStringBuilder(database.ConnectionString) { Pooling = true, Options = "-c statement_timeout=2s" }, Settings.Given.Settings());
        await using var images = new ImageRepository(source, new BatchOptions());
        NewImage[] saved = [.. Enumerable.Range(0, 204).Select(_ => New())];
        ImageKey[] keys = [.. saved.Select(image => new ImageKey(image.ImageId, Caller.Anonymous))];
        await images.SaveImagesAsync(saved, Stopwatch.GetTimestamp());
        if (restores) await images.SoftDeleteImagesAsync(keys, Stopwatch.GetTimestamp());
        await database.ExecuteAsync(   // as if each image had the longest prompt, on a slow machine
            """
            create function gallery.wait() returns trigger language plpgsql as $$ begin perform pg_sleep(0.025); return new; end $$;
            create trigger wait before update on gallery.image for each row execute function gallery.wait();
            """);

        var items = restores
            ? await images.RestoreBatchAsync(keys, null, Stopwatch.GetTimestamp(), None)
            : await images.UpdateBatchAsync(keys, image => image with { Tags = TagArray.Of(["noir"]) }, 500, null, Stopwatch.GetTimestamp(), None);

        Assert.Contains(items, item => item.Write?.Outcome == ImageOutcome.Updated);
    }

    [Fact]
    public async Task A_deletion_that_commits_after_its_caller_timed_out_is_reported()
    {
        var image = New();
        await service.Images.SaveImageAsync(image, None);
        using var goesOn = new ManualResetEventSlim();
        var reported = new TaskCompletionSource<bool>();
        var key = new ImageKey(image.ImageId, Caller.Anonymous) { Report = reported.SetResult };

        var asked = 0;   // before the transaction, and in it
        await Assert.ThrowsAsync<TimeoutException>(() => service.Images.PurgeBatchAsync([key], _ => { if (++asked == 2) goesOn.Wait(None); return true; }, Stopwatch.GetTimestamp(), None));
        Assert.False(reported.Task.IsCompleted);
        goesOn.Set();

        Assert.True(await reported.Task.WaitAsync(TimeSpan.FromSeconds(30), None));
        Assert.Null(await service.Images.FindImageAsync(key, None));
    }

    private NewImage New()
    {
        var id = Guid.NewGuid();
        return new NewImage(id, _user, Api.UrlOf(id), null, null, """{"seed": 1}""");
    }
}
