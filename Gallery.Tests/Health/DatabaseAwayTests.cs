using System.Diagnostics;
using Gallery.Tests.Database;
using Gallery.Tests.Service;
using Microsoft.AspNetCore.Builder;
using Npgsql;

namespace Gallery.Tests.Health;

/// <summary>What callers see while the database is away, not migrated, or not the service's to use.</summary>
public sealed class DatabaseAwayTests(TestServer server) : IAsyncLifetime
{
    private TestDatabase _database = null!;
    private Valve _valve = null!;
    private WebApplication _service = null!;
    private NpgsqlDataSource _source = null!;
    private Api _api = null!;

    public async ValueTask InitializeAsync()
    {
        _database = await server.CreateDatabaseAsync(migrated: true);
        var connection = new NpgsqlConnectionStringBuilder(_database.ConnectionString);
        _valve = await Valve.OpenAsync(connection.Host!, connection.Port);
        (connection.Host, connection.Port) = ("127.0.0.1", _valve.Port);
        (_service, _source, _api) = await TestService.StartAsync(connection.ConnectionString);
    }

    public async ValueTask DisposeAsync()
    {
        _api.Dispose();
        await _service.DisposeAsync();
        await _source.DisposeAsync();
        await _valve.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task While_the_database_is_away_every_request_is_503_with_retry_after_and_it_heals_by_itself(bool silent)
    {
        var id = Guid.NewGuid();
        await Task.WhenAll(Enumerable.Range(0, 12).Select(_ => _api.GetAsync("/v1/gallery/")));   // a pool of warm connections
        if (silent) _valve.Silence();
        else _valve.Shut();

        var requests = new Func<Task<Answer>>[]
        {
            () => _api.GetAsync("/v1/gallery/"),
            () => _api.GetAsync($"/v1/gallery/{id}/"),
            () => _api.SaveAsync(id),
            () => _api.DeleteAsync($"/v1/gallery/{id}/"),
            () => _api.GetAsync("/readyz"),
        };
        foreach (var request in requests)
        {
            var watch = Stopwatch.StartNew();
            var answer = await request();

            Assert.Equal(503, answer.Status);
            Assert.NotNull(answer.Headers.RetryAfter);
            Assert.InRange(watch.Elapsed.TotalSeconds, 0, 3);
            Assert.DoesNotContain("127.0.0.1", answer.Text, StringComparison.Ordinal);
        }

        Assert.Equal(200, (await _api.GetAsync("/livez")).Status);

        _valve.Open();
        Assert.Equal(201, (await _api.SaveAsync(id)).Status);
        Assert.Equal(200, (await _api.GetAsync("/readyz")).Status);
    }

    [Fact]
    public async Task A_database_that_lost_its_connections_is_served_again_at_once()
    {
        await Task.WhenAll(Enumerable.Range(0, 12).Select(_ => _api.GetAsync("/v1/gallery/")));
        await server.ExecuteAsync($"select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = '{_database.Name}'");

        for (var i = 0; i < 12; i++) Assert.Equal(200, (await _api.GetAsync("/v1/gallery/")).Status);
    }

    [Fact]
    public async Task A_column_changed_under_prepared_statements_fails_no_request()
    {
        await Task.WhenAll(Enumerable.Range(0, 12).Select(_ => _api.GetAsync("/v1/gallery/")));
        await _database.ExecuteAsync("alter table gallery.image alter column intent type varchar(100)");

        for (var i = 0; i < 12; i++) Assert.Equal(200, (await _api.GetAsync("/v1/gallery/")).Status);
    }

    [Fact]
    public async Task A_database_without_the_schema_is_not_ready_and_says_which_scripts_are_pending()
    {
        await using var empty = await server.CreateDatabaseAsync(migrated: false);
        var (service, source, api) = await TestService.StartAsync(empty.ConnectionString);
        await using (service)
        await using (source)
        {
            var ready = await api.GetAsync("/readyz");
            var list = await api.GetAsync("/v1/gallery/");

            Assert.Equal((503, "migrations_pending"), (ready.Status, ready.Problem));
            Assert.Contains("0001_create_image.sql", ready.Body["pending"]!.AsArray().Select(script => (string?)script));
            Assert.Equal((503, "schema_not_ready"), (list.Status, list.Problem));
            Assert.DoesNotContain("relation", list.Text, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_migrated_database_is_ready()
    {
        var answer = await _api.GetAsync("/readyz");

        Assert.Equal(200, answer.Status);
        Assert.Equal("ready", (string?)answer.Body["data"]!["status"]);
    }
}
