using System.Text.Json.Nodes;
using Gallery.Service.Http;
using Gallery.Tests.Database;
using Gallery.Tests.Service;
using Npgsql;

namespace Gallery.Tests.Observability;

/// <summary>The log's format, and its length while the database is unavailable.</summary>
public sealed class LogTests(TestService other, TestServer server) : IClassFixture<TestService>
{
    private readonly string _database = other.Database.ConnectionString;

    [Fact]
    public async Task As_json_each_line_is_one_object_with_its_time_in_utc_and_the_trace_id()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);
        await using var service = new ServiceProcess("http://127.0.0.1:0", "GALLERY_LOG_FORMAT=json", $"DATABASE_URL={database.ConnectionString}");
        using var api = new Api(await service.WaitForServingAsync());
        var answer = await api.GetAsync("/v1/gallery/", ("X-Request-Id", "mine"));
        Assert.Equal(503, answer.Status);
        await service.TerminateAsync();

        var lines = service.Output.Split('\n').Select(line => JsonNode.Parse(line)!.AsObject()).ToList();
        Assert.True(lines.Count >= 2);
        Assert.All(lines, line => Assert.Matches(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$", (string?)line["Timestamp"]));
        var failure = lines.Single(line => (string?)line["State"]?["Code"] == "schema_not_ready");
        Assert.Equal((string?)answer.Body["trace_id"], (string?)failure["State"]!["TraceId"]);
        Assert.Equal("mine", (string?)failure["State"]!["RequestId"]);
        Assert.Empty(service.Errors);
    }

    [Fact]
    public async Task A_start_that_fails_is_told_in_one_plain_line_whatever_the_format()
    {
        await using var service = new ServiceProcess("http://127.0.0.1:0", dotEnv: null, "GALLERY_LOG_FORMAT=json", "GALLERY_MAX_QUEUE=many");
        await service.WaitForExitAsync();

        Assert.StartsWith("gallery: ", Assert.Single(service.Errors), StringComparison.Ordinal);
        Assert.StartsWith("{", service.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_level_above_info_leaves_out_what_is_no_failure()
    {
        await using var service = new ServiceProcess("http://127.0.0.1:0", dotEnv: null, "GALLERY_LOG_LEVEL=error", "GALLERY_LOG_FORMAT=json", "GALLERY_MAX_QUEUE=many");
        await service.WaitForExitAsync();
        Assert.Single(service.Errors);
        Assert.Equal("", service.Output);

        await using var serving = await ObservedService.StartAsync(_database, "GALLERY_LOG_LEVEL=error");
        var log = serving.Host.Services.GetService(typeof(Microsoft.Extensions.Logging.ILoggerFactory)) as Microsoft.Extensions.Logging.ILoggerFactory;
        Assert.False(log!.CreateLogger("Gallery.Service").IsEnabled(Microsoft.Extensions.Logging.LogLevel.Warning));
        Assert.True(log.CreateLogger("Gallery.Service").IsEnabled(Microsoft.Extensions.Logging.LogLevel.Error));
        Assert.False(log.CreateLogger("Microsoft.AspNetCore.Server.Kestrel").IsEnabled(Microsoft.Extensions.Logging.LogLevel.Warning));
    }

    [Fact]
    public async Task While_the_database_is_away_the_log_has_a_line_a_second_and_no_stack_trace()
    {
        var connection = new NpgsqlConnectionStringBuilder(_database);
        await using var valve = await Valve.OpenAsync(connection.Host!, connection.Port);
        (connection.Host, connection.Port) = ("127.0.0.1", valve.Port);
        await using var service = await ObservedService.StartAsync(connection.ConnectionString);
        await service.Api.GetAsync("/v1/gallery/");
        valve.Shut();

        var watch = System.Diagnostics.Stopwatch.StartNew();
        var failed = 0;
        while (watch.Elapsed < TimeSpan.FromSeconds(2.2))
        {
            var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => i % 2 == 0 ? service.Api.GetAsync("/v1/gallery/") : service.Api.SaveAsync(Guid.NewGuid())));
            Assert.All(answers, answer => Assert.Equal(503, answer.Status));
            failed += answers.Length;
        }

        var seconds = (int)Math.Ceiling(watch.Elapsed.TotalSeconds);
        var lines = service.Log.Written.ToList();
        Assert.True(failed > 20 * seconds);
        Assert.All(lines.GroupBy(line => line.Split(" answered 503 ")[1].Split(':')[0]), kind => Assert.InRange(kind.Count(), 1, seconds));
        Assert.Contains(lines, line => System.Text.RegularExpressions.Regex.IsMatch(line, "; [1-9][0-9]* similar lines suppressed"));
        Assert.DoesNotContain(lines, line => line.Contains("   at ", StringComparison.Ordinal));
    }

    [Fact]
    public void A_kind_is_written_once_a_second_and_the_next_line_counts_what_was_left_out()
    {
        var clock = new Clock();
        var limit = new LogLimit(clock);

        Assert.True(limit.MayWrite("away", out _));
        Assert.False(limit.MayWrite("away", out _));
        Assert.True(limit.MayWrite("overloaded", out _));
        clock.Now += TimeSpan.FromSeconds(0.999);
        Assert.False(limit.MayWrite("away", out _));
        clock.Now += TimeSpan.FromSeconds(0.001);
        Assert.True(limit.MayWrite("away", out var leftOut));
        Assert.Equal(2, leftOut);
        clock.Now += TimeSpan.FromSeconds(1);
        Assert.True(limit.MayWrite("away", out leftOut));
        Assert.Equal(0, leftOut);
    }

    private sealed class Clock : TimeProvider
    {
        public TimeSpan Now { get; set; } = TimeSpan.FromHours(1);

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Now.Ticks;
    }
}
