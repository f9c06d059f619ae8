using Gallery.Tests.Service;
using Npgsql;

namespace Gallery.Tests.History;

/// <summary>A feed with many events that have no position yet, such as after a large import. Positions are given slowly here, a thousand each time.</summary>
public sealed class FeedBacklogTests(TestService service) : IClassFixture<TestService>
{
    private const string Feed = "/v1/gallery/changes/";

    private readonly Api _api = service.Api;
    private readonly string _user = $"user_{Guid.NewGuid():N}";

    [Fact]
    public async Task A_read_finds_an_event_behind_thousands_of_others()
    {
        await AddAsync(3_500, secondsEach: 0.2);
        var id = Guid.NewGuid();
        await _api.SaveAsync(id, _user);

        Assert.Equal([id], (await _api.GetAsync($"{Feed}?user_id={_user}")).Ids);
    }

    [Fact]
    public async Task A_read_that_does_not_get_to_the_last_event_says_so_and_the_next_one_goes_on()
    {
        await AddAsync(3_500, secondsEach: 0.9);
        var id = Guid.NewGuid();
        await _api.SaveAsync(id, _user);
        var first = await _api.GetAsync($"{Feed}?user_id={_user}");

        Assert.Equal((200, 0, "1"), (first.Status, first.Ids.Count, first.Headers.RetryAfter?.ToString()));
        Assert.Equal([id], (await _api.GetAsync($"{Feed}?user_id={_user}&cursor={first.NextCursor}")).Ids);
    }

    [Fact]
    public async Task From_latest_is_503_while_the_last_event_is_far_and_the_next_try_goes_on()
    {
        await AddAsync(3_500, secondsEach: 0.9);
        var first = await _api.GetAsync($"{Feed}?from=latest");

        Assert.Equal((503, "database_timeout", true), (first.Status, first.Problem, first.Headers.RetryAfter is not null));
        Assert.Equal(200, (await _api.GetAsync($"{Feed}?from=latest")).Status);
    }

    [Fact]
    public async Task A_read_waits_for_another_one_that_gives_positions()
    {
        await AddAsync(0, secondsEach: 0);
        await _api.SaveAsync(Guid.NewGuid(), "someone");
        await _api.GetAsync(Feed);   // so that the row is there
        var id = Guid.NewGuid();
        await _api.SaveAsync(id, _user);
        await using var other = new NpgsqlConnection(service.Database.ConnectionString);
        await other.OpenAsync();
        await using var transaction = await other.BeginTransactionAsync();
        await using (var hold = new NpgsqlCommand("select from gallery.change_feed for update", other, transaction)) await hold.ExecuteNonQueryAsync();
        var read = _api.GetAsync($"{Feed}?user_id={_user}");
        await Task.WhenAny(read, Task.Delay(700));   // longer than the service's role waits for a lock
        await transaction.RollbackAsync();

        Assert.Equal([id], (await read).Ids);
    }

    [Theory]
    [InlineData("update gallery.image_event as e set position = 1 from due where e.image_id = due.image_id")]   // another instance gives positions
    [InlineData("delete from gallery.image_event as e using (select image_id from due limit 1) as due where e.image_id = due.image_id")]   // an erasure, or the sweep of old events
    public async Task A_read_goes_on_if_others_took_some_of_its_events_meanwhile(string change)
    {
        await _api.SaveAsync(Guid.NewGuid(), "someone");
        await _api.GetAsync(Feed);   // so that the row is there
        await AddAsync(2_500, secondsEach: 0);
        var id = Guid.NewGuid();
        await _api.SaveAsync(id, _user);
        await using var other = new NpgsqlConnection(service.Database.ConnectionString);
        await other.OpenAsync();
        await using var transaction = await other.BeginTransactionAsync();
        await using (var hold = new NpgsqlCommand("select from gallery.change_feed for update", other, transaction)) await hold.ExecuteNonQueryAsync();
        var read = _api.GetAsync($"{Feed}?user_id={_user}");
        await service.Database.WaitForWaitersAsync(request: read);
        await using (var take = new NpgsqlCommand(
            $"with due as (select image_id from gallery.image_event where position is null order by occurred_at, image_id, revision limit 1000) {change}", other, transaction))
            Assert.NotEqual(0, await take.ExecuteNonQueryAsync());
        await transaction.CommitAsync();
        var page = await read;

        Assert.Equal([id], page.Ids);
        Assert.Null(page.Headers.RetryAfter);
    }

    private async Task AddAsync(int count, double secondsEach) => await service.Database.ExecuteAsync(
        $"""
        update gallery.image_event set position = 0 where position is null;
        create or replace function gallery.slow() returns trigger language plpgsql as $f$ begin perform pg_sleep({secondsEach.ToString(System.Globalization.CultureInfo.InvariantCulture)}); return null; end $f$;
        create or replace trigger slow after update on gallery.image_event for each statement execute function gallery.slow();
        insert into gallery.image_event (image_id, revision, event, occurred_at, user_id)
        select gen_random_uuid(), 1, 'created', now() - interval '1 hour', 'someone' from generate_series(1, {count})
        """);
}
