using System.Text.Json.Nodes;
using Dapper;
using Gallery.Tests.Service;
using Npgsql;

namespace Gallery.Tests.Metering;

/// <summary>What other systems report, and the export of a month.</summary>
public sealed class UsageEventTests(TestService service) : IClassFixture<TestService>
{
    private readonly Api _api = service.Api;
    private readonly string _user = $"user_{Guid.NewGuid():N}";

    [Fact]
    public async Task An_event_counts_once_however_often_and_by_however_many_it_is_sent()
    {
        var one = Event(Guid.NewGuid(), "generated_images", 3);
        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => SendAsync(one)));

        Assert.Equal(1, answers.Count(answer => (string?)answer.Image[0]!["outcome"] == "recorded"));
        Assert.Equal(19, answers.Count(answer => (string?)answer.Image[0]!["outcome"] == "known"));
        Assert.Equal(3, await TotalAsync("generated_images"));
    }

    [Fact]
    public async Task One_id_may_name_events_of_two_users()
    {
        var id = Guid.NewGuid();
        var other = Event(id, "seconds", 1);
        other["user_id"] = "another";

        Assert.Equal(["recorded", "recorded"], (await SendAsync(Event(id, "seconds", 1), other)).Image.AsArray().Select(one => (string?)one!["outcome"]));
    }

    [Theory]
    [InlineData("quantity", 4)]
    [InlineData("kind", "minutes")]
    [InlineData("note", "other")]
    [InlineData("occurred_at", "2026-01-15T10:30:01Z")]
    public async Task Another_event_with_the_same_id_is_refused_alone(string field, object value)
    {
        var id = Guid.NewGuid();
        await SendAsync(Event(id, "seconds", 3));
        var changed = Event(id, "seconds", 3);
        changed[field] = JsonValue.Create(value);
        var answer = await SendAsync(changed, Event(Guid.NewGuid(), "seconds", 5));

        Assert.Equal((200, "event_differs", "recorded"), (answer.Status, (string?)answer.Image[0]!["code"], (string?)answer.Image[1]!["outcome"]));
        Assert.Equal(8, await TotalAsync("seconds"));
    }

    [Fact]
    public async Task An_event_without_a_time_is_known_when_it_is_sent_again()
    {
        var one = Event(Guid.NewGuid(), "seconds", 3);
        one.Remove("occurred_at");
        await SendAsync(one);

        Assert.Equal(["known", "recorded"], (await SendAsync(one, Event(Guid.NewGuid(), "seconds", 1))).Image.AsArray().Select(each => (string?)each!["outcome"]));
    }

    [Fact]
    public async Task A_late_event_belongs_to_the_open_month()
    {
        await SendAsync(Event(Guid.NewGuid(), "seconds", 3));   // of January

        Assert.Equal(3, await TotalAsync("seconds"));
        Assert.Null((await _api.GetAsync($"/v1/gallery/usage/?user_id={_user}&period=2026-01")).Image["totals"]!["seconds"]);
    }

    [Fact]
    public async Task A_correction_takes_back_what_its_event_counted()
    {
        var id = Guid.NewGuid();
        await SendAsync(Event(id, "seconds", 30), Correction(id, "seconds", -10));

        Assert.Equal(20, await TotalAsync("seconds"));
    }

    [Fact]
    public async Task A_line_that_the_service_wrote_can_be_corrected()
    {
        await _api.SaveAsync(Guid.NewGuid(), _user);
        var line = Assert.Single(await service.Database.ListAsync<Guid>($"select event_id from gallery.usage_line where user_id = '{_user}'"));
        await SendAsync(Correction(line, "saves", -1));

        Assert.Equal(0, await TotalAsync("saves"));
    }

    [Fact]
    public async Task A_tally_can_be_corrected()
    {
        await SendAsync(Correction(await AddTallyAsync(5), "share_views", -2));

        Assert.Equal(3, await TotalAsync("share_views"));
    }

    [Fact]
    public async Task An_event_cannot_take_the_id_of_a_tally() =>
        Assert.Equal("event_differs", (string?)(await SendAsync(Event(await AddTallyAsync(5), "seconds", 3))).Image[0]!["code"]);

    [Theory]
    [InlineData("minutes")]   // the event has another kind
    [InlineData("seconds")]   // and this one is another user's
    public async Task A_correction_of_nothing_is_refused(string kind)
    {
        var id = Guid.NewGuid();
        var other = Event(id, "seconds", 3);
        other["user_id"] = kind == "seconds" ? "another" : _user;
        await SendAsync(other);

        Assert.Equal("event_not_found", (string?)(await SendAsync(Correction(id, kind, -1))).Image[0]!["code"]);
    }

    [Fact]
    public async Task A_correction_of_an_event_that_is_refused_is_refused()
    {
        var id = Guid.NewGuid();
        await SendAsync(Event(id, "seconds", 3));
        var answer = await SendAsync(Event(id, "minutes", 3), Correction(id, "minutes", -5));

        Assert.Equal(["event_differs", "event_not_found"], answer.Image.AsArray().Select(each => (string?)each!["code"]));
    }

    [Theory]
    [InlineData("event_id", null, "event_id is required. Send a UUID.")]
    [InlineData("event_id", "7", "event_id is '7', which is not a UUID. Send one with its hyphens.")]
    [InlineData("user_id", null, "user_id is required. Send a string of 1 to 255 characters.")]
    [InlineData("kind", null, "kind is required. Send a string of 1 to 50 characters.")]
    [InlineData("kind", "Seconds", "kind is 'Seconds'. It must be a lower-case word such as generated_images: a letter, then up to 49 letters, digits and _.")]
    [InlineData("kind", "seconds\n", "kind is 'seconds\n'. It must be a lower-case word such as generated_images: a letter, then up to 49 letters, digits and _.")]
    [InlineData("kind", "saves", "kind is saves, which the service itself meters. Send another kind, or corrects.")]
    [InlineData("quantity", null, "quantity is required. Send a whole number from 1 to 1000000000000.")]
    [InlineData("quantity", 0, "quantity must be a whole number from 1 to 1000000000000.")]
    [InlineData("quantity", -1, "quantity must be a whole number from 1 to 1000000000000.")]
    [InlineData("quantity", 1.5, "quantity must be a whole number from 1 to 1000000000000.")]
    [InlineData("occurred_at", "9999-01-01T00:00:00Z", "occurred_at is in the future. Send the time of the event.")]
    [InlineData("corrects", "5f1c2d3e-4a5b-4c6d-8e7f-9a0b1c2d3e4f", "note is required in a correction. Say why.", "note")]
    [InlineData("size", 1, "Unknown field 'size'. Known fields: event_id, user_id, kind, quantity, image_id, occurred_at, corrects, note.")]
    public async Task A_wrong_field_is_named_and_nothing_is_recorded(string field, object? value, string message, string? named = null)
    {
        var wrong = Event(Guid.NewGuid(), "seconds", 3);
        if (value is null) wrong.Remove(field);
        else wrong[field] = JsonValue.Create(value);
        var answer = await SendAsync(Event(Guid.NewGuid(), "seconds", 3), wrong);

        Assert.Equal((400, $"events[1]: {message}"), (answer.Status, answer.Error($"events[1].{named ?? field}")));
        Assert.Equal(0, Assert.Single(await service.Database.ListAsync<long>($"select count(*) from gallery.usage_line where user_id = '{_user}'")));
    }

    [Fact]
    public async Task An_event_twice_in_one_request_counts_once()
    {
        var one = Event(Guid.NewGuid(), "seconds", 3);
        var other = one.DeepClone().AsObject();
        other["quantity"] = 4;
        var answer = await SendAsync(one, one, other);

        Assert.Equal(("recorded", "known", "event_differs"), ((string?)answer.Image[0]!["outcome"], (string?)answer.Image[1]!["outcome"], (string?)answer.Image[2]!["code"]));
        Assert.Equal(3, await TotalAsync("seconds"));
    }

    [Fact]
    public async Task An_event_twice_in_one_request_is_known_twice_if_another_sender_was_faster()
    {
        var id = Guid.NewGuid();
        await using var connection = new NpgsqlConnection(service.Database.ConnectionString);
        await connection.OpenAsync(TestContext.Current.CancellationToken);
        await using var faster = await connection.BeginTransactionAsync(TestContext.Current.CancellationToken);
        await connection.ExecuteAsync(
            "insert into gallery.usage_line (user_id, event_id, period, kind, quantity, occurred_at) values (@_user, @id, date_trunc('month', now() at time zone 'utc')::date, 'seconds', 3, '2026-01-15 10:30Z')",
            new { _user, id }, faster);
        var sent = SendAsync(Event(id, "seconds", 3), Event(id, "seconds", 3), Event(id, "seconds", 4));
        await service.Database.WaitForWaitersAsync(request: sent);
        await faster.CommitAsync(TestContext.Current.CancellationToken);

        Assert.Equal(["known", "known", "event_differs"], Words(await sent));
    }

    [Fact]
    public async Task A_correction_of_nothing_twice_in_one_request_corrects_nothing_twice()
    {
        var one = Correction(Guid.NewGuid(), "seconds", -1);

        Assert.Equal(["event_not_found", "event_not_found"], Words(await SendAsync(one, one)));
    }

    [Fact]
    public async Task A_correction_in_the_same_request_can_be_corrected_again_and_again()
    {
        List<JsonObject> chain = [Event(Guid.NewGuid(), "seconds", 30)];
        while (chain.Count < 11) chain.Add(Correction((Guid)chain[^1]["event_id"]!, "seconds", -1));

        Assert.All(Words(await SendAsync([.. chain.AsEnumerable().Reverse()])), word => Assert.Equal("recorded", word));
        Assert.Equal(20, await TotalAsync("seconds"));
    }

    [Theory]
    [InlineData("ndjson")]
    [InlineData("csv")]
    public async Task An_export_has_each_line_and_each_tally_of_its_month_once(string format)
    {
        var month = $"{Random.Shared.Next(1971, 2020)}-0{Random.Shared.Next(1, 10)}";
        await service.Database.ExecuteAsync(
            $"""
            insert into gallery.usage_line (user_id, event_id, period, kind, quantity, occurred_at)
            select '{_user}' || i % 7, gen_random_uuid(), date '{month}-01' + case when i > 2300 then interval '1 month' else interval '0' end, 'seconds', i, '2026-01-15 10:30Z'
            from generate_series(1, 2400) as i;
            insert into gallery.usage_tally (user_id, event_id, period, kind, quantity)
            select '{_user}' || i % 7, gen_random_uuid(), date '{month}-01' + case when i > 2500 then interval '1 month' else interval '0' end, 'kind_' || i, i
            from generate_series(2401, 2600) as i
            """);
        var lines = (await _api.GetAsync($"/v1/gallery/usage/export/?period={month}&format={format}")).Text.Split('\n', StringSplitOptions.RemoveEmptyEntries);

        var keys = lines.Skip(format == "csv" ? 1 : 0).Select(line => format == "csv" ? $"{line.Split(',')[1]} {line.Split(',')[0]}" : $"{JsonNode.Parse(line)!["user_id"]} {JsonNode.Parse(line)!["event_id"]}").ToList();
        Assert.Equal(keys.Order(StringComparer.Ordinal), keys);
        var quantities = format == "csv" ? lines.Skip(1).Select(line => long.Parse(line.Split(',')[3], null)) : lines.Select(line => (long)JsonNode.Parse(line)!["quantity"]!);
        Assert.Equal(Enumerable.Range(1, 2300).Concat(Enumerable.Range(2401, 100)).Select(i => (long)i), quantities.Order());
    }

    [Fact]
    public async Task A_csv_quotes_what_would_break_it()
    {
        var id = Guid.NewGuid();
        await service.Database.ExecuteAsync(
            $"""
            insert into gallery.usage_line (user_id, event_id, period, kind, quantity, occurred_at, recorded_at, note)
            values ('a,"b"', '{id}', '1970-05-01', 'seconds', 3, '2026-01-15 10:30Z', '2026-01-16 10:30Z', E'two\nlines')
            """);
        var answer = await _api.GetAsync("/v1/gallery/usage/export/?period=1970-05&format=csv");

        Assert.Equal("text/csv; charset=utf-8; header=present", answer.ContentHeaders.ContentType!.ToString());
        Assert.Equal(
            $"event_id,user_id,kind,quantity,image_id,occurred_at,recorded_at,corrects,note\r\n{id},\"a,\"\"b\"\"\",seconds,3,,2026-01-15T10:30:00.000000Z,2026-01-16T10:30:00.000000Z,,\"two\nlines\"\r\n",
            answer.Text);
    }

    [Fact]
    public async Task A_month_that_is_not_over_has_no_export()
    {
        var answer = await _api.GetAsync($"/v1/gallery/usage/export/?period={DateTime.UtcNow:yyyy-MM}");

        Assert.Equal((409, "period_open", "The lines of this month are not complete yet. Export it from one minute after its end on, UTC."), (answer.Status, answer.Problem, (string?)answer.Body["detail"]));
        Assert.Equal("period is required. Send a month that is over, such as 2026-01.", (await _api.GetAsync("/v1/gallery/usage/export/")).Error("period"));
    }

    private JsonObject Event(Guid id, string kind, long quantity) =>
        new() { ["event_id"] = id, ["user_id"] = _user, ["kind"] = kind, ["quantity"] = quantity, ["occurred_at"] = "2026-01-15T10:30:00Z" };

    private JsonObject Correction(Guid id, string kind, long quantity)
    {
        var correction = Event(Guid.NewGuid(), kind, quantity);
        (correction["corrects"], correction["note"]) = (id, "a mistake");
        return correction;
    }

    private async Task<Guid> AddTallyAsync(int openings) => (await service.Database.ListAsync<Guid>(
        $"insert into gallery.usage_tally (user_id, period, kind, quantity) values ('{_user}', date_trunc('month', now() at time zone 'utc')::date, 'share_views', {openings}) returning event_id")).Single();

    private Task<Answer> SendAsync(params JsonObject[] events) => _api.PostAsync("/v1/gallery/usage/events/", new JsonObject { ["events"] = new JsonArray([.. events.Select(one => one.DeepClone())]) }.ToJsonString());

    private static IEnumerable<string?> Words(Answer answer) => answer.Image.AsArray().Select(one => (string?)(one!["outcome"] ?? one["code"]));

    private async Task<long> TotalAsync(string kind) => (long)(await _api.GetAsync($"/v1/gallery/usage/?user_id={_user}")).Image["totals"]![kind]!;
}
