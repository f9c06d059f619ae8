using Gallery.Service;
using Gallery.Sql.Database;
using Gallery.Tests.Observability;
using Gallery.Tests.Service;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Gallery.Tests.History;

/// <summary>The change feed.</summary>
public sealed class ChangesTests(TestService service) : IClassFixture<TestService>
{
    private const string Feed = "/v1/gallery/changes/";

    private readonly Api _api = service.Api;
    private readonly string _user = $"user_{Guid.NewGuid():N}";

    [Fact]
    public async Task Events_come_oldest_first_and_the_last_page_has_a_cursor_too()
    {
        var (one, two) = (Guid.NewGuid(), Guid.NewGuid());
        await _api.SaveAsync(one, _user);
        await _api.SaveAsync(two, _user);
        await _api.DeleteAsync($"/v1/gallery/{one}/");

        var first = await _api.GetAsync($"{Feed}?user_id={_user}&limit=2");
        var second = await _api.GetAsync($"{Feed}?user_id={_user}&limit=2&cursor={first.NextCursor}");
        Assert.Equal([one, two], first.Ids);
        Assert.Equal([one], second.Ids);
        Assert.Equal("trashed", (string?)second.Body["data"]![0]!["event"]);

        var empty = await _api.GetAsync($"{Feed}?user_id={_user}&cursor={second.NextCursor}");
        Assert.Empty(empty.Ids);
        await _api.PostAsync($"/v1/gallery/{one}/restore/");
        Assert.Equal([one], (await _api.GetAsync($"{Feed}?user_id={_user}&cursor={empty.NextCursor}")).Ids);
    }

    [Fact]
    public async Task An_event_that_commits_late_is_not_skipped()
    {
        var (slow, quick) = (Guid.NewGuid(), Guid.NewGuid());
        await using var writer = new NpgsqlConnection(service.Database.ConnectionString);
        await writer.OpenAsync();
        await using var transaction = await writer.BeginTransactionAsync();
        await using (var command = new NpgsqlCommand($"insert into gallery.image_event values ('{slow}', 1, 'created', '{{}}', now(), null, '{_user}')", writer, transaction))
            await command.ExecuteNonQueryAsync();

        await _api.SaveAsync(quick, _user);
        var before = await _api.GetAsync($"{Feed}?user_id={_user}");
        Assert.Equal([quick], before.Ids);
        await transaction.CommitAsync();

        Assert.Equal([slow], (await _api.GetAsync($"{Feed}?user_id={_user}&cursor={before.NextCursor}")).Ids);
    }

    [Fact]
    public async Task The_end_of_the_feed_is_not_looked_for_without_end()
    {
        await _api.SaveAsync(Guid.NewGuid(), _user);
        await _api.GetAsync(Feed);
        await _api.SaveAsync(Guid.NewGuid(), _user);
        await using var other = new NpgsqlConnection(service.Database.ConnectionString);
        await other.OpenAsync();
        await using var transaction = await other.BeginTransactionAsync();
        await using (var command = new NpgsqlCommand("select 1 from gallery.change_feed for update", other, transaction)) await command.ExecuteNonQueryAsync();

        var answer = await Within.EndAsync("the search for the end of the feed", _api.GetAsync($"{Feed}?from=latest"), TimeSpan.FromSeconds(20));
        Assert.Equal((503, "database_timeout"), (answer.Status, answer.Problem));

        await transaction.RollbackAsync();
        Assert.Equal(200, (await _api.GetAsync($"{Feed}?from=latest")).Status);
    }

    [Fact]
    public async Task Events_of_one_image_come_in_the_order_of_its_revisions_even_if_a_write_began_before_the_one_it_follows()
    {
        await service.Database.ExecuteAsync(
            $"""
            insert into gallery.image_event (image_id, revision, event, occurred_at, user_id)
            select '{Guid.NewGuid()}', n, 'edited', now() - make_interval(secs => n), '{_user}' from generate_series(1, 3) as n
            """);

        Assert.Equal([1, 2, 3], (await _api.GetAsync($"{Feed}?user_id={_user}")).Body["data"]!.AsArray().Select(item => (int)item!["revision"]!));
    }

    [Fact]
    public async Task Consumers_beside_many_writers_see_each_event_once_and_each_image_in_order()
    {
        using var done = new CancellationTokenSource();
        var consumers = Enumerable.Range(0, 3).Select(_ => Task.Run(() => ConsumeAsync(done.Token))).ToArray();
        var ids = Enumerable.Range(0, 40).Select(_ => Guid.NewGuid()).ToArray();
        await Parallel.ForEachAsync(ids, new ParallelOptions { MaxDegreeOfParallelism = 10 }, async (id, _) =>
        {
            await _api.SaveAsync(id, _user);
            for (var i = 0; i < 4; i++) await _api.PatchAsync($"/v1/gallery/{id}/", $$"""{"intent": "{{i}}"}""");
        });
        await done.CancelAsync();

        foreach (var seen in await Task.WhenAll(consumers))
        {
            Assert.Equal(200, seen.Count);
            Assert.All(seen.GroupBy(item => item.Id), image => Assert.Equal([1, 2, 3, 4, 5], image.Select(item => item.Revision)));
        }
    }

    [Fact]
    public async Task A_backlog_that_PostgreSQL_has_not_analysed_yet_is_read()
    {
        await service.Database.ExecuteAsync("alter table gallery.image_event set (autovacuum_enabled = off)");
        await service.Database.ExecuteAsync("analyze gallery.image_event");
        await service.Database.ExecuteAsync(
            $"insert into gallery.image_event (image_id, revision, event, occurred_at, user_id) select gen_random_uuid(), 1, 'created', now(), '{_user}' from generate_series(1, 20000)");

        var seen = 0;
        for (string cursor = "", last = "x"; cursor != last;)
        {
            last = cursor;
            var page = await _api.GetAsync($"{Feed}?user_id={_user}&limit=200{(cursor.Length > 0 ? $"&cursor={cursor}" : "")}");
            Assert.Equal(200, page.Status);
            seen += page.Ids.Count;
            cursor = page.NextCursor!;
        }

        Assert.Equal(20000, seen);
    }

    [Fact]
    public async Task Wait_answers_as_soon_as_there_is_an_event()
    {
        var cursor = (await _api.GetAsync($"{Feed}?user_id={_user}")).NextCursor;
        var waiting = _api.GetAsync($"{Feed}?user_id={_user}&cursor={cursor}&wait=20");
        await Task.Delay(300);
        Assert.False(waiting.IsCompleted);
        var id = Guid.NewGuid();
        await _api.SaveAsync(id, _user);

        Assert.Equal([id], (await waiting.WaitAsync(TimeSpan.FromSeconds(10))).Ids);
    }

    [Fact]
    public async Task Wait_ends_with_an_empty_page_and_a_cursor()
    {
        var answer = await _api.GetAsync($"{Feed}?user_id={_user}&wait=1");
        Assert.Equal((200, 0), (answer.Status, answer.Ids.Count));
        Assert.NotNull(answer.NextCursor);
    }

    [Fact]
    public async Task Wait_may_be_longer_than_other_requests_take()
    {
        await using var observed = await ObservedService.StartAsync(service.Database.ConnectionString, "GALLERY_REQUEST_TIMEOUT=3");
        Assert.Equal(200, (await observed.Api.GetAsync($"{Feed}?user_id={_user}&wait=5")).Status);
    }

    [Fact]
    public async Task From_latest_skips_what_was_and_its_cursor_leads_to_what_comes()
    {
        var (before, after) = (Guid.NewGuid(), Guid.NewGuid());
        await _api.SaveAsync(before, _user);
        var latest = await _api.GetAsync($"{Feed}?user_id={_user}&from=latest");
        Assert.True(latest.Status == 200, latest.Text);
        Assert.Empty(latest.Ids);

        await _api.SaveAsync(after, _user);
        Assert.Equal([after], (await _api.GetAsync($"{Feed}?user_id={_user}&cursor={latest.NextCursor}")).Ids);
        Assert.Equal([after], (await _api.GetAsync($"{Feed}?user_id={_user}&cursor={latest.NextCursor}&from=latest")).Ids);
        Assert.Equal([before, after], (await _api.GetAsync($"{Feed}?user_id={_user}&from=first")).Ids);
        Assert.NotNull((await _api.GetAsync($"{Feed}?from=now")).Error("from"));
    }

    [Fact]
    public async Task A_wait_that_the_end_of_the_service_ends_says_when_to_ask_again()
    {
        await using var source = GalleryDatabase.Create(new NpgsqlConnectionStringBuilder(service.Database.ConnectionString) { Pooling = true }, new ConfigurationBuilder().Build());
        await using var stopping = GalleryService.Build(source, new ConfigurationBuilder().Build(), ["--urls", "http://127.0.0.1:0", "--Logging:Console:LogLevel:Default", nameof(LogLevel.Critical)]);
        await stopping.StartAsync();
        using var api = new Api(new Uri(stopping.Urls.Single()));
        var whole = await api.GetAsync($"{Feed}?user_id={_user}&wait=1");
        var waiting = api.GetAsync($"{Feed}?user_id={_user}&wait=20");
        stopping.Lifetime.StopApplication();
        var ended = await waiting;

        Assert.Null(whole.Headers.RetryAfter);
        Assert.Equal((200, 0, "1"), (ended.Status, ended.Ids.Count, ended.Headers.RetryAfter?.ToString()));
        Assert.Equal(whole.NextCursor, ended.NextCursor);
    }

    [Theory]
    [InlineData("31")]
    [InlineData("-1")]
    [InlineData("x")]
    [InlineData("1&wait=2")]
    public async Task A_wrong_wait_is_400(string wait)
    {
        var answer = await _api.GetAsync($"{Feed}?wait={wait}");
        Assert.Equal((400, true), (answer.Status, answer.Error("wait") is not null));
    }

    private async Task<List<(Guid Id, long Revision)>> ConsumeAsync(CancellationToken done)
    {
        var seen = new List<(Guid, long)>();
        for (var cursor = ""; ;)
        {
            var last = done.IsCancellationRequested;
            var page = await _api.GetAsync($"{Feed}?user_id={_user}&limit=7{(cursor.Length > 0 ? $"&cursor={cursor}" : "")}");
            seen.AddRange(page.Body["data"]!.AsArray().Select(item => ((Guid)item!["image_id"]!, (long)item["revision"]!)));
            cursor = page.NextCursor!;
            if (last && page.Ids.Count == 0) return seen;
        }
    }
}
