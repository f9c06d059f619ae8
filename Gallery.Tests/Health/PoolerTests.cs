using Gallery.Tests.Database;
using Gallery.Tests.Migrations;
using Gallery.Tests.Observability;

namespace Gallery.Tests.Health;

/// <summary>A pooler in transaction mode on a port that does not show it.</summary>
public sealed class PoolerTests(TestServer server)
{
    [Fact]
    public async Task Without_the_setting_the_service_is_not_ready_and_failures_name_the_setting()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: true);
        await using var pooler = await Pooler.StartAsync(database, "transaction");
        await using var service = await ObservedService.StartAsync(pooler.ConnectionString);

        var ready = await service.Api.GetAsync("/readyz");
        Assert.Equal((503, "not_ready"), (ready.Status, ready.Problem));
        Assert.Contains("GALLERY_POOLER=transaction", (string?)ready.Body["message"], StringComparison.Ordinal);

        var answers = await Task.WhenAll(Enumerable.Range(0, 300).Select(i => i % 3 == 0
            ? service.Api.SaveAsync(Guid.NewGuid()) : service.Api.GetAsync(i % 3 == 1 ? "/v1/gallery/" : $"/v1/gallery/{Guid.NewGuid()}/")));
        var failed = answers.Where(answer => answer.Status >= 500).ToList();
        Assert.NotEmpty(failed);
        Assert.All(failed, answer => Assert.Equal((503, "pooler_not_set"), (answer.Status, answer.Problem)));
        Assert.All(failed, answer => Assert.Contains("GALLERY_POOLER=transaction", (string?)answer.Body["message"], StringComparison.Ordinal));
        Assert.Equal(503, (await service.Api.GetAsync("/readyz")).Status);
        Assert.InRange(service.Log.Written.Sum(line => line.Length), 1, 20_000);
    }

    [Theory]
    [InlineData("transaction", "GALLERY_POOLER=transaction")]
    [InlineData("session", "GALLERY_POOLER=session")]
    public async Task With_the_setting_of_its_mode_the_service_is_ready(string mode, string setting)
    {
        await using var database = await server.CreateDatabaseAsync(migrated: true);
        await using var pooler = await Pooler.StartAsync(database, mode);
        await using var service = await ObservedService.StartAsync(pooler.ConnectionString, setting);

        Assert.Equal(200, (await service.Api.GetAsync("/readyz")).Status);
        var answers = await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => service.Api.SaveAsync(Guid.NewGuid())));
        Assert.All(answers, answer => Assert.Equal(201, answer.Status));
    }
}
