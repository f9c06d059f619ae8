using System.Diagnostics;
using Gallery.Tests.Service;
using Microsoft.AspNetCore.Builder;
using Npgsql;

namespace Gallery.Tests.Reliability;

/// <summary>Standbys answer lists. One that is late, down or hanging is left out, and the primary answers in its place.</summary>
[Collection<UnderLoad>]
public sealed class StandbyTests(DurableServers servers) : IAsyncLifetime
{
    private const int MaximumLag = 3;   // seconds

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private DurableServer _primary = null!;
    private DurableServer[] _standbys = [];
    private (string Name, string Value)[] _settings = [];
    private WebApplication _service = null!;
    private NpgsqlDataSource _source = null!;
    private Api _api = null!;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _primary = await servers.StartAsync();
        var first = await _primary.AddStandbyAsync();
        _standbys = [first, await _primary.AddSynchronousStandbyAsync()];
        var both = new NpgsqlConnectionStringBuilder(_primary.ConnectionString) { Host = $"{_primary.Address},{first.Address}", TargetSessionAttributes = "read-write" };
        var standbys = new NpgsqlConnectionStringBuilder(_primary.ConnectionString) { Host = string.Join(',', _standbys.Select(standby => standby.Address)), TargetSessionAttributes = "prefer-standby", Pooling = true };
        _settings = [("DATABASE_URL", both.ConnectionString), ("GALLERY_READ_DATABASE_URL", standbys.ConnectionString), ("GALLERY_METRICS", "on")];
        (_service, _source, _api) = await StartServiceAsync(MaximumLag);
        await WaitForStandbysAsync(1, 1);
    }

    private Task<(WebApplication Service, NpgsqlDataSource Source, Api Api)> StartServiceAsync(int maximumLag) =>
        TestService.StartAsAsync(_settings[0].Value, [.. _settings, ("GALLERY_READ_MAX_LAG", $"{maximumLag}")]);

    public async ValueTask DisposeAsync()
    {
        _api.Dispose();
        await _service.DisposeAsync();
        await _source.DisposeAsync();
        foreach (var standby in _standbys) await standby.DisposeAsync();
        await _primary.DisposeAsync();
    }

    [Fact]
    public async Task Lists_are_late_as_the_standbys_are_while_an_image_is_found_at_once()
    {
        foreach (var standby in _standbys) await standby.AskAsync<string>("select pg_wal_replay_pause()::text");

        var id = await SaveAsync();

        Assert.Equal(200, (await _api.GetAsync($"/v1/gallery/{id}/")).Status);
        Assert.Empty((await _api.GetAsync("/v1/gallery/")).Ids);
        Assert.Empty((await _api.GetAsync("/v1/gallery/?intent=generate")).Ids);
        Assert.Empty((await _api.GetAsync("/v1/gallery/export/")).Text);
        Assert.Equal(200, (await _api.GetAsync($"/v1/gallery/{id}/statistics/")).Status);   // the standby does not know the image, so the primary is asked
    }

    [Fact]
    public async Task A_standby_that_is_too_late_is_left_out_until_it_has_caught_up()
    {
        foreach (var standby in _standbys) await standby.AskAsync<string>("select pg_wal_replay_pause()::text");
        var id = await SaveAsync();

        await WaitForStandbysAsync(0, 0);
        Assert.Equal([id], (await _api.GetAsync("/v1/gallery/")).Ids);

        await _standbys[0].AskAsync<string>("select pg_wal_replay_resume()::text");
        await WaitForStandbysAsync(1, 0);
        Assert.Equal([id], (await _api.GetAsync("/v1/gallery/")).Ids);
    }

    [Fact]
    public async Task A_standby_that_was_behind_before_the_service_started_is_left_out()
    {
        foreach (var standby in _standbys) await standby.AskAsync<string>("select pg_wal_replay_pause()::text");
        var id = await SaveAsync();

        var (service, source, api) = await StartServiceAsync(maximumLag: 3600);
        for (var i = 0; i < 30; i++)
        {
            Assert.Equal([id], (await api.GetAsync("/v1/gallery/")).Ids);
            await Task.Delay(100, Ct);
        }

        api.Dispose();
        await service.DisposeAsync();
        await source.DisposeAsync();
    }

    [Fact]
    public async Task Lists_do_not_fail_when_standbys_crash()
    {
        var statuses = new List<int>();
        using var stop = new CancellationTokenSource();
        var lists = Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
                statuses.Add((await _api.GetAsync(statuses.Count % 2 == 0 ? "/v1/gallery/" : "/v1/gallery/?intent=generate")).Status);
        }, Ct);

        await _standbys[0].CrashAsync();
        await WaitForStandbysAsync(0, 1);
        await _standbys[1].CrashAsync();
        await WaitForStandbysAsync(0, 0);
        await _standbys[0].StartAsync();
        await WaitForStandbysAsync(1, 0);
        await stop.CancelAsync();
        await lists;

        Assert.Equal([200], statuses.Distinct());
        Assert.InRange(statuses.Count, 20, int.MaxValue);
    }

    [Fact]
    public async Task A_standby_that_hangs_is_left_out()
    {
        var hang = _standbys[0].HangAsync(TimeSpan.FromSeconds(6));

        await WaitForStandbysAsync(0, 1);
        for (var i = 0; i < 10; i++) Assert.Equal(200, (await _api.GetAsync("/v1/gallery/")).Status);

        await hang;
        await WaitForStandbysAsync(1, 1);
    }

    [Fact]
    public async Task While_the_primary_is_away_lists_are_answered_and_the_service_stays_ready()
    {
        var id = await SaveAsync();
        await WaitForListAsync(id);

        await _primary.CrashAsync();

        Assert.Equal(503, (await _api.GetAsync($"/v1/gallery/{id}/")).Status);
        await Task.Delay(TimeSpan.FromSeconds(MaximumLag + 2), Ct);   // the standbys have everything, so they are not late
        Assert.Equal([id], (await _api.GetAsync("/v1/gallery/")).Ids);
        var ready = await _api.GetAsync("/readyz");
        Assert.Equal((200, "A standby answers lists. The primary does not answer, so everything else is 503"), (ready.Status, (string?)ready.Body["message"]));
    }

    [Fact]
    public async Task A_promoted_standby_has_every_acknowledged_save_and_is_no_standby_any_more()
    {
        await _primary.SetAsync("synchronous_standby_names", "2 (*)");   // each of the two may be promoted
        await UntilAsync(async () => await _primary.AskAsync<int>("select count(*)::int from pg_stat_replication where sync_state = 'sync'") == 2);
        var ids = new List<Guid>();
        for (var i = 0; i < 20; i++) ids.Add(await SaveAsync());
        await _primary.CrashAsync();

        await _standbys[0].PromoteAsync();
        await UntilAsync(async () => (await _api.SaveAsync(Guid.NewGuid())).Status == 201);

        await WaitForStandbysAsync(0, 0);   // the other one still follows the old primary
        Assert.Equal(ids.Order(), (await _api.GetAsync("/v1/gallery/?user_id=journal&limit=200")).Ids.Order());
    }

    /// <summary>Saves an image of the user "journal" with the intent "generate".</summary>
    private async Task<Guid> SaveAsync()
    {
        var id = Guid.NewGuid();
        Assert.Equal(201, (await _api.SaveAsync(id, "journal", intent: "generate")).Status);
        return id;
    }

    private Task WaitForListAsync(Guid id) =>
        UntilAsync(async () => (await Task.WhenAll(_standbys.Select(_ => _api.GetAsync("/v1/gallery/")))).All(list => list.Ids.Contains(id)));

    /// <summary>Waits until each standby is used (1) or left out (0), by the service's metrics.</summary>
    private Task WaitForStandbysAsync(params int[] used) => UntilAsync(async () =>
    {
        var metrics = (await _api.GetAsync("/metrics")).Text.Split('\n').Where(line => line.StartsWith("gallery_standby_used", StringComparison.Ordinal)).ToArray();
        return _standbys.Zip(used).All(each => metrics.Any(line => line.Contains($"\"{each.First.Address}\"", StringComparison.Ordinal) && line.Contains($"}} {each.Second}", StringComparison.Ordinal)));
    });

    private static async Task UntilAsync(Func<Task<bool>> isTrue)
    {
        for (var watch = Stopwatch.StartNew(); !await isTrue(); await Task.Delay(100, Ct)) Assert.InRange(watch.Elapsed, TimeSpan.Zero, Patience);
    }
}
