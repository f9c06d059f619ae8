using System.Diagnostics;
using Gallery.Tests.Database;
using Gallery.Tests.Service;
using Npgsql;

namespace Gallery.Tests.Limits;

/// <summary>How long a request may take: its body, its statements, its answer.</summary>
public sealed class TimeoutTests(TestService other, TestServer server) : IClassFixture<TestService>
{
    [Fact]
    public async Task A_body_that_is_not_there_within_the_requests_time_is_408_and_one_that_is_is_taken()
    {
        await using var service = await LimitedService.StartAsync(other.Database, "GALLERY_REQUEST_TIMEOUT=3");
        using var inTime = await service.ConnectAsync();
        using var late = await service.ConnectAsync();
        var watch = Stopwatch.StartNew();
        var body = Save(Guid.NewGuid());
        await inTime.SendAsync($"{Head("POST", "/v1/gallery/", body.Length)}{body[..10]}");
        await late.SendAsync($"{Head("POST", "/v1/gallery/", body.Length)}{body[..10]}");
        var answer = late.ReadAsync();

        for (var i = 10; i < 35; i++)   // a byte now and then, faster than Kestrel's data rate asks for
        {
            await late.SendAsync($"{body[i]}");
            if (i == 20) await inTime.SendAsync(body[10..]);
            await Task.WhenAny(answer, Task.Delay(100));
        }

        Assert.Equal(201, (await inTime.ReadAsync())?.Status);
        Assert.Equal((408, "request_timeout", "close"), ((await answer)?.Status, (await answer)?.Problem, (await answer)?.Find("Connection")));
        Assert.InRange(watch.Elapsed.TotalSeconds, 3, 8);
        Assert.Empty(service.Log);
    }

    [Theory]
    [InlineData("DELETE", "/v1/gallery/8d76bd3a-053e-4bb5-a2ab-ce147e53f40c/")]
    [InlineData("GET", "/v1/gallery/")]
    public async Task So_is_a_body_that_the_route_does_not_even_take(string method, string path)
    {
        await using var service = await LimitedService.StartAsync(other.Database, "GALLERY_REQUEST_TIMEOUT=3");

        var answer = await service.SendAsync($"{Head(method, path, 10)}12345");

        Assert.Equal((408, "request_timeout"), (answer?.Status, answer?.Problem));
        Assert.Empty(service.Log);
    }

    [Fact]
    public async Task A_body_below_the_data_rate_is_408_before_the_requests_time_is_over()
    {
        await using var service = await LimitedService.StartAsync(other.Database, "GALLERY_REQUEST_TIMEOUT=60", "GALLERY_SHUTDOWN_TIMEOUT=61");
        var watch = Stopwatch.StartNew();

        var answer = await service.SendAsync($"{Head("POST", "/v1/gallery/", 1000)}{{");

        Assert.Equal((408, "request_timeout"), (answer?.Status, answer?.Problem));
        Assert.InRange(watch.Elapsed.TotalSeconds, 5, 59);   // 5: a stall that long is forgiven
        Assert.Empty(service.Log);
    }

    [Fact]
    public async Task A_large_page_may_take_longer_than_the_requests_time_to_send()
    {
        await using var database = await LargePageAsync();
        await using var service = await LimitedService.StartAsync(database, "GALLERY_REQUEST_TIMEOUT=3");
        using var slow = await service.ConnectAsync(window: 65_536);
        await slow.SendAsync(LargePages);

        var watch = Stopwatch.StartNew();
        while (watch.Elapsed < TimeSpan.FromSeconds(4) && await slow.ReceiveAsync()) await Task.Delay(100);

        Assert.Equal(Pages, CountWhole(await slow.ReadToEndAsync()));
        Assert.Empty(service.Log);
    }

    [Fact]
    public async Task An_answer_that_is_taken_below_the_data_rate_is_broken_off()
    {
        await using var database = await LargePageAsync();
        await using var service = await LimitedService.StartAsync(database, "GALLERY_MIN_DATA_RATE=1000000");
        using var idle = await service.ConnectAsync(window: 65_536);
        await idle.SendAsync(LargePages);

        Assert.True(await idle.ReceiveAsync());      // it is being sent now
        await Task.Delay(TimeSpan.FromSeconds(20));   // the pages' 8 MB, Kestrel's clock, and a machine that is busy with other tests

        Assert.InRange(CountWhole(await idle.ReadToEndAsync()), 0, Pages - 1);
        Assert.Empty(service.Log);
    }

    [Fact]
    public async Task A_request_that_takes_too_long_in_all_is_503_and_does_not_claim_that_nothing_was_saved()
    {
        await using var service = await LimitedService.StartAsync(other.Database, "GALLERY_REQUEST_TIMEOUT=3");
        var id = Guid.NewGuid();
        await other.Api.SaveAsync(id);
        await using var holder = new NpgsqlConnection(other.Database.ConnectionString);
        await holder.OpenAsync();
        await using var transaction = await holder.BeginTransactionAsync();
        await using (var hold = new NpgsqlCommand($"select from gallery.image where image_id = '{id}' for update", holder)) await hold.ExecuteNonQueryAsync();
        var body = Save(id, prompt: "another");
        using var connection = await service.ConnectAsync();
        await connection.SendAsync(Head("POST", "/v1/gallery/", body.Length));

        await Task.Delay(2200);   // of the 3 s; the statement alone would be given up 2 s after its start
        await connection.SendAsync(body);
        var answer = await connection.ReadAsync();

        Assert.Equal((503, "deadline_exceeded"), (answer?.Status, answer?.Problem));
        Assert.NotNull(answer!.Find("Retry-After"));
        Assert.Contains("may or may not", answer.Text, StringComparison.Ordinal);
        var line = Assert.Single(service.Log);
        Assert.Contains("POST /v1/gallery/ answered 503 deadline_exceeded", line, StringComparison.Ordinal);
    }

    private const int Pages = 16;

    /// <summary>More than the kernel takes at once.</summary>
    private static readonly string LargePages =
        string.Concat(Enumerable.Repeat("GET /v1/gallery/?limit=100 HTTP/1.1\r\nHost: localhost\r\n\r\n", Pages - 1))
        + "GET /v1/gallery/?limit=100 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

    /// <summary>Answers that have come to their end.</summary>
    private static int CountWhole(string answers) => answers.Split("\"pagination\":{").Length - 1;

    private async Task<TestDatabase> LargePageAsync()
    {
        var database = await server.CreateDatabaseAsync(migrated: true);
        await database.ExecuteAsync(
            """
            insert into gallery.image (image_id, user_id, image_url, metadata, created_at, updated_at)
            select gen_random_uuid(), 'u', 'https://res.cloudinary.com/demo/image/upload/x', jsonb_build_object('k', repeat('x', 60000)), now(), now()
            from generate_series(1, 100)
            """);
        return database;
    }

    private static string Head(string method, string path, int length) =>
        $"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n";

    private static string Save(Guid id, string prompt = "a lighthouse") =>
        $$"""{"user_id":"user_123","image_url":"{{Api.UrlOf(id)}}","refined_prompt":"{{prompt}}"}""";
}
