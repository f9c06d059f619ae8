using Gallery.Sql.Database;
using Gallery.Sql.Erasure;
using Gallery.Tests.Service;

namespace Gallery.Tests.Erasure;

/// <summary>Permanent deletion of many images.</summary>
public sealed class ErasureTests(TestService service) : IClassFixture<TestService>
{
    private readonly Api _api = service.Api;
    private readonly string _user = $"user_{Guid.NewGuid():N}";

    [Fact]
    public async Task Emptying_the_trash_purges_what_is_in_it_and_nothing_else()
    {
        var (live, gone, others) = (await SaveAsync(), await SaveAsync(trashed: true), await SaveAsync("someone_else", trashed: true));
        var answer = await _api.PostAsync($"/v1/gallery/deleted/empty/?user_id={_user}");

        Assert.Equal((200, 1, true), (answer.Status, (int)answer.Image["purged"]!, (bool)answer.Image["is_complete"]!));
        Assert.Equal(200, (await _api.GetAsync($"/v1/gallery/{live}/")).Status);
        Assert.Equal("image_not_found", (await _api.GetAsync($"/v1/gallery/{gone}/")).Problem);
        Assert.Equal("image_deleted", (await _api.GetAsync($"/v1/gallery/{others}/")).Problem);
        Assert.Equal(410, (await _api.SaveAsync(gone, _user)).Status);
        Assert.Equal(["purged", "trashed", "created"], await EventsAsync(gone));
        Assert.Equal(0, (int)(await _api.PostAsync($"/v1/gallery/deleted/empty/?user_id={_user}")).Image["purged"]!);
    }

    [Fact]
    public async Task Emptying_needs_a_user()
    {
        var answer = await _api.PostAsync("/v1/gallery/deleted/empty/");
        Assert.Equal((400, true), (answer.Status, answer.Error("user_id")?.Contains("required", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Emptying_does_not_offer_to_empty_everyones_trash() =>
        Assert.Equal("user_id is empty. Send 1 to 255 characters.", (await _api.PostAsync("/v1/gallery/deleted/empty/?user_id=")).Error("user_id"));

    [Fact]
    public async Task A_trash_of_several_batches_is_emptied_whole()
    {
        await service.Database.ExecuteAsync(
            $"insert into gallery.image (image_id, user_id, image_url, deleted_at) select gen_random_uuid(), '{_user}', 'x', now() from generate_series(1, 2500)");
        var purged = 0;
        for (var isComplete = false; !isComplete;)
        {
            var answer = await _api.PostAsync($"/v1/gallery/deleted/empty/?user_id={_user}");
            purged += (int)answer.Image["purged"]!;
            isComplete = (bool)answer.Image["is_complete"]!;
        }

        Assert.Equal((2500, 2500L), (purged, await service.Database.FindAsync<long>($"select count(*) from gallery.image_event where user_id = '{_user}' and event = 'purged'")));
    }

    [Fact]
    public async Task Erasing_a_user_leaves_only_that_the_images_were_purged()
    {
        var (live, trashed, purged, others) = (await SaveAsync(), await SaveAsync(trashed: true), await SaveAsync(), await SaveAsync("someone_else"));
        await _api.PatchAsync($"/v1/gallery/{live}/", """{"intent": "edit"}""");
        await _api.DeleteAsync($"/v1/gallery/{purged}/permanent/");
        var answer = await EraseAsync(_user, _user);

        Assert.Equal((200, 2, true), (answer.Status, (int)answer.Image["purged"]!, (bool)answer.Image["is_complete"]!));
        foreach (var id in new[] { live, trashed, purged })
        {
            Assert.Equal(404, (await _api.GetAsync($"/v1/gallery/{id}/")).Status);
            Assert.Equal(["purged"], await EventsAsync(id));
            Assert.Equal(410, (await _api.SaveAsync(id, _user)).Status);
        }

        Assert.Equal(200, (await _api.GetAsync($"/v1/gallery/{others}/")).Status);
        Assert.Equal(0, await service.Database.FindAsync<long>(
            $"select (select count(*) from gallery.image i where i::text like '%{_user}%') + (select count(*) from gallery.image_event e where e::text like '%{_user}%')"));
        Assert.Equal(0, (int)(await EraseAsync(_user, _user)).Image["purged"]!);
    }

    [Fact]
    public async Task Empty_rows_of_an_erased_user_have_no_place_in_the_feed_so_that_a_consumer_need_not_pass_them()
    {
        var id = await SaveAsync();
        await _api.GetAsync($"/v1/gallery/changes/?user_id={_user}");   // gives it its place
        await EraseAsync(_user, _user);

        Assert.Equal([("created", true), ("purged", false)], await service.Database.ListAsync<(string, bool)>("select event, coalesce(position = 0, false) from gallery.image_event where image_id = @id order by revision", new { id }));
    }

    [Fact]
    public async Task A_grant_and_a_link_that_were_made_while_the_owner_changed_are_erased_with_the_former_owner()
    {
        var id = await SaveAsync("someone_else");
        await service.Database.ExecuteAsync(
            $"""
            insert into gallery.image_grant (image_id, user_id, owner_id, role) values ('{id}', 'friend', '{_user}', 'view');
            insert into gallery.image_share (image_id, share_id, user_id) values ('{id}', gen_random_uuid(), '{_user}');
            """);
        await EraseAsync(_user, _user);

        Assert.Equal(0, await service.Database.FindAsync<long>(
            $"select (select count(*) from gallery.image_grant as g where g.image_id = '{id}') + (select count(*) from gallery.image_share as s where s.image_id = '{id}')"));
        Assert.Equal(200, (await _api.GetAsync($"/v1/gallery/{id}/")).Status);
    }

    [Fact]
    public async Task The_purges_of_an_erased_user_stay_in_the_change_feed()
    {
        var id = await SaveAsync();
        await EraseAsync(_user, _user);

        var events = new List<(Guid, string)>();
        for (string cursor = "", last = "x"; cursor != last;)
        {
            last = cursor;
            var page = await _api.GetAsync($"/v1/gallery/changes/?limit=200{(cursor.Length > 0 ? $"&cursor={cursor}" : "")}");
            events.AddRange(page.Body["data"]!.AsArray().Select(item => ((Guid)item!["image_id"]!, (string)item["event"]!)));
            cursor = page.NextCursor!;
        }

        Assert.Equal([(id, "purged")], events.Where(item => item.Item1 == id));
    }

    [Fact]
    public async Task An_erasure_beside_purges_of_the_same_images_is_complete_only_when_all_are_gone()
    {
        await service.Database.ExecuteAsync(
            $"insert into gallery.image (image_id, user_id, image_url, created_at) select gen_random_uuid(), '{_user}', 'x', now() - make_interval(secs => n) from generate_series(1, 5000) n");
        using var done = new CancellationTokenSource();
        var purges = Task.Run(async () =>
        {
            foreach (var id in await service.Database.ListAsync<Guid>($"select image_id from gallery.image where user_id = '{_user}' order by created_at"))
                if (!done.IsCancellationRequested) await _api.DeleteAsync($"/v1/gallery/{id}/permanent/");
        });
        await Task.Delay(50);
        for (var isComplete = false; !isComplete;)
        {
            var answer = await EraseAsync(_user, _user);
            isComplete = answer.Status == 200 && (bool)answer.Image["is_complete"]!;
        }

        Assert.Equal(0, await service.Database.FindAsync<long>($"select count(*) from gallery.image where user_id = '{_user}'"));
        await done.CancelAsync();
        await purges;
    }

    [Theory]
    [InlineData("")]
    [InlineData("?confirm=")]
    [InlineData("?confirm=someone")]
    public async Task Erasing_needs_a_confirmation(string query)
    {
        var id = await SaveAsync();
        var answer = await _api.DeleteAsync($"/v1/gallery/users/{_user}/{query}");

        Assert.Equal((400, true), (answer.Status, answer.Error("confirm") is not null));
        Assert.Equal(200, (await _api.GetAsync($"/v1/gallery/{id}/")).Status);
    }

    [Theory]
    [InlineData("auth0|5f7c8ec7/é 1")]
    [InlineData("100% sure")]
    [InlineData("a/b%2Fc")]
    public async Task A_user_id_may_have_any_characters(string suffix)
    {
        var user = $"{_user}{suffix}";
        await _api.SaveAsync(Guid.NewGuid(), user);

        Assert.Equal(1, (int)(await EraseAsync(Uri.EscapeDataString(user), Uri.EscapeDataString(user))).Image["purged"]!);
    }

    [Theory]
    [InlineData("a%2Fb", "a%252Fb")]
    [InlineData("a%252Fb", "a%2Fb")]
    public async Task A_confirmation_with_another_spelling_of_a_slash_erases_no_one(string path, string confirm)
    {
        Guid[] ids = [await SaveAsync($"{_user}a/b"), await SaveAsync($"{_user}a%2Fb")];

        Assert.Contains("In a query, + is %2B.", (await EraseAsync($"{_user}{path}", $"{_user}{confirm}")).Error("confirm"), StringComparison.Ordinal);
        foreach (var id in ids) Assert.Equal(200, (await _api.GetAsync($"/v1/gallery/{id}/")).Status);
    }

    [Fact]
    public async Task Old_trash_and_old_events_are_swept_and_younger_ones_stay()
    {
        var (old, young) = (await SaveAsync(trashed: true), await SaveAsync(trashed: true));
        await service.Database.ExecuteAsync($"update gallery.image set deleted_at = now() - interval '31 days' where image_id = '{old}'");
        await service.Database.ExecuteAsync($"update gallery.image_event set occurred_at = now() - interval '31 days' where image_id = '{young}' and revision = 1");
        await using var source = service.Database.CreateSource();
        var erasure = new ErasureRepository(source);
        var swept = await erasure.PurgeOldTrashAsync(new Caller("gallery:retention", null), 30, 1_000, TestContext.Current.CancellationToken);
        Assert.True(await Portions.RepeatAsync(limit => erasure.PurgeOldEventsAsync(30, limit, TestContext.Current.CancellationToken), () => true));

        Assert.Contains(old, swept.OfType<Guid>());
        Assert.DoesNotContain(young, swept.OfType<Guid>());
        Assert.Equal("purged", (await EventsAsync(old))[0]);
        Assert.Equal(["trashed"], await service.Database.ListAsync<string>("select event from gallery.image_event where image_id = @young", new { young }));
    }

    [Fact]
    public async Task Sweeps_at_once_delete_each_image_once()
    {
        await service.Database.ExecuteAsync(
            $"insert into gallery.image (image_id, user_id, image_url, deleted_at) select gen_random_uuid(), '{_user}', 'x', now() - interval '400 days' from generate_series(1, 4500)");
        await using var source = service.Database.CreateSource();
        var swept = await Task.WhenAll(Enumerable.Range(0, 3).Select(async _ =>
        {
            var erasure = new ErasureRepository(source);
            var ids = new List<Guid>();
            for (var quiet = 0; quiet < 2;)
            {
                var batch = await erasure.PurgeOldTrashAsync(Caller.Anonymous, 365, 1_000, TestContext.Current.CancellationToken);
                ids.AddRange(batch.OfType<Guid>());
                quiet = batch.Count == 0 ? quiet + 1 : 0;
            }

            return ids;
        }));

        var all = swept.SelectMany(ids => ids).ToList();
        Assert.Equal((4500, 4500), (all.Count, all.Distinct().Count()));
    }

    private async Task<Guid> SaveAsync(string? user = null, bool trashed = false)
    {
        var id = Guid.NewGuid();
        await _api.SaveAsync(id, user ?? _user);
        if (trashed) await _api.DeleteAsync($"/v1/gallery/{id}/");
        return id;
    }

    private Task<Answer> EraseAsync(string user, string confirm) => _api.DeleteAsync($"/v1/gallery/users/{user}/?confirm={confirm}");

    private async Task<IReadOnlyList<string>> EventsAsync(Guid id) =>
        [.. (await _api.GetAsync($"/v1/gallery/{id}/history/")).Body["data"]!.AsArray().Select(item => (string)item!["event"]!)];
}
