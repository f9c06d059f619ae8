using System.Text.Json.Nodes;
using Dapper;
using Gallery.Sql.Coalescing;
using Gallery.Sql.History;
using Gallery.Tests.Database;

namespace Gallery.Tests.Schema;

/// <summary>The generic plan of the history's prepared statement, for an image with many events.</summary>
public sealed class HistoryPlanTests(TestServer server)
{
    [Theory]
    [InlineData("owner", 50)]
    [InlineData("somebody else", 0)]
    public async Task The_history_of_an_image_with_many_events_reads_no_more_than_it_shows(string userId, int shown)
    {
        await using var database = await server.CreateDatabaseAsync(migrated: true);
        var id = Guid.NewGuid();
        await database.ExecuteAsync(
            $"""
             insert into gallery.image (image_id, user_id, image_url) values ('{id}', 'owner', 'https://res.cloudinary.com/demo/x');
             insert into gallery.image_event (image_id, revision, user_id, event, fields, occurred_at)
             select '{id}', n, 'owner', case when n = 1 then 'created' else 'edited' end, array[]::text[], now() from generate_series(1, 20000) as n
             """);
        await database.ExecuteAsync("vacuum analyze gallery.image_event");
        await using var source = database.CreateSource(maximumPoolSize: 1);
        await using var history = new HistoryRepository(source, new BatchOptions());

        Assert.Equal(shown, (await history.ListHistoryAsync(id, userId, long.MaxValue, 50, default)).Count);

        await using var connection = await source.OpenConnectionAsync();
        var (name, types) = await connection.QuerySingleAsync<(string Name, string[] Types)>(
            "select name, parameter_types::text[] from pg_prepared_statements where statement like '%e.occurred_at, e.actor%'");
        var arguments = types.Select(type => type switch
        {
            "uuid" => $"'{id}'",
            "text" => $"'{userId}'",
            "boolean" => "false",
            "bigint" => $"{long.MaxValue}",
            _ => "50",
        });
        await connection.ExecuteAsync("set plan_cache_mode = force_generic_plan");
        var json = await connection.QuerySingleAsync<string>($"explain (analyze, buffers, format json) execute \"{name}\"({string.Join(", ", arguments)})");
        var plan = JsonNode.Parse(json)![0]!["Plan"]!;
        Assert.InRange((int)plan["Shared Hit Blocks"]! + (int)plan["Shared Read Blocks"]!, 1, 30);
    }
}
