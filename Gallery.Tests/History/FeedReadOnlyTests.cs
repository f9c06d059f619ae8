using Gallery.Tests.Service;

namespace Gallery.Tests.History;

/// <summary>The feed while the database accepts reads only. Events can get no positions then.</summary>
public sealed class FeedReadOnlyTests(TestService service) : IClassFixture<TestService>, IAsyncDisposable
{
    private const string Feed = "/v1/gallery/changes/";

    private readonly Api _api = service.Api;
    private readonly string _user = $"user_{Guid.NewGuid():N}";

    public async ValueTask DisposeAsync() => await service.Database.SetReadOnlyAsync("off");

    [Fact]
    public async Task The_feed_shows_the_events_that_have_positions_and_goes_on_when_the_database_is_writable()
    {
        var (placed, waits) = (Guid.NewGuid(), Guid.NewGuid());
        await _api.SaveAsync(placed, _user);
        await _api.GetAsync(Feed);
        await _api.SaveAsync(waits, _user);
        await service.Database.SetReadOnlyAsync("on");

        foreach (var first in await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => _api.GetAsync($"{Feed}?user_id={_user}"))))   // some share a statement
        {
            Assert.Equal((200, true), (first.Status, first.Headers.RetryAfter is null));
            Assert.Equal([placed], first.Ids);
        }

        var cursor = (await _api.GetAsync(Feed)).NextCursor;
        foreach (var wait in (int[])[0, 20])
        {
            var empty = await SoonAsync(_api.GetAsync($"{Feed}?cursor={cursor}&wait={wait}"));
            Assert.Equal((200, 0, "1", cursor), (empty.Status, empty.Ids.Count, empty.Headers.RetryAfter?.ToString(), empty.NextCursor));
        }

        var latest = await SoonAsync(_api.GetAsync($"{Feed}?from=latest&wait=20"));
        Assert.Equal((503, "database_read_only", true), (latest.Status, latest.Problem, latest.Headers.RetryAfter is not null));

        await service.Database.SetReadOnlyAsync("off");
        Assert.Equal([waits], (await _api.GetAsync($"{Feed}?cursor={cursor}")).Ids);
    }

    [Fact]
    public async Task A_wait_ends_when_the_database_becomes_read_only()
    {
        await _api.SaveAsync(Guid.NewGuid(), _user);
        var cursor = (await _api.GetAsync(Feed)).NextCursor;
        var waiting = _api.GetAsync($"{Feed}?cursor={cursor}&wait=30");
        await Task.Delay(300);
        Assert.False(waiting.IsCompleted);
        await service.Database.SetReadOnlyAsync("on");
        var ended = await SoonAsync(waiting);

        Assert.Equal((200, 0, "1", cursor), (ended.Status, ended.Ids.Count, ended.Headers.RetryAfter?.ToString(), ended.NextCursor));
    }

    /// <summary>An answer that does not use up the wait.</summary>
    private static Task<Answer> SoonAsync(Task<Answer> answer) => Within.EndAsync("a read of the feed of a read-only database", answer, TimeSpan.FromSeconds(10));
}
