using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Gallery.Service.Transfers;
using Gallery.Tests.Limits;
using Gallery.Tests.Service;
using Microsoft.Extensions.DependencyInjection;

namespace Gallery.Tests.Transfers;

/// <summary>What bounds an import: its statements, its time without a line, and its blank lines.</summary>
public sealed class ImportBoundsTests(TestService service) : IClassFixture<TestService>
{
    private const string Path = "/v1/gallery/import/";

    private readonly Api _api = service.Api;
    private readonly string _user = $"user_{Guid.NewGuid():N}";

    [Fact]
    public async Task Of_many_faults_a_thousand_are_told_and_all_are_counted()
    {
        var half = string.Concat(Enumerable.Repeat("{}\n", 600));
        var data = await ImportAsync($"{half}{Line()}\n{half}");
        Assert.Equal((1_201, 1_200, 1_000), ((int)data["lines"]!, (int)data["failed"]!, data["errors"]!.AsArray().Count));
    }

    [Theory]
    [InlineData("{}\n", 5_000, 1, true)]
    [InlineData("\n", 900_000, 1, true)]
    [InlineData("\n", 1_100_000, 1_048_579, false)]
    [InlineData("x", 20_000_000, 1, true)]
    public async Task Bad_lines_never_stop_an_import_and_too_many_blank_ones_do(string junk, int times, int line, bool goesOn)
    {
        var text = new StringBuilder($"{Line()}\n").Insert(Line().Length + 1, junk, times);
        var answer = await _api.SendAsync(HttpMethod.Post, Path, new StringContent($"{text}\n{Line()}", Encoding.UTF8, "application/x-ndjson"));
        var errors = answer.Body["data"]!["errors"]!.AsArray();
        var isStopped = errors.Any(error => (string?)error!["code"] == "import_stopped");

        Assert.Equal((200, !goesOn, goesOn ? 2 : 1), (answer.Status, isStopped, (int)answer.Body["data"]!["created"]!));
        Assert.Equal(goesOn ? "Import complete" : string.Create(CultureInfo.InvariantCulture, $"Import stopped at line {line}"), (string)answer.Body["message"]!);
        if (!goesOn) Assert.Equal(("import_stopped", line), ((string)errors[^1]!["code"]!, (int)errors[^1]!["line"]!));
        if (!goesOn) Assert.Equal((1, 0), ((int)answer.Body["data"]!["lines"]!, (int)answer.Body["data"]!["failed"]!));
    }

    [Fact]
    public async Task An_import_that_brings_no_line_for_a_while_ends_with_what_it_has()
    {
        var (host, source, api) = await TestService.StartAsync(service.Database.ConnectionString);
        await using var _ = host;
        await using var __ = source;
        using var ___ = api;
        host.Services.GetRequiredService<Importer>().Patience = TimeSpan.FromSeconds(0.3);
        using var connection = await RawConnection.OpenAsync(api.Address);
        var chunk = $"{Line()}\n\n{Line()[..50]}";
        await connection.SendAsync($"POST {Path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n{chunk.Length:x}\r\n{chunk}\r\n");
        var answer = (await connection.ReadAsync())!;

        Assert.Equal((200, "close"), (answer.Status, answer.Find("Connection")));
        Assert.Contains("Import stopped at line 3", answer.Text, StringComparison.Ordinal);
        Assert.Contains("\"created\":1,", answer.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tags_count_towards_the_size_of_a_statement()
    {
        var tags = Enumerable.Range(0, 50).Select(tag => $"{tag}").ToArray();
        var data = await ImportAsync(string.Join('\n', Enumerable.Range(0, 120).Select(_ => Line(tags))));

        Assert.Equal(120, (int)data["created"]!);
        Assert.Equal(3, await service.Database.FindAsync<long>($"select count(distinct xmin::text) from gallery.image where user_id = '{_user}'"));
    }

    [Fact]
    public async Task Images_that_take_too_long_together_are_written_in_halves()
    {
        await service.Database.ExecuteAsync(
            $"""
            create function gallery.slow() returns trigger language plpgsql as $f$ begin perform pg_sleep(0.03); return new; end $f$;
            create trigger slow before insert on gallery.image for each row when (new.user_id = '{_user}') execute function gallery.slow();
            """);
        var data = await ImportAsync(string.Join('\n', Enumerable.Range(0, 100).Select(_ => Line())));

        Assert.Equal((100, 0), ((int)data["created"]! + (int)data["unchanged"]!, (int)data["failed"]!));
        Assert.Equal(100, await service.Database.FindAsync<long>($"select count(*) from gallery.image where user_id = '{_user}'"));
    }

    [Theory]
    [InlineData("created_at")]
    [InlineData("updated_at")]
    [InlineData("deleted_at")]
    public async Task A_time_may_be_a_day_in_the_future(string field)
    {
        var report = await ImportAsync(string.Join('\n', new[] { 23, 25 }.Select(hours => WithTime(field, DateTime.UtcNow.AddHours(hours)))));
        Assert.Equal((1, 1), ((int)report["created"]!, (int)report["failed"]!));
        Assert.Equal($"{field} is more than a day in the future. Correct it.", (string)report["errors"]![0]!["message"]!);
    }

    private string WithTime(string field, DateTime time)
    {
        var line = JsonNode.Parse(Line())!;
        line[field] = time.ToString("O", CultureInfo.InvariantCulture);
        return line.ToJsonString();
    }

    private async Task<JsonNode> ImportAsync(string lines)
    {
        var answer = await _api.SendAsync(HttpMethod.Post, Path, new StringContent(lines, Encoding.UTF8, "application/x-ndjson"));
        Assert.Equal(200, answer.Status);
        return answer.Body["data"]!;
    }

    private string Line(params string[] tags) => new JsonObject
    {
        ["user_id"] = _user,
        ["image_url"] = Api.UrlOf(Guid.NewGuid()),
        ["created_at"] = "2025-01-01T00:00:00Z",
        ["tags"] = new JsonArray([.. tags.Select(tag => JsonValue.Create(tag))]),
    }.ToJsonString();
}
