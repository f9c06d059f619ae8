using System.Diagnostics;
using System.Text.Json.Nodes;
using Gallery.Service.Limits;
using Gallery.Sql.Images;
using Gallery.Sql.Transfers;
using Gallery.Tests.Access;
using Gallery.Tests.Database;
using Gallery.Tests.Limits;
using Gallery.Tests.Service;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace Gallery.Tests.Transfers;

/// <summary><c>GET /v1/gallery/export/</c></summary>
public sealed class ExportTests(TestService service, TestServer server) : IClassFixture<TestService>
{
    private const string Path = "/v1/gallery/export/";

    private readonly Api _api = service.Api;
    private readonly string _user = $"user_{Guid.NewGuid():N}";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_line_has_every_stored_field_of_an_image_as_the_API_shows_it()
    {
        var id = Guid.NewGuid();
        await _api.SaveAsync(id, _user, "A lighthouse \U0001F305", "generate", """{"n": 1.50, "deep": [{"a": null}]}""", tags: "style:noir");
        var image = (await _api.DeleteAsync($"/v1/gallery/{id}/")).Image.AsObject();
        foreach (var computed in new[] { "thumbnail_url", "width", "height", "format", "purge_at" }) Assert.True(image.Remove(computed));
        var answer = await _api.GetAsync($"{Path}?user_id={_user}");

        Assert.Equal((200, "application/x-ndjson", "no-store"), (answer.Status, answer.ContentHeaders.ContentType!.ToString(), answer.Headers.CacheControl!.ToString()));
        Assert.Equal(image.ToJsonString(), JsonNode.Parse(answer.Text)!.ToJsonString());
        Assert.EndsWith("}\n", answer.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Live_and_trashed_images_come_once_each_in_the_order_of_their_ids(bool ofUser)
    {
        await AddAsync(1_200);
        var ids = IdsOf((await _api.GetAsync(ofUser ? $"{Path}?user_id={_user}" : Path)).Text);

        Assert.Equal(await service.Database.ListAsync<Guid>($"select image_id from gallery.image where {(ofUser ? $"user_id = '{_user}'" : "true")} order by image_id"), ids);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task It_continues_after_an_image(bool ofUser)
    {
        await AddAsync(120);
        var path = ofUser ? $"{Path}?user_id={_user}&" : $"{Path}?";
        var all = IdsOf((await _api.GetAsync(path)).Text);
        var rest = IdsOf((await _api.GetAsync($"{path}after={all[70]}")).Text);

        Assert.Equal(all.Skip(71), rest);
        Assert.Empty(IdsOf((await _api.GetAsync($"{path}after={all[^1]}")).Text));
    }

    [Theory]
    [InlineData("created_at", "")]
    [InlineData("-created_at", " desc")]
    public async Task It_is_sorted_by_time(string sort, string order)
    {
        await AddAsync(1_200);
        await service.Database.ExecuteAsync($"update gallery.image set created_at = now() - random() * interval '1 day' where user_id = '{_user}'");
        var ids = IdsOf((await _api.GetAsync($"{Path}?user_id={_user}&sort={sort}")).Text);

        Assert.Equal(await service.Database.ListAsync<Guid>($"select image_id from gallery.image where user_id = '{_user}' order by created_at{order}, image_id{order}"), ids);
        Assert.Equal(ids.Skip(701), IdsOf((await _api.GetAsync($"{Path}?user_id={_user}&sort={sort}&after={ids[700]}")).Text));
        Assert.Equal(ids, IdsOf((await _api.GetAsync($"{Path}?user_id={_user}&sort={sort}&after={Guid.NewGuid()}")).Text));
    }

    [Fact]
    public async Task It_shows_the_fields_that_are_asked_for()
    {
        var id = Guid.NewGuid();
        await _api.SaveAsync(id, _user, "A lighthouse", metadata: """{"n": 1.50}""");

        Assert.Equal($$$"""{"image_id":"{{{id}}}","metadata":{"n":1.50}}""" + "\n", (await _api.GetAsync($"{Path}?user_id={_user}&fields=metadata,image_id")).Text);
    }

    [Theory]
    [InlineData("sort=deleted_at", "sort")]
    [InlineData("fields=thumbnail_url", "fields")]
    [InlineData("after=", "after")]
    [InlineData("after=1", "after")]
    [InlineData("after=a&after=b", "after")]
    [InlineData("user_id=", "user_id")]
    [InlineData("limit=1", "limit")]
    public async Task A_wrong_parameter_is_refused(string query, string field)
    {
        var answer = await _api.GetAsync($"{Path}?{query}");
        Assert.Equal((400, true), (answer.Status, answer.Error(field) is not null));
    }

    [Fact]
    public async Task HEAD_answers_as_GET_without_the_lines()
    {
        var answer = await _api.SendAsync(HttpMethod.Head, Path);
        Assert.Equal((200, "", "application/x-ndjson"), (answer.Status, answer.Text, answer.ContentHeaders.ContentType!.ToString()));
    }

    [Fact]
    public async Task No_part_holds_much_more_than_half_a_megabyte_even_where_large_images_follow_small_ones()
    {
        await AddAsync(700, idsBelow: true);
        await AddAsync(100, promptLength: 16_000, idsBelow: false);
        await using var source = service.Database.CreateSource();
        foreach (var user in new[] { _user, null })
        {
            var (large, largest) = (0, 0);
            await foreach (var part in new TransferRepository(source).ExportAsync(new ImageFilter(user), ExportOrder.Id, Guid.Empty, Ct))
            {
                largest = Math.Max(largest, part.Sum(image => (image.RefinedPrompt ?? "").Length + image.Metadata.Length + image.ImageUrl.Length));
                large += part.Count(image => image.UserId == _user && image.RefinedPrompt?.Length == 16_000);
            }

            Assert.Equal(100, large);
            Assert.InRange(largest, 400_000, 560_000);
        }
    }

    [Fact]
    public async Task While_a_client_reads_slowly_no_connection_is_held_and_two_more_exports_wait_until_it_leaves()
    {
        await AddAsync(1_000, promptLength: 8_000);
        var (host, source, api) = await TestService.StartAsync($"{service.Database.ConnectionString};Maximum Pool Size=1");
        await using var _ = host;
        await using var __ = source;
        using var ___ = api;
        using var http = new HttpClient { BaseAddress = api.Address };
        var first = await http.GetAsync(Path, HttpCompletionOption.ResponseHeadersRead, Ct);
        using var second = await http.GetAsync(Path, HttpCompletionOption.ResponseHeadersRead, Ct);

        Assert.Equal(200, (await api.GetAsync("/v1/gallery/?limit=1")).Status);
        var third = await api.GetAsync(Path);
        Assert.Equal((503, "overloaded", true), (third.Status, third.Problem, third.Headers.RetryAfter is not null));
        first.Dispose();
        Assert.Equal(200, (await api.GetAsync($"{Path}?after=ffffffff-ffff-ffff-ffff-ffffffffffff")).Status);
    }

    [Fact]
    public async Task Clients_that_read_nothing_lose_their_places()
    {
        await AddAsync(1_000, promptLength: 8_000);
        var (host, source, api) = await TestService.StartAsync(service.Database.ConnectionString);
        await using var _ = host;
        await using var __ = source;
        using var ___ = api;
        host.Services.GetRequiredService<LineStream>().Patience = TimeSpan.FromSeconds(0.3);
        using var first = await RawConnection.OpenAsync(api.Address, window: 4096);
        using var second = await RawConnection.OpenAsync(api.Address, window: 4096);
        foreach (var connection in new[] { first, second }) await connection.SendAsync($"GET {Path} HTTP/1.1\r\nHost: localhost\r\n\r\n");

        Assert.Equal(200, (await api.GetAsync($"{Path}?user_id=nobody")).Status);   // waits at most 2.5 s
    }

    [Fact]
    public async Task A_key_has_one_place_and_another_key_the_other()
    {
        await AddAsync(1_000, promptLength: 8_000);
        await using var guarded = await GuardedService.StartAsync(service.Database.ConnectionString, GuardedService.Keys);
        using var http = new HttpClient { BaseAddress = guarded.Api.Address };
        using var running = await SendAsync(GuardedService.Key, "");

        Assert.Equal(503, (int)(await SendAsync(GuardedService.Key, "?user_id=nobody")).StatusCode);
        Assert.Equal(200, (int)(await SendAsync("another", "?user_id=nobody")).StatusCode);

        Task<HttpResponseMessage> SendAsync(string key, string query) => http.SendAsync(
            new(HttpMethod.Get, Path + query) { Headers = { Authorization = new("Bearer", key) } }, HttpCompletionOption.ResponseHeadersRead, Ct);
    }

    [Fact]
    public async Task A_fault_in_the_middle_breaks_the_connection_off_and_one_before_the_first_line_is_a_problem()
    {
        await AddAsync(2_000, promptLength: 8_000);
        var connection = new NpgsqlConnectionStringBuilder(service.Database.ConnectionString);
        await using var valve = await Valve.OpenAsync(connection.Host!, connection.Port);
        (connection.Host, connection.Port) = ("127.0.0.1", valve.Port);
        var (host, source, api) = await TestService.StartAsync(connection.ConnectionString);
        await using var _ = host;
        await using var __ = source;
        using var ___ = api;
        using var http = new HttpClient { BaseAddress = api.Address };

        using var answer = await http.GetAsync(Path, HttpCompletionOption.ResponseHeadersRead, Ct);
        await using var lines = await answer.Content.ReadAsStreamAsync(Ct);
        valve.Shut();
        await Assert.ThrowsAnyAsync<IOException>(() => Within.EndAsync("the rest of the export", lines.CopyToAsync(Stream.Null, Ct)));

        var again = await api.GetAsync(Path);
        Assert.Equal((503, "database_unavailable"), (again.Status, again.Problem));
    }

    [Fact]
    public async Task A_stop_breaks_it_off_at_once()
    {
        await AddAsync(2_000, promptLength: 8_000);
        await using var process = new ServiceProcess("http://127.0.0.1:0", dotEnv: null, "GALLERY_DRAIN_SECONDS=0", $"DATABASE_URL={service.Database.ConnectionString}");
        using var http = new HttpClient { BaseAddress = await process.WaitForServingAsync() };
        using var answer = await http.GetAsync(Path, HttpCompletionOption.ResponseHeadersRead, Ct);
        await using var lines = await answer.Content.ReadAsStreamAsync(Ct);

        var since = Stopwatch.StartNew();
        Assert.Equal(0, await process.TerminateAsync());
        Assert.InRange(since.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(8));   // GALLERY_SHUTDOWN_TIMEOUT is 10 s
        await Assert.ThrowsAnyAsync<IOException>(() => Within.EndAsync("the rest of the export", lines.CopyToAsync(Stream.Null, Ct)));
        Assert.Contains("An export was broken off after", process.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", process.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_order_by_time_that_takes_too_long_is_too_broad()
    {
        await AddAsync(3_000);
        await using var source = service.Database.CreateSource();
        var transfers = new TransferRepository(source) { ListingTime = TimeSpan.Zero };

        await Assert.ThrowsAsync<SearchTooBroadException>(() => ListAsync(transfers, new ImageFilter(_user), ExportOrder.NewestFirst, Guid.Empty));
    }

    [Fact]
    public async Task Images_that_take_too_long_to_list_are_found_among_everyones()
    {
        await AddAsync(5_000);
        await service.Database.ExecuteAsync($"""
            update gallery.image set intent = 'edit' where user_id = '{_user}' and image_id::text < '8';
            insert into gallery.image_tag (image_id, tag, label, user_id, created_at)
            select image_id, 'noir', 'noir', user_id, created_at from gallery.image where user_id = '{_user}' and image_id::text > '4'
            """);
        await using var source = service.Database.CreateSource();
        var transfers = new TransferRepository(source) { ListingTime = TimeSpan.Zero };
        var filter = new ImageFilter(_user) { Intent = "edit", Tags = ["noir"] };
        var expected = await service.Database.ListAsync<Guid>($"select image_id from gallery.image where user_id = '{_user}' and image_id::text between '4' and '8' order by image_id");

        Assert.Equal(expected, await ListAsync(transfers, filter, ExportOrder.Id, Guid.Empty));
        Assert.Equal(expected.Skip(701), await ListAsync(transfers, filter, ExportOrder.Id, expected[700]));
    }

    [Fact]
    public async Task Long_prompts_are_looked_at_a_few_at_a_time()
    {
        await service.Database.ExecuteAsync($"""
            insert into gallery.image (image_id, user_id, image_url, refined_prompt)
            select n.id, '{_user}', 'https://res.cloudinary.com/demo/image/upload/' || n.id, 'w' || md5(n.id::text) || repeat(' é', 8000)
            from (select gen_random_uuid() as id from generate_series(1, 300)) as n
            """);
        var settings = new NpgsqlConnectionStringBuilder(service.Database.ConnectionString) { Options = "-c statement_timeout=400" };
        await using var source = NpgsqlDataSource.Create(settings);
        var transfers = new TransferRepository(source) { ListingTime = TimeSpan.Zero };

        Assert.Equal(300, (await ListAsync(transfers, new ImageFilter(_user) { Words = "\"wzqzq\"" }, ExportOrder.Id, Guid.Empty)).Count);
    }

    [Fact]
    public async Task The_services_memory_does_not_grow_with_the_number_of_images()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: true);
        await using var process = new ServiceProcess("http://127.0.0.1:0", dotEnv: null, $"DATABASE_URL={database.ConnectionString}", "DOTNET_GCHeapHardLimit=0x8000000");
        using var http = new HttpClient { BaseAddress = await process.WaitForServingAsync() };
        await AddAsync(database, "u", 5_000, promptLength: 4_000);
        var (small, before) = (await Within.EndAsync("the export", DownloadAsync()), ReadPeakBytes(process.Id));
        await AddAsync(database, "u", 20_000, promptLength: 4_000);
        var (large, after) = (await Within.EndAsync("the export", DownloadAsync()), ReadPeakBytes(process.Id));

        Assert.InRange(large - small, 80_000_000, long.MaxValue);
        Assert.InRange(after - before, 0, 30_000_000);

        async Task<long> DownloadAsync()
        {
            var (bytes, buffer) = (0L, new byte[65_536]);
            await using var lines = await http.GetStreamAsync(Path, Ct);
            while (await lines.ReadAsync(buffer, Ct) is var read and > 0) bytes += read;
            return bytes;
        }
    }

    private static async Task<List<Guid>> ListAsync(TransferRepository transfers, ImageFilter filter, ExportOrder order, Guid after)
    {
        var ids = new List<Guid>();
        await foreach (var part in transfers.ExportAsync(filter, order, after, Ct)) ids.AddRange(part.Select(image => image.ImageId));
        return ids;
    }

    private static long ReadPeakBytes(int process) => 1024 * long.Parse(
        File.ReadLines($"/proc/{process}/status").Single(line => line.StartsWith("VmHWM:", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1],
        System.Globalization.CultureInfo.InvariantCulture);

    private Task AddAsync(int count, int promptLength = 10, bool? idsBelow = null) => AddAsync(service.Database, _user, count, promptLength, idsBelow);

    /// <param name="idsBelow">Whether all ids are in the lower half; null for any ids.</param>
    private static Task AddAsync(TestDatabase database, string user, int count, int promptLength, bool? idsBelow = null) => database.ExecuteAsync(
        $"""
        insert into gallery.image (image_id, user_id, image_url, refined_prompt, deleted_at)
        select {(idsBelow is { } below ? $"('{(below ? '0' : 'f')}' || substr(gen_random_uuid()::text, 2))::uuid" : "gen_random_uuid()")},
               '{user}', 'x', repeat('p', {promptLength}), case when n % 3 = 0 then now() end
        from generate_series(1, {count}) as n
        """);

    private static List<Guid> IdsOf(string lines) => [.. lines.Split('\n')[..^1].Select(line => (Guid)JsonNode.Parse(line)!["image_id"]!)];
}
