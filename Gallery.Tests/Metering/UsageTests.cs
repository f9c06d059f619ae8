using System.Text.Json.Nodes;
using Gallery.Tests.Service;

namespace Gallery.Tests.Metering;

/// <summary>What the service itself meters, and its totals.</summary>
public sealed class UsageTests(TestService service) : IClassFixture<TestService>
{
    private const string Lines = """{"items":[ITEMS]}""";

    private readonly Api _api = service.Api;
    private readonly string _user = $"user_{Guid.NewGuid():N}";

    private static string ThisMonth => $"{DateTime.UtcNow:yyyy-MM}";

    [Fact]
    public async Task A_user_who_used_nothing_has_totals_of_zero()
    {
        var usage = (await _api.GetAsync($"/v1/gallery/usage/?user_id={_user}")).Image;

        Assert.Equal(
            """{"saves":0,"metadata_bytes":0,"imports":0,"views":0,"downloads":0,"share_views":0}""",
            usage["totals"]!.ToJsonString());
        Assert.Equal((_user, ThisMonth, false), ((string)usage["user_id"]!, (string)usage["period"]!, (bool)usage["is_closed"]!));
    }

    [Fact]
    public async Task A_save_counts_once_however_often_it_is_sent()
    {
        var id = Guid.NewGuid();
        for (var i = 0; i < 3; i++) await _api.SaveAsync(id, _user, metadata: """{"a":1}""");
        await _api.SaveAsync(Guid.NewGuid(), _user);

        Assert.Equal((2, 8), (await TotalAsync("saves"), await TotalAsync("metadata_bytes")));   // {"a": 1}
    }

    [Fact]
    public async Task Each_image_that_a_batch_creates_is_a_save()
    {
        var id = Guid.NewGuid();
        await _api.SaveAsync(id, _user);
        var items = string.Join(',', new[] { id, Guid.NewGuid(), Guid.NewGuid() }.Select(one => $$"""{"user_id":"{{_user}}","image_url":"{{Api.UrlOf(one)}}"}"""));
        await _api.PostAsync("/v1/gallery/batch/save/", Lines.Replace("ITEMS", items, StringComparison.Ordinal));

        Assert.Equal(3, await TotalAsync("saves"));
    }

    [Fact]
    public async Task A_batch_that_is_rolled_back_counts_nothing()
    {
        var items = $$"""{"user_id":"{{_user}}","image_url":"{{Api.UrlOf(Guid.NewGuid())}}"}""";
        await _api.PostAsync("/v1/gallery/batch/save/", Lines.Replace("ITEMS", items, StringComparison.Ordinal).Replace("]", "],\"dry_run\":true", StringComparison.Ordinal));

        Assert.Equal(0, await TotalAsync("saves"));
    }

    [Fact]
    public async Task Metadata_counts_again_whenever_it_changes_and_other_fields_do_not()
    {
        var id = Guid.NewGuid();
        await _api.SaveAsync(id, _user, metadata: """{"a":1}""");
        await _api.SaveAsync(id, _user, metadata: """{"b":2}""");                                   // {"a": 1, "b": 2}
        await _api.PatchAsync($"/v1/gallery/{id}/", """{"intent":"x"}""");
        await _api.PatchAsync($"/v1/gallery/{id}/", """{"metadata":{"a":null,"b":null}}""");        // {}
        await _api.PatchAsync($"/v1/gallery/{id}/", """{"metadata":{"c":"ä"}}""");                  // {"c": "ä"}

        Assert.Equal((1, 8 + 16 + 11), (await TotalAsync("saves"), await TotalAsync("metadata_bytes")));
    }

    [Fact]
    public async Task An_image_that_is_created_again_counts_again_and_its_new_owner_pays()
    {
        var id = Guid.NewGuid();
        await _api.SaveAsync(id, "someone_else");
        await _api.DeleteAsync($"/v1/gallery/{id}/permanent/");
        await _api.PostAsync("/v1/gallery/?recreate=true", $$"""{"user_id":"{{_user}}","image_url":"{{Api.UrlOf(id)}}"}""");

        Assert.Equal(1, await TotalAsync("saves"));
    }

    [Fact]
    public async Task A_deletion_and_an_erasure_take_no_usage_back()
    {
        var id = Guid.NewGuid();
        await _api.SaveAsync(id, _user);
        await _api.SaveAsync(Guid.NewGuid(), _user);
        await _api.DeleteAsync($"/v1/gallery/{id}/permanent/");
        Assert.Equal(200, (await _api.DeleteAsync($"/v1/gallery/users/{_user}/?confirm={_user}")).Status);

        Assert.Equal(2, await TotalAsync("saves"));
    }

    [Fact]
    public async Task An_imported_image_is_no_save()
    {
        var line = $$"""{"image_id":"{{Guid.NewGuid()}}","user_id":"{{_user}}","image_url":"URL","refined_prompt":null,"intent":null,"metadata":{"a":1},"created_at":"2026-01-15T10:30:00Z","updated_at":"2026-01-15T10:30:00Z","deleted_at":null,"revision":1}""";
        line = line.Replace("URL", Api.UrlOf((Guid)JsonNode.Parse(line)!["image_id"]!), StringComparison.Ordinal);
        for (var i = 0; i < 2; i++)
        {
            using var content = new StringContent(line, null, "application/x-ndjson");
            Assert.Equal(200, (await _api.SendAsync(HttpMethod.Post, "/v1/gallery/import/", content)).Status);
        }

        Assert.Equal((1, 0, 0), (await TotalAsync("imports"), await TotalAsync("saves"), await TotalAsync("metadata_bytes")));
    }

    [Fact]
    public async Task An_image_whose_history_has_expired_is_imported_again_and_counts_again()
    {
        var id = Guid.NewGuid();
        for (var i = 0; i < 2; i++)
        {
            using var content = new StringContent(
                $$"""{"image_id":"{{id}}","user_id":"{{_user}}","image_url":"{{Api.UrlOf(id)}}","metadata":{},"created_at":"2026-01-15T10:30:00Z","updated_at":"2026-01-15T10:30:00Z","revision":1}""", null, "application/x-ndjson");
            Assert.Equal(1, (int)(await _api.SendAsync(HttpMethod.Post, "/v1/gallery/import/", content)).Image["created"]!);
            await _api.DeleteAsync($"/v1/gallery/{id}/permanent/");
            await service.Database.ExecuteAsync($"delete from gallery.image_event where image_id = '{id}'");
        }

        Assert.Equal(2, await TotalAsync("imports"));
    }

    [Fact]
    public async Task Two_saves_of_one_image_at_once_count_the_metadata_that_both_leave()
    {
        var ids = Enumerable.Range(0, 60).Select(_ => Guid.NewGuid()).ToList();
        foreach (var id in ids)
        {
            var answers = await Task.WhenAll(
                _api.SaveAsync(id, _user, metadata: """{"a":1}"""),
                _api.PostAsync("/v1/gallery/batch/save/", $$$"""{"items":[{"user_id":"{{{_user}}}","image_url":"{{{Api.UrlOf(id)}}}","metadata":{"b":2}}]}"""));   // by another statement
            Assert.All(answers, answer => Assert.Contains("ated\"", answer.Text, StringComparison.Ordinal));   // created, or updated
        }

        var most = await service.Database.ListAsync<long>($"select max(quantity) from gallery.usage_line where user_id = '{_user}' and kind = 'metadata_bytes' group by image_id");
        Assert.Equal(Enumerable.Repeat(16L, ids.Count), most);   // {"a": 1, "b": 2}
    }

    [Fact]
    public async Task Views_downloads_and_openings_of_links_are_the_owners_usage()
    {
        var id = Guid.NewGuid();
        await _api.SaveAsync(id, _user);
        for (var i = 0; i < 2; i++)   // the second view of a visitor does not count
        {
            await _api.PostAsync($"/v1/gallery/{id}/views/", """{"visitor":"a"}""");
            await _api.PostAsync($"/v1/gallery/{id}/views/", """{"visitor":"b"}""");
            await _api.PostAsync($"/v1/gallery/{id}/downloads/", """{"visitor":"a"}""");
        }

        var token = (string)(await _api.PostAsync($"/v1/gallery/{id}/shares/", """{"max_views":2}""")).Image["token"]!;
        for (var i = 0; i < 3; i++) await _api.GetAsync($"/v1/gallery/shared/{token}/");
        await service.CountVisitsAsync();

        Assert.Equal((3, 1, 2), (await TotalAsync("views"), await TotalAsync("downloads"), await TotalAsync("share_views")));   // an opening counts as a view too
    }

    [Fact]
    public async Task However_often_strangers_view_an_image_and_open_its_link_the_ledger_has_one_row_for_each_kind()
    {
        var id = Guid.NewGuid();
        await _api.SaveAsync(id, _user);
        var token = (string)(await _api.PostAsync($"/v1/gallery/{id}/shares/", "{}")).Image["token"]!;
        for (var i = 0; i < 5; i++)
        {
            await _api.GetAsync($"/v1/gallery/shared/{token}/");
            await _api.PostAsync($"/v1/gallery/{id}/views/", $$"""{"visitor":"{{i}}"}""");
            await service.CountVisitsAsync();
        }

        var rows = await service.Database.ListAsync<string>(
            $"""
            select concat_ws(' ', l.kind, l.quantity) from gallery.usage_line as l where l.user_id = '{_user}' and l.kind <> 'saves'
            union all
            select concat_ws(' ', t.kind, t.quantity) from gallery.usage_tally as t where t.user_id = '{_user}'
            """);
        Assert.Equal(["share_views 5", "views 6"], rows.Order());   // the openings are one view of one visitor
    }

    [Fact]
    public async Task Openings_of_many_links_at_once_are_all_in_their_owners_tally()
    {
        var tokens = new List<string>();
        for (var i = 0; i < 8; i++)
        {
            var id = Guid.NewGuid();
            await _api.SaveAsync(id, _user);
            tokens.Add((string)(await _api.PostAsync($"/v1/gallery/{id}/shares/", "{}")).Image["token"]!);
        }

        var answers = await Task.WhenAll(Enumerable.Range(0, 400).Select(i => _api.GetAsync($"/v1/gallery/shared/{tokens[i % tokens.Count]}/")));

        Assert.Equal(answers.Count(answer => answer.Status == 200), await TotalAsync("share_views"));
        Assert.InRange(answers.Count(answer => answer.Status == 200), 100, 400);
    }

    [Fact]
    public async Task A_line_of_views_of_the_previous_release_counts_too()
    {
        await service.Database.ExecuteAsync(
            $"""
            insert into gallery.usage_line (user_id, event_id, period, kind, quantity, occurred_at)
            values ('{_user}', gen_random_uuid(), date_trunc('month', now() at time zone 'utc')::date, 'views', 7, now())
            """);
        var id = Guid.NewGuid();
        await _api.SaveAsync(id, _user);
        await _api.PostAsync($"/v1/gallery/{id}/views/", """{"visitor":"a"}""");
        await service.CountVisitsAsync();

        Assert.Equal(8, await TotalAsync("views"));
    }

    [Fact]
    public async Task A_month_has_its_own_totals_and_the_one_that_is_over_is_closed()
    {
        await service.Database.ExecuteAsync(
            $"""
            insert into gallery.usage_line (user_id, event_id, period, kind, quantity, occurred_at)
            values ('{_user}', gen_random_uuid(), '2026-02-01', 'saves', 5, '2026-02-28'), ('{_user}', gen_random_uuid(), '2026-02-01', 'saves', 7, '2026-01-03')
            """);
        await _api.SaveAsync(Guid.NewGuid(), _user);

        var february = (await _api.GetAsync($"/v1/gallery/usage/?user_id={_user}&period=2026-02")).Image;
        Assert.Equal((12, true), ((int)february["totals"]!["saves"]!, (bool)february["is_closed"]!));
        Assert.Equal(1, await TotalAsync("saves"));
    }

    [Fact]
    public async Task A_total_beyond_64_bits_is_exact()
    {
        await service.Database.ExecuteAsync(
            $"""
            insert into gallery.usage_line (user_id, event_id, period, kind, quantity, occurred_at)
            select '{_user}', gen_random_uuid(), '2026-02-01', 'tokens', 9223372036854775807, '2026-02-28' from generate_series(1, 3)
            """);

        Assert.Contains("\"tokens\":27670116110564327421}", (await _api.GetAsync($"/v1/gallery/usage/?user_id={_user}&period=2026-02")).Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("2026", "period is '2026'. Send a month such as ")]
    [InlineData("2026-13", "period is '2026-13'. Send a month such as ")]
    [InlineData("2026-1", "period is '2026-1'. Send a month such as ")]
    [InlineData("0001-01", "period is '0001-01'. Send a month such as ")]
    [InlineData("", "period is ''. Send a month such as ")]
    [InlineData("9999-12", "period is 9999-12, which is in the future. Send a month up to ")]
    public async Task A_wrong_period_is_named(string period, string message)
    {
        var answer = await _api.GetAsync($"/v1/gallery/usage/?user_id=u&period={period}");

        Assert.Equal((400, $"{message}{ThisMonth}."), (answer.Status, answer.Error("period")));
    }

    [Fact]
    public async Task The_service_cannot_change_or_delete_a_line_nor_move_or_delete_a_tally() =>
        Assert.Equal(
            "f f f f",
            Assert.Single(await service.Database.ListAsync<string>(
                "select concat_ws(' ', has_table_privilege('gallery_app', 'gallery.usage_line', 'update'), has_table_privilege('gallery_app', 'gallery.usage_line', 'delete'), has_table_privilege('gallery_app', 'gallery.usage_tally', 'update'), has_table_privilege('gallery_app', 'gallery.usage_tally', 'delete'))")));

    private async Task<long> TotalAsync(string kind) => (long)(await _api.GetAsync($"/v1/gallery/usage/?user_id={_user}")).Image["totals"]![kind]!;
}
