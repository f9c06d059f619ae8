using Gallery.Tests.Database;
using Gallery.Tests.Observability;
using Gallery.Tests.Reliability;

namespace Gallery.Tests.Health;

/// <summary>A database that accepts reads only, as Supabase makes one with a full disk. Runs alone, because gauges of other services in this process have the same name.</summary>
[Collection<UnderLoad>]
public sealed class ReadOnlyTests(TestServer server)
{
    [Fact]
    public async Task Reads_work_writes_are_503_and_the_pool_is_not_renewed_for_each()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: true);
        await using var service = await ObservedService.StartAsync(database.ConnectionString);
        var id = Guid.NewGuid();
        Assert.Equal(201, (await service.Api.SaveAsync(id)).Status);
        var link = (string?)(await service.Api.PostAsync($"/v1/gallery/{id}/shares/")).Body["data"]!["token"];
        Assert.Equal(200, (await service.Api.GetAsync("/readyz")).Status);
        Assert.Matches(@"(?m)^gallery_database_writable(\{.*\})? 1\b", (await service.Api.GetAsync("/metrics")).Text);

        await database.SetReadOnlyAsync("on");
        IReadOnlyList<int> sessions = [];
        for (var i = 0; i < 20; i++)
        {
            var write = await service.Api.DeleteAsync($"/v1/gallery/{id}/");
            Assert.Equal((503, "database_read_only"), (write.Status, write.Problem));
            Assert.NotNull(write.Headers.RetryAfter);
            Assert.Equal(200, (await service.Api.GetAsync($"/v1/gallery/{id}/")).Status);
            if (i == 2) sessions = await ListSessionsAsync(database);   // until here broken connections and the first failure renew the pool; later failures only after 10 s
        }

        Assert.Subset((await ListSessionsAsync(database)).ToHashSet(), sessions.ToHashSet());
        Assert.Equal("database_read_only", (await service.Api.GetAsync($"/v1/gallery/shared/{link}/")).Problem);   // a view is counted
        var ready = await service.Api.GetAsync("/readyz");
        Assert.Equal(200, ready.Status);
        Assert.Contains("read-only", (string?)ready.Body["message"], StringComparison.Ordinal);
        Assert.Matches(@"(?m)^gallery_database_writable(\{.*\})? 0\b", (await service.Api.GetAsync("/metrics")).Text);
        Assert.Contains(service.Log.Written, line => line.Contains("Ready, but the database is read-only", StringComparison.Ordinal));

        await database.SetReadOnlyAsync("off");
        Assert.Equal(200, (await service.Api.DeleteAsync($"/v1/gallery/{id}/")).Status);
        Assert.DoesNotContain("read-only", (string?)(await service.Api.GetAsync("/readyz")).Body["message"], StringComparison.Ordinal);
    }

    private static Task<IReadOnlyList<int>> ListSessionsAsync(TestDatabase database) =>
        database.ListAsync<int>("select pid from pg_stat_activity where datname = current_database() and application_name = 'gallery'");
}
