using System.Text.Json.Nodes;
using Dapper;
using Gallery.Sql.Coalescing;
using Gallery.Sql.Images;
using Gallery.Tests.Database;
using Npgsql;

namespace Gallery.Tests.Schema;

/// <summary>The generic plan of each list's prepared statement.</summary>
public sealed class ListPlanTests(TestServer server) : IAsyncLifetime
{
    private TestDatabase _database = null!;
    private NpgsqlDataSource _source = null!;

    public async ValueTask InitializeAsync()
    {
        _database = await server.CreateDatabaseAsync(migrated: true);
        await _database.ExecuteAsync(
            """
            insert into gallery.image (image_id, user_id, image_url, created_at, deleted_at)
            select gen_random_uuid(),
                   'user' || n % 50,
                   'https://res.cloudinary.com/demo/x',
                   now() - n * interval '1 second',
                   case when n % 2 = 0 then now() - n * interval '1 second' end
            from generate_series(1, 20000) as n
            """);
        await _database.ExecuteAsync("vacuum analyze gallery.image");

        _source = _database.CreateSource(maximumPoolSize: 1);
    }

    public async ValueTask DisposeAsync()
    {
        await _source.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Theory]
    [InlineData(false, "user1", "image_user_id_created_at_image_id_idx", "created_at")]
    [InlineData(false, null, "image_created_at_image_id_idx", "created_at")]
    [InlineData(true, "user2", "image_user_id_deleted_at_image_id_idx", "deleted_at")]
    [InlineData(true, null, "image_deleted_at_image_id_idx", "deleted_at")]
    public async Task A_list_seeks_in_its_index_and_sorts_nothing(bool deleted, string? userId, string index, string time)
    {
        var plan = await ExplainAsync(deleted, userId);
        var mostRows = plan["Plans"]![0]!;
        var scan = mostRows["Plans"]![0]!;

        Assert.Equal(("Limit", "Limit"), ((string?)plan["Node Type"], (string?)mostRows["Node Type"]));
        Assert.Equal("Index Scan", (string?)scan["Node Type"]);
        Assert.Equal((index, "Backward"), ((string?)scan["Index Name"], (string?)scan["Scan Direction"]));
        Assert.Contains($"ROW({time}, image_id) <", (string?)scan["Index Cond"], StringComparison.Ordinal);
        Assert.Null(scan["Filter"]);
        Assert.Equal(51, (int)(double)scan["Actual Rows"]!);
        Assert.InRange((int)scan["Shared Hit Blocks"]! + (int)scan["Shared Read Blocks"]!, 1, 120);   // the rows of the page, not of the whole list
    }

    private async Task<JsonNode> ExplainAsync(bool deleted, string? userId)
    {
        await using (var images = new ImageRepository(_source, new BatchOptions()))   // prepares the list's statement, which is then explained
            await (deleted ? images.ListDeletedImagesAsync(userId, ImageKeyset.Start, 50, default) : images.ListImagesAsync(userId, ImageKeyset.Start, 50, default));
        await using var connection = await _source.OpenConnectionAsync();
        var prepared = await connection.QuerySingleAsync<(string Name, string[] Types)>(
            "select name, parameter_types::text[] from pg_prepared_statements where statement like @order and statement like '%limit%' and statement like '%i.user_id = %' = @ofOneUser",
            new { order = $"%order by i.{(deleted ? "deleted" : "created")}_at desc%", ofOneUser = userId is not null });
        var halfWay = await connection.QuerySingleAsync<string>("select (now() - interval '10000 seconds')::text");
        var arguments = prepared.Types.Select(type => type switch
        {
            "text" => $"'{userId}'",
            "timestamp with time zone" => $"'{halfWay}'",
            "uuid" => "'ffffffff-ffff-ffff-ffff-ffffffffffff'",
            _ => "51",
        });
        await connection.ExecuteAsync("set plan_cache_mode = force_generic_plan");
        var json = await connection.QuerySingleAsync<string>(
            $"explain (analyze, buffers, format json) execute \"{prepared.Name}\"({string.Join(", ", arguments)})");
        return JsonNode.Parse(json)![0]!["Plan"]!;
    }
}
