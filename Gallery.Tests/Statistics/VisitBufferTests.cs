using System.Diagnostics.Metrics;
using System.Security.Cryptography;
using Gallery.Service.Statistics;
using Gallery.Sql.Database;
using Gallery.Sql.Statistics;
using Gallery.Tests.Access;
using Gallery.Tests.Service;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace Gallery.Tests.Statistics;

/// <summary>How visits reach the tables, and how they leave them.</summary>
public sealed class VisitBufferTests(TestService service) : IClassFixture<TestService>, IAsyncLifetime
{
    private readonly Clock _clock = new();
    private NpgsqlDataSource _source = null!;
    private StatisticsRepository _statistics = null!;
    private VisitBuffer _buffer = null!;

    public ValueTask InitializeAsync()
    {
        _source = service.Database.CreateSource();
        _statistics = new StatisticsRepository(_source);
        _buffer = NewBuffer();
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        _buffer.Dispose();
        _statistics.Dispose();
        await _source.DisposeAsync();
    }

    [Fact]
    public async Task Counts_are_exact_whatever_four_writers_do_at_once()
    {
        Guid[] ids = [.. await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => SaveAsync()))];
        var random = new Random(1);
        var visits = Enumerable.Range(0, 4000).Select(_ => new Visit(
            ids[random.Next(5)], new DateOnly(2026, 1, 1).AddDays(random.Next(2)), (VisitKind)random.Next(1, 3), HashOf(random.Next(200)), random.Next(10) == 0 ? "user_123" : null)).ToList();
        await Task.WhenAll(Enumerable.Range(0, 4).Select(async writer =>
        {
            foreach (var batch in visits.Where((_, i) => i % 4 == writer).Concat(visits.Where((_, i) => i % 4 == (writer + 1) % 4)).Chunk(100)) await _statistics.AddVisitsAsync(batch, default);
        }));

        var expected = visits.Where(visit => visit.Viewer is null).DistinctBy(visit => (visit.ImageId, visit.Day, visit.Kind, Convert.ToHexString(visit.Visitor))).ToList();
        var counts = await _statistics.ListCountsAsync(ids, default);
        Assert.All(ids, id =>
        {
            int Of(VisitKind kind) => expected.Count(visit => visit.ImageId == id && visit.Kind == kind);
            Assert.Equal(new VisitCount(Of(VisitKind.View), Of(VisitKind.Download)), counts[id]);
        });
        Assert.Equal(expected.Count, await service.Database.FindAsync<int>($"select count(*) from gallery.image_visit as v where v.image_id in ({Quote(ids)})"));
        Assert.Equal(expected.Count, await service.Database.FindAsync<int>($"select sum(d.views + d.downloads) from gallery.image_day as d where d.image_id in ({Quote(ids)})"));
    }

    [Fact]
    public async Task A_visitor_counts_once_in_two_instances_and_again_on_the_next_day()
    {
        var id = await SaveAsync();
        using var other = NewBuffer();
        foreach (var buffer in new[] { _buffer, other }) buffer.Note(id, VisitKind.View, new DefaultHttpContext(), "a");
        await Task.WhenAll(_buffer.FlushAsync(default), other.FlushAsync(default));
        Assert.Equal(1, await ViewsAsync(id));

        _clock.Advance(TimeSpan.FromDays(1));
        _buffer.Note(id, VisitKind.View, new DefaultHttpContext(), "a");
        await _buffer.FlushAsync(default);
        Assert.Equal(2, await ViewsAsync(id));
        Assert.Equal(2, await service.Database.FindAsync<int>($"select count(distinct v.visitor) from gallery.image_visit as v where v.image_id = '{id}'"));
    }

    [Fact]
    public async Task Hashes_and_salts_of_the_days_before_yesterday_are_deleted_and_counts_stay()
    {
        var (id, day) = (await SaveAsync(), DateOnly.FromDateTime(_clock.GetUtcNow().UtcDateTime));
        for (var i = 0; i < 3; i++)
        {
            for (var visitor = 0; visitor < (i == 0 ? 1500 : 1); visitor++) _buffer.Note(id, VisitKind.View, new DefaultHttpContext(), $"{visitor}");
            await _buffer.FlushAsync(default);
            _clock.Advance(TimeSpan.FromDays(i < 2 ? 1 : 0));
        }

        using var sweep = new VisitSweep(_statistics, _clock, NullLogger<VisitSweep>.Instance);
        await sweep.SweepAsync(default);

        Assert.Equal([1, 2], await service.Database.ListAsync<int>($"select v.day - '{day:yyyy-MM-dd}'::date from gallery.image_visit as v where v.image_id = '{id}' order by 1"));
        Assert.Equal(0, await service.Database.FindAsync<int>($"select count(*) from gallery.visit_salt as s where s.day <= '{day:yyyy-MM-dd}'"));
        Assert.Equal(1502, await ViewsAsync(id));
    }

    [Fact]
    public async Task A_user_pushes_out_no_views_of_others()
    {
        var id = await SaveAsync();
        var flooder = new DefaultHttpContext();
        flooder.Features.Set(Caller.User("flooder"));
        for (var i = 0; i <= VisitBuffer.Capacity; i++) _buffer.Note(Guid.NewGuid(), VisitKind.View, flooder);
        _buffer.Note(id, VisitKind.View, new DefaultHttpContext(), "a");
        await _buffer.FlushAsync(default);

        Assert.Equal(1, await ViewsAsync(id));
    }

    [Fact]
    public async Task An_image_counts_100_000_visitors_a_day_of_each_kind()
    {
        var id = await SaveAsync();
        _buffer.Note(id, VisitKind.View, new DefaultHttpContext(), "a");
        await _buffer.FlushAsync(default);
        await service.Database.ExecuteAsync($"update gallery.image_day set views = 99999 where image_id = '{id}'");
        foreach (var visitor in new[] { "b", "c" })
        {
            foreach (var kind in new[] { VisitKind.View, VisitKind.Download }) _buffer.Note(id, kind, new DefaultHttpContext(), visitor);
            await _buffer.FlushAsync(default);
        }

        Assert.Equal("100000 2", Assert.Single(await service.Database.ListAsync<string>($"select concat_ws(' ', views, downloads) from gallery.image_day where image_id = '{id}'")));
        Assert.Equal(4, await service.Database.FindAsync<int>($"select count(*)::int from gallery.image_visit where image_id = '{id}'"));
    }

    [Fact]
    public async Task Counts_go_with_their_image()
    {
        var (purged, ofUser, user) = (await SaveAsync(), Guid.NewGuid(), $"user_{Guid.NewGuid():N}");
        await service.Api.SaveAsync(ofUser, user);
        foreach (var id in new[] { purged, ofUser }) _buffer.Note(id, VisitKind.View, new DefaultHttpContext(), "a");
        await _buffer.FlushAsync(default);
        Assert.Equal(4, await RowsAsync());

        Assert.Equal(200, (await service.Api.DeleteAsync($"/v1/gallery/{purged}/permanent/")).Status);
        Assert.Equal(200, (await service.Api.DeleteAsync($"/v1/gallery/users/{user}/?confirm={user}")).Status);
        Assert.Equal(0, await RowsAsync());

        Task<int> RowsAsync() => service.Database.FindAsync<int>(string.Join(" + ", new[] { "image_count", "image_day" }.Select((table, i) =>
            $"{(i == 0 ? "select " : "")}(select count(*) from gallery.{table} where image_id in ({Quote(purged, ofUser)}))")));
    }

    [Fact]
    public async Task A_purge_meanwhile_loses_no_view_of_other_images()
    {
        var (purged, kept) = (await SaveAsync(), await SaveAsync());
        foreach (var id in new[] { purged, kept }) _buffer.Note(id, VisitKind.View, new DefaultHttpContext(), "a");
        await using var connection = new NpgsqlConnection(service.Database.ConnectionString);
        await connection.OpenAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await using var purge = new NpgsqlCommand($"delete from gallery.image where image_id = '{purged}'", connection);
        await purge.ExecuteNonQueryAsync();
        var flush = _buffer.FlushAsync(default);
        await service.Database.WaitForWaitersAsync(request: flush);
        await transaction.CommitAsync();

        await flush;
        Assert.Equal((1, 0), (await ViewsAsync(kept), await ViewsAsync(purged)));
    }

    [Fact]
    public async Task While_the_database_fails_visits_wait()
    {
        var id = await SaveAsync();
        _buffer.Note(id, VisitKind.View, new DefaultHttpContext(), "a");
        await service.Database.ExecuteAsync("alter table gallery.image_day rename to gone");
        try
        {
            await Assert.ThrowsAsync<PostgresException>(() => _buffer.FlushAsync(default));
        }
        finally
        {
            await service.Database.ExecuteAsync("alter table gallery.gone rename to image_day");
        }

        _buffer.Note(id, VisitKind.View, new DefaultHttpContext(), "b");
        await _buffer.FlushAsync(default);
        Assert.Equal(2, await ViewsAsync(id));
    }

    [Fact]
    public async Task When_too_many_wait_the_newest_are_dropped_and_counted()
    {
        var dropped = 0L;
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, self) =>
        {
            if (instrument.Name == "gallery.visits.dropped") self.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<long>((_, count, _, _) => Interlocked.Add(ref dropped, count));
        listener.Start();
        var (first, last, http) = (await SaveAsync(), await SaveAsync(), new DefaultHttpContext());
        for (var i = 0; i < VisitBuffer.Capacity; i++) _buffer.Note(first, VisitKind.View, http, $"{i % 10}");
        for (var i = 0; i < 3; i++) _buffer.Note(last, VisitKind.View, http, $"{i}");

        Assert.Equal(3, dropped);
        await _buffer.FlushAsync(default);
        Assert.Equal((10, 0), (await ViewsAsync(first), await ViewsAsync(last)));
    }

    [Fact]
    public async Task A_stop_writes_what_waits()
    {
        var id = await SaveAsync();
        var (host, source, api) = await TestService.StartAsync(service.Database.ConnectionString);
        await api.PostAsync($"/v1/gallery/{id}/views/");
        await host.StopAsync(TestContext.Current.CancellationToken);

        Assert.Equal(1, await ViewsAsync(id));
        api.Dispose();
        await host.DisposeAsync();
        await source.DisposeAsync();
    }

    private VisitBuffer NewBuffer() => new(_statistics, _clock, NullLogger<VisitBuffer>.Instance);

    private async Task<Guid> SaveAsync()
    {
        var id = Guid.NewGuid();
        Assert.Equal(201, (await service.Api.SaveAsync(id)).Status);
        return id;
    }

    private async Task<long> ViewsAsync(Guid id) => (await _statistics.ListCountsAsync([id], default)).GetValueOrDefault(id).Views;

    private static string Quote(params Guid[] ids) => string.Join(", ", ids.Select(id => $"'{id}'"));

    private static byte[] HashOf(int number) => SHA256.HashData(BitConverter.GetBytes(number))[..16];
}
