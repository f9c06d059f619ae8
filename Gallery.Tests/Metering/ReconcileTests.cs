using Gallery.Tests.Migrations;
using Gallery.Tests.Service;

namespace Gallery.Tests.Metering;

/// <summary><c>gallery-migrate reconcile</c></summary>
public sealed class ReconcileTests(TestService service) : IClassFixture<TestService>
{
    private readonly Api _api = service.Api;
    private readonly string _user = $"user_{Guid.NewGuid():N}";

    [Fact]
    public async Task After_saves_edits_purges_imports_views_and_an_erasure_the_ledger_agrees_and_each_difference_is_found()
    {
        var (saved, edited, purged) = (Guid.NewGuid(), Guid.NewGuid(), Guid.NewGuid());
        foreach (var id in new[] { saved, edited, purged }) await _api.SaveAsync(id, _user, metadata: """{"a":1}""");
        await _api.PatchAsync($"/v1/gallery/{edited}/", """{"metadata":{"b":2}}""");
        await _api.PostAsync($"/v1/gallery/{purged}/views/", """{"visitor":"a"}""");
        await _api.PostAsync($"/v1/gallery/{saved}/views/", """{"visitor":"a"}""");
        await service.CountVisitsAsync();
        await _api.DeleteAsync($"/v1/gallery/{purged}/permanent/");
        await _api.PostAsync("/v1/gallery/?recreate=true", $$"""{"user_id":"{{_user}}","image_url":"{{Api.UrlOf(purged)}}"}""");
        await _api.SaveAsync(Guid.NewGuid(), "erased");
        await _api.DeleteAsync("/v1/gallery/users/erased/");
        var imported = Guid.NewGuid();
        using (var content = new StringContent($$"""{"image_id":"{{imported}}","user_id":"{{_user}}","image_url":"{{Api.UrlOf(imported)}}","metadata":{},"created_at":"{{DateTime.UtcNow:O}}","updated_at":"{{DateTime.UtcNow:O}}","revision":1}""", null, "application/x-ndjson"))
            await _api.SendAsync(HttpMethod.Post, "/v1/gallery/import/", content);

        var agrees = await Exe.RunAsync(service.Database, "reconcile");
        Assert.Equal("", agrees.ExitCode == 0 ? "" : agrees.Error);

        await service.Database.ExecuteAsync($"update gallery.image set metadata = '{{\"longer\": 1}}' where image_id = '{saved}'");
        await service.Database.ExecuteAsync($"update gallery.image_day set views = views + 5 where image_id = '{saved}'");
        await service.Database.ExecuteAsync($"insert into gallery.usage_line (user_id, event_id, period, kind, quantity, image_id, occurred_at) select user_id, gen_random_uuid(), period, kind, quantity, image_id, occurred_at from gallery.usage_line where image_id = '{saved}' and kind = 'saves'");
        await service.Database.ExecuteAsync($"delete from gallery.usage_line where image_id = '{edited}'");
        var differs = await Exe.RunAsync(service.Database, "reconcile");

        Assert.Equal(6, differs.ExitCode);
        Assert.Contains($"image {edited} of user {_user}, created at ", differs.Error, StringComparison.Ordinal);
        Assert.Contains($"of user {_user} counts a save of image {saved}, which the history does not know", differs.Error, StringComparison.Ordinal);
        Assert.Contains($"image {saved} of user {_user} has 13 bytes of metadata, and its line says 8", differs.Error, StringComparison.Ordinal);
        Assert.Contains("the images have 6 views, and the ledger has 2", differs.Error, StringComparison.Ordinal);
        Assert.Equal(6, differs.Error.Trim().Split('\n').Length);   // the first names the database
    }

    [Fact]
    public async Task A_user_id_can_neither_drive_the_terminal_nor_start_a_line()
    {
        await using var database = await service.Server.CreateDatabaseAsync(migrated: true);
        await database.ExecuteAsync(
            """
            insert into gallery.image_event (image_id, revision, event, occurred_at, user_id)
            values (gen_random_uuid(), 1, 'created', now(), E'u\x1b]0;title\x07\nok: from 2026-01-01 on the ledger agrees')
            """);
        var differs = await Exe.RunAsync(database, "reconcile");

        Assert.Contains(@" of user u\u001b]0;title\u0007\u000aok: from 2026-01-01", differs.Error, StringComparison.Ordinal);
        Assert.Equal(3, differs.Error.Trim().Split('\n').Length);   // the first names the database
    }

    [Fact]
    public async Task Mend_writes_the_lines_of_images_that_the_previous_release_saved()
    {
        await using var database = await service.Server.CreateDatabaseAsync(migrated: true);
        var id = Guid.NewGuid();
        await database.ExecuteAsync(
            $$"""
            insert into gallery.image (image_id, user_id, image_url, metadata) values ('{{id}}', 'u', 'x', '{"a": 1}');
            insert into gallery.image_event (image_id, revision, event, occurred_at, user_id) values ('{{id}}', 1, 'created', now(), 'u');
            """);

        Assert.Equal(6, (await Exe.RunAsync(database, "reconcile")).ExitCode);
        Assert.Equal("2 missing lines written", (await Exe.RunAsync(database, "reconcile", "--mend")).Output.Trim());
        Assert.Equal("0 missing lines written", (await Exe.RunAsync(database, "reconcile", "--mend")).Output.Trim());
        Assert.Equal(0, (await Exe.RunAsync(database, "reconcile")).ExitCode);
        Assert.Equal(9, Assert.Single(await database.ListAsync<long>("select sum(quantity)::bigint from gallery.usage_line")));

        await database.ExecuteAsync("update gallery.usage_line set kind = 'seconds' where kind = 'saves'");   // as if the line's id had been reported before
        Assert.Equal(6, (await Exe.RunAsync(database, "reconcile")).ExitCode);
    }

    [Fact]
    public async Task A_wrong_day_is_named()
    {
        var result = await Exe.RunAsync(service.Database, "reconcile", "--from", "yesterday");

        Assert.Equal((2, "--from: not a day. Use one such as 2026-01-31. See --help."), (result.ExitCode, result.Error.Trim()));
    }
}
