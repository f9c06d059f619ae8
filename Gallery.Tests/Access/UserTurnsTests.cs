using System.Text;
using Gallery.Service.Limits;
using Gallery.Service.Statistics;
using Gallery.Sql.Coalescing;
using Gallery.Sql.Database;
using Gallery.Tests.Service;
using Npgsql;

namespace Gallery.Tests.Access;

/// <summary>What one user has at once, so that there is something left for the others.</summary>
public sealed class UserTurnsTests(AccessFixture fixture) : IClassFixture<AccessFixture>
{
    private readonly Api _api = fixture.Api("HS256");
    private readonly string _user = $"user_{Guid.NewGuid():N}";

    [Theory]
    [InlineData("tags/?sort=name", 1)]
    [InlineData("tags/?sort=count", 1)]
    [InlineData("statistics/top/", 1)]
    [InlineData("?intent=edit", 8)]
    [InlineData("deleted/?tag=noir", 8)]
    [InlineData("?count=exact", 8)]
    [InlineData("facets/", 8)]
    [InlineData("", 64)]
    [InlineData("deleted/?limit=200", 64)]
    public Task One_costly_list_runs_and_some_wait(string list, int waiting) => RunTooManyAsync(() => GetAsync(list), waiting);

    [Theory]
    [InlineData("POST", "tags/rename/", """{"from":"a","to":"b"}""")]
    [InlineData("POST", "deleted/empty/", null)]
    [InlineData("DELETE", "shares/", null)]
    public Task One_request_that_repeats_a_statement_runs_and_one_waits(string method, string path, string? json) =>
        RunTooManyAsync(() => SendAsync(method, path, json), waiting: 1);

    [Fact]
    public async Task One_write_of_a_user_runs_and_64_wait()
    {
        var id = Guid.NewGuid();
        await _api.PostAsync("/v1/gallery/", $$"""{"user_id":"{{_user}}","image_url":"{{Api.UrlOf(id)}}"}""", ("X-API-Key", GuardedService.Key));

        await RunTooManyAsync(() => SendAsync("PUT", $"{id}/tags/noir/", null), waiting: 64);
    }

    [Theory]
    [InlineData("")]
    [InlineData("history/")]
    [InlineData("shares/")]
    [InlineData("grants/")]
    [InlineData("statistics/")]
    public async Task Eight_short_reads_of_a_user_run_and_64_wait(string what)
    {
        var id = Guid.NewGuid();
        await _api.PostAsync("/v1/gallery/", $$"""{"user_id":"{{_user}}","image_url":"{{Api.UrlOf(id)}}"}""", ("X-API-Key", GuardedService.Key));

        await RunTooManyAsync(() => GetAsync($"{id}/{what}"), waiting: 7 + 64);
    }

    [Fact]
    public async Task One_batch_of_beacons_of_a_user_is_read_at_once()
    {
        var item = $$"""{"image_id":"{{Guid.NewGuid()}}"}""";
        var body = $$"""{"items":[{{string.Join(',', Enumerable.Repeat(item, 500))}}]}""";
        using (await fixture.TakeTurnAsync(StatisticsNoun.Batches, _user))
        {
            var waiting = Enumerable.Range(0, 65).Select(_ => SendAsync("POST", "batch/views/", body)).ToList();
            Assert.Equal("overloaded", (await await Task.WhenAny(waiting)).Problem);
        }

        Assert.Equal(204, (await SendAsync("POST", "batch/views/", body)).Status);
    }

    private async Task RunTooManyAsync(Func<Task<Answer>> send, int waiting)
    {
        await using var connection = new NpgsqlConnection(fixture.Database.ConnectionString);
        await connection.OpenAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await using var command = new NpgsqlCommand("lock table gallery.image_tag, gallery.image, gallery.image_share", connection);
        await command.ExecuteNonQueryAsync();   // so that requests take long

        var requests = Enumerable.Range(0, waiting + 5).Select(_ => send()).ToList();
        var refused = new List<Answer>();
        while (refused.Count < 4)
        {
            var first = await Task.WhenAny(requests);
            requests.Remove(first);
            refused.Add(await first);
        }

        await transaction.RollbackAsync();
        Assert.All(refused, answer => Assert.Equal((503, "overloaded"), (answer.Status, answer.Problem)));
        await Task.WhenAll(requests);
        Assert.Equal(200, (await send()).Status);
    }

    [Fact]
    public async Task Sixteen_requests_wait_for_events_and_one_more_is_answered_at_once()
    {
        var waiting = Enumerable.Range(0, 17).Select(_ => GetAsync("changes/?from=latest&wait=30")).ToList();
        var first = await Task.WhenAny(waiting);
        waiting.Remove(first);

        Assert.Equal((200, 0, 1), ((await first).Status, (await first).Ids.Count, (await first).Headers.RetryAfter?.Delta?.TotalSeconds));
        for (var id = Guid.NewGuid(); !Task.WhenAll(waiting).IsCompleted; id = Guid.NewGuid())   // once more for one that had not begun to wait
        {
            Assert.Equal(201, (await _api.PostAsync("/v1/gallery/", $$"""{"user_id":"{{_user}}","image_url":"{{Api.UrlOf(id)}}"}""", ("X-API-Key", GuardedService.Key))).Status);
            await Task.WhenAny(Task.WhenAll(waiting), Task.Delay(1000));
        }

        Assert.All(await Task.WhenAll(waiting), answer => Assert.NotEmpty(answer.Ids));
    }

    [Fact]
    public async Task Waiting_bodies_are_bounded_together_and_a_free_turn_is_never_refused()
    {
        const int megabytes = 1024 * 1024;
        using var turns = new UserTurns(waiting: 64);
        using var first = await turns.TakeAsync(Caller.User("ada"), TestContext.Current.CancellationToken, 20 * megabytes);
        var second = turns.TakeAsync(Caller.User("ada"), TestContext.Current.CancellationToken, 20 * megabytes);

        await Assert.ThrowsAsync<CoalescerFullException>(() => turns.TakeAsync(Caller.User("ada"), TestContext.Current.CancellationToken, 20 * megabytes));
        using var other = await turns.TakeAsync(Caller.User("bob"), TestContext.Current.CancellationToken, 20 * megabytes);
        first!.Dispose();
        using var _ = await second;
    }

    private Task<Answer> GetAsync(string path) => SendAsync("GET", path, null);

    private Task<Answer> SendAsync(string method, string path, string? json) => _api.SendAsync(
        new HttpMethod(method), $"/v1/gallery/{path}", json is null ? null : new StringContent(json, Encoding.UTF8, "application/json"), GuardedService.Bearer(fixture.Issuer.Token("HS256", _user)));
}
