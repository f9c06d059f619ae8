using System.Globalization;
using Gallery.Tests.Service;

namespace Gallery.Tests.Statistics;

/// <summary>Counts by day and month, in lists, and the most viewed images.</summary>
public sealed class StatisticsTests(TestService service) : IClassFixture<TestService>
{
    private readonly Api _api = service.Api;
    private readonly string _owner = $"user_{Guid.NewGuid():N}";

    [Fact]
    public async Task Without_a_range_it_is_the_last_30_days_with_empty_ones()
    {
        var id = await SaveAsync();
        await ViewAsync(id, Today, 5, 1);
        await ViewAsync(id, Today.AddDays(-29), 2);
        await ViewAsync(id, Today.AddDays(-30), 40);

        var statistics = (await _api.GetAsync($"/v1/gallery/{id}/statistics/")).Image;
        Assert.Equal((Text(Today.AddDays(-29)), Text(Today), "day"), ((string)statistics["from"]!, (string)statistics["to"]!, (string)statistics["bucket"]!));
        Assert.Equal((7, 1, 47, 1), ((int)statistics["views"]!, (int)statistics["downloads"]!, (int)statistics["total_views"]!, (int)statistics["total_downloads"]!));
        var buckets = statistics["buckets"]!.AsArray();
        Assert.Equal(Enumerable.Range(0, 30).Select(i => Text(Today.AddDays(i - 29))), buckets.Select(bucket => (string)bucket!["start"]!));
        Assert.Equal((2, 0, 5, 1), ((int)buckets[0]!["views"]!, (int)buckets[1]!["views"]!, (int)buckets[29]!["views"]!, (int)buckets[29]!["downloads"]!));
    }

    [Theory]
    [InlineData("from=2026-02-27&to=2026-03-01", "2026-02-27 1, 2026-02-28 2, 2026-03-01 4")]
    [InlineData("from=2026-02-28&to=2026-02-28T23:59:59.9Z", "2026-02-28 2")]
    [InlineData("from=2026-02-28T23:30:00-01:00&to=2026-03-02", "2026-03-01 4, 2026-03-02 0")]
    [InlineData("from=2026-02-28&to=2026-03-01&bucket=month", "2026-02-01 3, 2026-03-01 12")]
    [InlineData("from=2025-12-31&to=2026-02-01&bucket=month", "2025-12-01 0, 2026-01-01 0, 2026-02-01 3")]
    public async Task A_range_has_its_last_day_and_whole_months(string query, string expected)
    {
        var id = await SaveAsync();
        await ViewAsync(id, new(2026, 2, 27), 1);
        await ViewAsync(id, new(2026, 2, 28), 2);
        await ViewAsync(id, new(2026, 3, 1), 4);
        await ViewAsync(id, new(2026, 3, 31), 8);

        var buckets = (await _api.GetAsync($"/v1/gallery/{id}/statistics/?{query}")).Image["buckets"]!.AsArray();
        Assert.Equal(expected, string.Join(", ", buckets.Select(bucket => $"{bucket!["start"]} {bucket["views"]}")));
    }

    [Theory]
    [InlineData("to=2026-03-10", 30, "2026-02-09")]
    [InlineData("from=2001-01-01", 366, "2001-01-01")]
    [InlineData("from=2001-01-01&bucket=month", 120, "2001-01-01")]
    [InlineData("to=2026-03-10&bucket=month", 12, "2025-04-01")]
    [InlineData("from=2025-01-01&to=2026-01-01", 366, "2025-01-01")]
    public async Task A_range_with_one_end_gets_the_other(string query, int buckets, string first)
    {
        var answer = (await _api.GetAsync($"/v1/gallery/{await SaveAsync()}/statistics/?{query}")).Image;

        Assert.Equal((buckets, first), (answer["buckets"]!.AsArray().Count, (string)answer["from"]!));
    }

    [Fact]
    public async Task The_range_of_an_answer_can_be_sent_again()
    {
        var path = $"/v1/gallery/{await SaveAsync()}/statistics/?bucket=month";
        var answer = (await _api.GetAsync(path)).Image;

        Assert.Equal(200, (await _api.GetAsync($"{path}&from={answer["from"]}&to={answer["to"]}")).Status);
    }

    [Theory]
    [InlineData("from=2025-01-01&to=2026-01-02", "from", "from and to are more than 366 days apart. Send a later day, or bucket=month.")]
    [InlineData("from=2001-01-01&to=2011-01-01&bucket=month", "from", "from and to are more than 120 months apart. Send a later day.")]
    [InlineData("from=2026-01-02&to=2026-01-01", "from", "from is 2026-01-02, and the last day is 2026-01-01. Send an earlier day.")]
    [InlineData("to=9999-12-31", "to", "to is 9999-12-31, which is in the future. Send an earlier day.")]
    [InlineData("from=9999-12-31", "from", "from is 9999-12-31, which is in the future. Send an earlier day.")]
    [InlineData("from=1969-12-31", "from", "from is 1969-12-31. Send a day from 1970-01-01 on.")]
    [InlineData("to=0001-01-01", "to", "to is 0001-01-01. Send a day from 1970-01-01 on.")]
    [InlineData("from=soon", "from", "from is 'soon'. Send a time with its offset, such as 2026-01-15T10:30Z, or a day. In a URL, + is %2B.")]
    [InlineData("bucket=week", "bucket", "bucket is 'week'. Send day or month.")]
    public async Task A_wrong_range_is_named(string query, string field, string message)
    {
        var answer = await _api.GetAsync($"/v1/gallery/{Guid.NewGuid()}/statistics/?{query}");

        Assert.Equal((400, message, 1), (answer.Status, answer.Error(field), answer.Body["errors"]!.AsObject().Count));
    }

    [Fact]
    public async Task An_unknown_image_and_one_in_the_trash_have_none()
    {
        var trashed = await SaveAsync();
        await _api.DeleteAsync($"/v1/gallery/{trashed}/");

        Assert.Equal("image_not_found", (await _api.GetAsync($"/v1/gallery/{Guid.NewGuid()}/statistics/")).Problem);
        Assert.Equal("image_deleted", (await _api.GetAsync($"/v1/gallery/{trashed}/statistics/")).Problem);
    }

    [Fact]
    public async Task Lists_show_totals_if_they_are_asked_for()
    {
        var (viewed, other, trashed) = (await SaveAsync(), await SaveAsync(), await SaveAsync());
        await ViewAsync(viewed, Today, 5, 1);
        await ViewAsync(viewed, Today.AddDays(-400), 2);
        await ViewAsync(trashed, Today, 0, 3);
        await _api.DeleteAsync($"/v1/gallery/{trashed}/");

        Assert.Equal(
            $$"""[{"image_id":"{{other}}","views":0,"downloads":0},{"image_id":"{{viewed}}","views":7,"downloads":1}]""",
            (await _api.GetAsync($"/v1/gallery/?user_id={_owner}&fields=image_id,views,downloads")).Image.ToJsonString());
        Assert.Equal("""[{"views":0},{"views":7}]""", (await _api.GetAsync($"/v1/gallery/?user_id={_owner}&fields=views")).Image.ToJsonString());
        Assert.Equal("""[{"downloads":3}]""", (await _api.GetAsync($"/v1/gallery/deleted/?user_id={_owner}&fields=downloads")).Image.ToJsonString());
        Assert.All((await _api.GetAsync($"/v1/gallery/?user_id={_owner}")).Image.AsArray(), image => Assert.False(image!.AsObject().ContainsKey("views") || image.AsObject().ContainsKey("downloads")));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(50)]
    public async Task The_most_viewed_images_of_a_user_come_first_and_pages_lead_through_all(int limit)
    {
        var expected = new List<(Guid Id, int Views)>();
        foreach (var views in new[] { 3, 9, 3, 1, 3, 7, 0 })
        {
            var id = await SaveAsync();
            await ViewAsync(id, Today, views, 1);
            if (views == 7) await _api.DeleteAsync($"/v1/gallery/{id}/");
            else if (views > 0) expected.Add((id, views));
        }

        var others = Guid.NewGuid();
        await _api.SaveAsync(others, "someone_else");
        await ViewAsync(others, Today, 100);

        var listed = new List<(Guid, int)>();
        for (string? cursor = ""; cursor is not null;)
        {
            var page = await _api.GetAsync($"/v1/gallery/statistics/top/?user_id={_owner}&limit={limit}&cursor={cursor}");
            listed.AddRange(page.Image.AsArray().Select(image => ((Guid)image!["image_id"]!, (int)image["views"]!)));
            cursor = page.NextCursor;
        }

        Assert.Equal(expected.OrderByDescending(image => image.Views).ThenBy(image => $"{image.Id}", StringComparer.Ordinal), listed);   // PostgreSQL orders UUIDs as their texts
    }

    [Fact]
    public async Task The_most_viewed_images_need_a_user()
    {
        var answer = await _api.GetAsync("/v1/gallery/statistics/top/");

        Assert.Equal((400, "user_id is required. Name the user whose images are to be listed."), (answer.Status, answer.Error("user_id")));
    }

    private static DateOnly Today => DateOnly.FromDateTime(DateTime.UtcNow);

    private static string Text(DateOnly day) => day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

    private async Task<Guid> SaveAsync()
    {
        var id = Guid.NewGuid();
        Assert.Equal(201, (await _api.SaveAsync(id, _owner)).Status);
        return id;
    }

    /// <summary>Counts of a day, as if they had been written on it.</summary>
    private Task ViewAsync(Guid id, DateOnly day, int views, int downloads = 0) => service.Database.ExecuteAsync($"""
        insert into gallery.image_count as c values ('{id}', {views}, {downloads})
        on conflict (image_id) do update set views = c.views + excluded.views, downloads = c.downloads + excluded.downloads;
        insert into gallery.image_day values ('{id}', '{Text(day)}', {views}, {downloads});
        """);
}
