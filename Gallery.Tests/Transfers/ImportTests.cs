using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Gallery.Sql.Images;
using Gallery.Sql.Transfers;
using Gallery.Tests.Service;
using Npgsql;
using Caller = Gallery.Sql.Database.Caller;

namespace Gallery.Tests.Transfers;

/// <summary><c>POST /v1/gallery/import/</c></summary>
public sealed class ImportTests(TestService service) : IClassFixture<TestService>
{
    private const string Path = "/v1/gallery/import/";
    private const string Time = "2025-01-01T00:00:00.000000Z";

    private readonly Api _api = service.Api;
    private readonly string _user = $"user_{Guid.NewGuid():N}";
    private readonly Guid _id = Guid.NewGuid();

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_is_exported_imported_elsewhere_and_exported_again_is_the_same_to_the_byte()
    {
        var deep = string.Concat(Enumerable.Repeat("{\"a\":[", 15)) + "1" + string.Concat(Enumerable.Repeat("]}", 15));
        await _api.SaveAsync(_id, _user, "A lighthouse \U0001F305 字 \" \\ \u2028 \u0001", "generate", $$"""{"n": [1.50, 1e400, -0.1e-7, 9007199254740993], "deep": {{deep}}, "": null, "\u00e9": "\ud83c\udf05"}""");
        await _api.PatchAsync($"/v1/gallery/{_id}/", """{"intent": "edit"}""");
        await _api.DeleteAsync($"/v1/gallery/{_id}/");
        var tagged = Guid.NewGuid();
        await _api.SaveAsync(tagged, _user, tags: ["Style:Noir", "e\u0301t\u00e9"]);
        await _api.SaveAsync(Guid.NewGuid(), _user, string.Concat(Enumerable.Repeat("\U0001F305", 16_384)), metadata: $$"""{"long": "{{new string('m', 65_000)}}"}""");
        await service.Database.ExecuteAsync(
            $"insert into gallery.image (image_id, user_id, image_url, metadata) select g, '{_user}', 'https://res.cloudinary.com/demo/image/upload/' || g, jsonb_build_object('l', array_agg(1)) from gen_random_uuid() g, generate_series(1, 32000) group by g");
        Assert.Equal(1, (await ImportAsync(Line(Guid.NewGuid(), revision: 9_000_000_000_000_000_000))).Created);
        var exported = (await _api.GetAsync("/v1/gallery/export/")).Text;

        await using var database = await service.Server.CreateDatabaseAsync(migrated: true);
        var (host, source, api) = await TestService.StartAsync(database.ConnectionString);
        await using var _ = host;
        await using var __ = source;
        using var ___ = api;
        var report = await ImportAsync(exported, api: api);

        Assert.Equal((0, report.Lines), (report.Failed, report.Created));
        Assert.Equal(exported, (await api.GetAsync("/v1/gallery/export/")).Text);
        Assert.Equal([tagged], (await api.GetAsync("/v1/gallery/?tag=style:noir&tag=%C3%A9t%C3%A9")).Ids);
        Assert.Equal(report with { Created = 0, Unchanged = report.Created }, await ImportAsync(exported, api: api));
        Assert.Equal(exported, (await api.GetAsync("/v1/gallery/export/")).Text);
    }

    [Fact]
    public async Task Only_three_fields_are_required()
    {
        var report = await ImportAsync($$"""{"user_id": "{{_user}}", "image_url": "{{Api.UrlOf(_id)}}", "created_at": "2025-01-01 01:00:00.000000999999+01"}""");
        var image = (await _api.GetAsync($"/v1/gallery/{_id}/")).Image;

        Assert.Equal((1, 1), (report.Lines, report.Created));
        Assert.Equal((Time, Time, null, 1, "{}"), ((string)image["created_at"]!, (string)image["updated_at"]!, (string?)image["deleted_at"], (int)image["revision"]!, image["metadata"]!.ToJsonString()));
    }

    [Fact]
    public async Task Blank_lines_line_ends_of_Windows_a_byte_order_mark_and_a_missing_last_end_are_no_faults()
    {
        var report = await ImportAsync($"\ufeff{Line(Guid.NewGuid())}\r\n\r\n  \n\n{Line(Guid.NewGuid())}");
        Assert.Equal((2, 2, 0), (report.Lines, report.Created, report.Failed));
    }

    [Theory]
    [InlineData("{}", "validation_failed")]
    [InlineData("[]", "invalid_json")]
    [InlineData("{\"user_id\": \"u\"", "invalid_json")]
    [InlineData("user_id=", "validation_failed")]
    [InlineData("image_url=https://res.cloudinary.com/demo/image/upload/cat.png", "no_uuid_in_file_name")]
    [InlineData("image_id=8d76bd3a-053e-4bb5-a2ab-ce147e53f40d", "validation_failed")]
    [InlineData("created_at=2025-01-01", "validation_failed")]
    [InlineData("created_at=2025-01-01T00:00:00", "validation_failed")]
    [InlineData("created_at=2025-02-30T00:00:00Z", "validation_failed")]
    [InlineData("created_at=0001-01-01T00:00:00Z", "validation_failed")]
    [InlineData("updated_at=2024-12-31T23:59:59Z", "validation_failed")]
    [InlineData("deleted_at=2024-12-31T23:59:59Z", "validation_failed")]
    [InlineData("created_at=9999-12-31T23:59:59Z", "validation_failed")]
    [InlineData("updated_at=9999-12-31T23:59:59Z", "validation_failed")]
    [InlineData("deleted_at=9999-12-31T23:59:59Z", "validation_failed")]
    [InlineData("revision=0", "validation_failed")]
    [InlineData("revision=1.5", "validation_failed")]
    [InlineData("revision=9000000000000000001", "validation_failed")]
    [InlineData("thumbnail_url=https://res.cloudinary.com/demo/image/upload/c_fill,h_320,w_320/x.jpg", "validation_failed")]
    [InlineData("width=300", "validation_failed")]
    [InlineData("user_id=.", "validation_failed")]
    [InlineData("user_id=..", "validation_failed")]
    [InlineData("purge_at=2025-01-01T00:00:00Z", "validation_failed")]
    [InlineData("metadata=[]", "validation_failed")]
    [InlineData("intent=\\u0000", "validation_failed")]
    public async Task A_bad_line_fails_alone_and_is_named(string line, string code)
    {
        if (line.Split('=', 2) is [var field, var value])
        {
            var bad = JsonNode.Parse(Line(Guid.NewGuid()))!.AsObject();
            bad[field] = double.TryParse(value, out _) || value[0..Math.Min(1, value.Length)] == "[" ? JsonNode.Parse(value) : JsonNode.Parse($"\"{value}\"");
            line = bad.ToJsonString();
        }

        var report = await ImportAsync($"{Line(_id)}\n\n{line}\n{Line(Guid.NewGuid())}\n");

        Assert.Equal((3, 2, 1), (report.Lines, report.Created, report.Failed));
        Assert.Equal([(3L, code)], report.Errors.Select(error => (error.Line, error.Code)));
        Assert.Equal(200, (await _api.GetAsync($"/v1/gallery/{_id}/")).Status);
    }

    [Fact]
    public async Task A_line_that_is_too_long_fails_alone()
    {
        var report = await ImportAsync($"{Line(_id)}\n{new string('x', 2_000_000)}\n{Line(Guid.NewGuid())}");
        Assert.Equal((3, 2, "line_too_large", 2L), (report.Lines, report.Created, report.Errors.Single().Code, report.Errors.Single().Line));
    }

    [Fact]
    public async Task A_value_that_only_the_database_refuses_fails_alone_among_many()
    {
        // Printed, each comma gets a space.
        var wide = $$"""{"l": [{{string.Join(',', Enumerable.Repeat("1", 40_000))}}]}""";
        var lines = Enumerable.Range(0, 20).Select(i => Line(Guid.NewGuid(), metadata: i is 7 or 8 ? wide : "{}"));
        var report = await ImportAsync(string.Join('\n', lines));

        Assert.Equal((18, 2), (report.Created, report.Failed));
        Assert.Equal([8L, 9], report.Errors.Select(error => error.Line));
        Assert.Contains("96 KB", report.Errors[0].Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_higher_revision_stays_and_replacing_is_an_edit_in_the_history()
    {
        await _api.SaveAsync(_id, _user, "first", metadata: """{"a": 1}""");
        Assert.Equal(1, (await ImportAsync(Line(_id, revision: 1, prompt: "other"))).Unchanged);
        Assert.Equal("first", (string)(await _api.GetAsync($"/v1/gallery/{_id}/")).Image["refined_prompt"]!);

        Assert.Equal(1, (await ImportAsync(Line(_id, revision: 5, prompt: "imported"))).Updated);
        var image = (await _api.GetAsync($"/v1/gallery/{_id}/")).Image;
        Assert.Equal(("imported", "{}", 5, Time), ((string)image["refined_prompt"]!, image["metadata"]!.ToJsonString(), (int)image["revision"]!, (string)image["created_at"]!));
        Assert.Equal([("edited", 5L, "refined_prompt,metadata,created_at"), ("created", 1, "")], await EventsAsync());
        Assert.Equal(200, (await _api.DeleteAsync($"/v1/gallery/{_id}/")).Status);
        Assert.Equal(6, (await EventsAsync())[0].Revision);
    }

    [Theory]
    [InlineData(2, 3, "b", "2,0")]
    [InlineData(3, 2, "a", "1,1")]
    public async Task Of_two_lines_of_one_image_the_higher_revision_stays(int first, int second, string stays, string counts)
    {
        var report = await ImportAsync($"{Line(_id, first, "a")}\n{Line(_id, second, "b")}");

        Assert.Equal(stays, (string)(await _api.GetAsync($"/v1/gallery/{_id}/")).Image["refined_prompt"]!);
        Assert.Equal(counts, $"{report.Created + report.Updated},{report.Unchanged}");
    }

    [Fact]
    public async Task Another_users_image_stays_theirs()
    {
        await _api.SaveAsync(_id, "someone_else", "theirs");
        var report = await ImportAsync(Line(_id, revision: 9));

        Assert.Equal("image_owned_by_another_user", report.Errors.Single().Code);
        Assert.Equal("theirs", (string)(await _api.GetAsync($"/v1/gallery/{_id}/")).Image["refined_prompt"]!);
    }

    [Fact]
    public async Task A_purged_image_stays_purged_unless_recreate_is_sent()
    {
        await _api.SaveAsync(_id, _user);
        await _api.DeleteAsync($"/v1/gallery/{_id}/permanent/");
        Assert.Equal("image_purged", (await ImportAsync(Line(_id, revision: 1))).Errors.Single().Code);
        Assert.Equal(404, (await _api.GetAsync($"/v1/gallery/{_id}/")).Status);

        Assert.Equal(1, (await ImportAsync(Line(_id, revision: 1), "?recreate=true")).Created);
        Assert.Equal([("created", 3L, ""), ("purged", 2, ""), ("created", 1, "")], await EventsAsync());
        Assert.Equal(3, (int)(await _api.GetAsync($"/v1/gallery/{_id}/")).Image["revision"]!);
    }

    [Fact]
    public async Task An_import_that_waits_for_a_purge_meets_its_tombstone()
    {
        await ImportAsync(Line(_id, revision: 4));
        await using var blocker = new NpgsqlConnection(service.Database.ConnectionString);
        await blocker.OpenAsync(Ct);
        await using var transaction = await blocker.BeginTransactionAsync(Ct);
        await using (var purge = new NpgsqlCommand(
            $"""
            delete from gallery.image where image_id = '{_id}';
            insert into gallery.image_event (image_id, revision, event, occurred_at, user_id) values ('{_id}', 5, 'purged', now(), '{_user}')
            """, blocker, transaction))
            await purge.ExecuteNonQueryAsync(Ct);

        await using var source = service.Database.CreateSource();
        var image = new ImageRow(_id, _user, Api.UrlOf(_id), null, null, "{}", DateTime.UnixEpoch, DateTime.UnixEpoch, null, 9);
        var import = new TransferRepository(source).ImportAsync(Caller.Anonymous, [image], recreates: false, Ct);
        await service.Database.WaitForWaitersAsync(request: import);
        await transaction.CommitAsync(Ct);

        Assert.Equal(ImportResult.Purged, (await import).Single().Result);
        Assert.Equal(404, (await _api.GetAsync($"/v1/gallery/{_id}/")).Status);
    }

    [Fact]
    public async Task Imports_at_once_of_the_same_images_leave_the_highest_revision()
    {
        var ids = Enumerable.Range(0, 300).Select(_ => Guid.NewGuid()).ToList();
        var reports = await Task.WhenAll(Enumerable.Range(1, 2).Select(revision => ImportAsync(string.Join('\n', ids.Select(id => Line(id, revision, $"r{revision}"))))));

        Assert.All(reports, report => Assert.Equal(0, report.Failed));
        Assert.Equal(300, await service.Database.FindAsync<long>($"select count(*) from gallery.image where user_id = '{_user}' and revision = 2 and refined_prompt = 'r2'"));
    }

    [Fact]
    public async Task If_the_database_goes_away_the_answer_says_how_many_lines_are_done_and_how_many_failed()
    {
        var connection = new NpgsqlConnectionStringBuilder(service.Database.ConnectionString);
        await using var valve = await Valve.OpenAsync(connection.Host!, connection.Port);
        (connection.Host, connection.Port) = ("127.0.0.1", valve.Port);
        var (host, source, api) = await TestService.StartAsync(connection.ConnectionString);
        await using var _ = host;
        await using var __ = source;
        using var ___ = api;
        var lines = Enumerable.Range(0, 1_100).Select(line => line is 1 or 2 ? "{}\n" : $"{Line(Guid.NewGuid())}\n").ToList();

        using var http = new HttpClient { BaseAddress = api.Address };
        using var content = new StreamedContent(async stream =>
        {
            await stream.WriteAsync(Encoding.UTF8.GetBytes(string.Concat(lines[..1_003])), Ct);
            await stream.FlushAsync(Ct);
            using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(1));
            while (await service.Database.FindAsync<long>($"select count(*) from gallery.image where user_id = '{_user}'") < 1_000) await Task.Delay(1, patience.Token);
            valve.Shut();
            await stream.WriteAsync(Encoding.UTF8.GetBytes(string.Concat(lines[1_003..])), Ct);
        });
        using var answer = await http.PostAsync(Path, content, Ct);
        var problem = JsonNode.Parse(await answer.Content.ReadAsStringAsync(Ct))!;

        Assert.Equal((503, "database_unavailable", true), ((int)answer.StatusCode, (string)problem["code"]!, answer.Headers.RetryAfter is not null));
        Assert.Matches("^Lines 1 to (502|1002) are done, and 2 failed\\. ", (string)problem["message"]!);   // the second statement's answer may be lost
    }

    [Fact]
    public async Task An_import_may_take_longer_than_a_request_and_be_larger_than_a_body()
    {
        await using var limited = await Limits.LimitedService.StartAsync(service.Database, "GALLERY_REQUEST_TIMEOUT=3");
        using var http = new HttpClient { BaseAddress = limited.Api.Address };
        var lines = Enumerable.Range(0, 40).Select(_ => $"{Line(Guid.NewGuid(), metadata: $$"""{"m": "{{new string('m', 60_000)}}"}""")}\n").ToList();
        using var content = new StreamedContent(async stream =>
        {
            foreach (var line in lines)
            {
                await stream.WriteAsync(Encoding.UTF8.GetBytes(line), Ct);
                await stream.FlushAsync(Ct);
                await Task.Delay(100, Ct);
            }
        });
        using var answer = await http.PostAsync(Path, content, Ct);

        Assert.Equal((200, 40), ((int)answer.StatusCode, (int)JsonNode.Parse(await answer.Content.ReadAsStringAsync(Ct))!["data"]!["created"]!));
    }

    [Theory]
    [InlineData("application/json", "", 415)]
    [InlineData("application/x-ndjson", "?recreate=yes", 400)]
    [InlineData("application/x-ndjson", "?limit=1", 400)]
    public async Task Another_media_type_or_parameter_is_refused(string type, string query, int status) =>
        Assert.Equal(status, (await _api.SendAsync(HttpMethod.Post, Path + query, new StringContent(Line(_id), Encoding.UTF8, type))).Status);

    private async Task<Report> ImportAsync(string lines, string query = "", Api? api = null)
    {
        var answer = await (api ?? _api).SendAsync(HttpMethod.Post, Path + query, new StringContent(lines, Encoding.UTF8, "application/x-ndjson"));
        Assert.Equal(200, answer.Status);
        var data = answer.Body["data"]!;
        return new((int)data["lines"]!, (int)data["created"]!, (int)data["updated"]!, (int)data["unchanged"]!, (int)data["failed"]!,
            new([.. data["errors"]!.AsArray().Select(error => new Error((long)error!["line"]!, (string)error["code"]!, (string)error["message"]!))]));
    }

    private string Line(Guid id, long revision = 1, string? prompt = null, string metadata = "{}", bool deleted = false) => new JsonObject
    {
        ["user_id"] = _user,
        ["image_url"] = Api.UrlOf(id),
        ["refined_prompt"] = prompt,
        ["metadata"] = JsonNode.Parse(metadata),
        ["created_at"] = Time,
        ["deleted_at"] = deleted ? "2025-02-01T00:00:00Z" : null,
        ["revision"] = revision,
    }.ToJsonString();

    private async Task<IReadOnlyList<(string Event, long Revision, string Fields)>> EventsAsync() =>
        [.. (await _api.GetAsync($"/v1/gallery/{_id}/history/")).Body["data"]!.AsArray()
            .Select(item => ((string)item!["event"]!, (long)item["revision"]!, string.Join(',', item["fields"]!.AsArray().Select(field => (string)field!))))];

    private sealed record Report(int Lines, int Created, int Updated, int Unchanged, int Failed, ErrorList Errors);

    private sealed record Error(long Line, string Code, string Message);

    /// <summary>Equal to another that has the same errors.</summary>
    private sealed class ErrorList(List<Error> errors) : List<Error>(errors)
    {
        public override bool Equals(object? obj) => obj is ErrorList other && this.SequenceEqual(other);

        public override int GetHashCode() => Count;
    }

    private sealed class StreamedContent : HttpContent
    {
        private readonly Func<Stream, Task> _write;

        public StreamedContent(Func<Stream, Task> write)
        {
            _write = write;
            Headers.ContentType = new("application/x-ndjson");
        }

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => _write(stream);

        protected override bool TryComputeLength(out long length)
        {
            length = -1;
            return false;
        }
    }
}
