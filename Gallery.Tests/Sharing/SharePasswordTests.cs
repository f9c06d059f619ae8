using Gallery.Tests.Access;
using Gallery.Tests.Service;

namespace Gallery.Tests.Sharing;

/// <summary>The passwords of links, and how many may be tried.</summary>
public sealed class SharePasswordTests(AccessFixture fixture) : IClassFixture<AccessFixture>
{
    private readonly Api _api = fixture.Api("HS256");
    private readonly string _owner = $"owner_{Guid.NewGuid():N}";
    private readonly Guid _id = Guid.NewGuid();

    [Fact]
    public async Task After_ten_wrong_passwords_not_even_the_right_one_is_tried()
    {
        var token = await ShareAsync("""{"password": "let-me-in"}""");
        var answers = await Task.WhenAll(Enumerable.Range(0, 30).Select(i => OpenAsync(token, $"guess-{i}")));

        Assert.InRange(answers.Count(answer => answer.Status == 403), 1, 10);
        Assert.All(answers, answer => Assert.Contains(answer.Problem, new[] { "share_password_required", "too_many_attempts", "overloaded" }));
        await Within.UntilAsync("no further password is tried", async () => (await OpenAsync(token, "guess-again")).Status != 403);
        var last = await OpenAsync(token, "let-me-in");
        Assert.Equal(429, last.Status);
        Assert.InRange(last.Headers.RetryAfter!.Delta!.Value, TimeSpan.FromMinutes(14), TimeSpan.FromMinutes(15));
    }

    [Fact]
    public async Task The_time_without_attempts_begins_with_the_tenth()
    {
        var token = await ShareAsync("""{"password": "let-me-in"}""");
        await fixture.Database.ExecuteAsync($"update gallery.image_share set attempts = 9, attempts_since = now() - interval '14 minutes 50 seconds' where image_id = '{_id}'");

        Assert.Equal(403, (await OpenAsync(token, "guess-1")).Status);
        await fixture.Database.ExecuteAsync($"update gallery.image_share set attempts_since = attempts_since - interval '1 minute' where image_id = '{_id}'");
        Assert.Equal(429, (await OpenAsync(token, "let-me-in")).Status);
    }

    [Fact]
    public async Task The_answer_to_too_many_attempts_says_how_long_to_wait()
    {
        var token = await ShareAsync("""{"password": "let-me-in"}""");
        await fixture.Database.ExecuteAsync($"update gallery.image_share set attempts = 10, attempts_since = now() - interval '10 minutes' where image_id = '{_id}'");

        Assert.InRange((await OpenAsync(token, "let-me-in")).Headers.RetryAfter!.Delta!.Value, TimeSpan.FromMinutes(4), TimeSpan.FromMinutes(5));
    }

    [Fact]
    public async Task The_right_password_as_the_tenth_does_not_keep_the_wrong_ones()
    {
        var token = await ShareAsync("""{"password": "let-me-in"}""");
        await fixture.Database.ExecuteAsync($"update gallery.image_share set attempts = 9, attempts_since = now() - interval '14 minutes' where image_id = '{_id}'");
        Assert.Equal(200, (await OpenAsync(token, "let-me-in")).Status);

        await fixture.Database.ExecuteAsync($"update gallery.image_share set attempts_since = attempts_since - interval '2 minutes' where image_id = '{_id}'");
        Assert.Equal(403, (await OpenAsync(token, "let-me-out")).Status);
        Assert.Equal(200, (await OpenAsync(token, "let-me-in")).Status);
    }

    [Fact]
    public async Task The_right_password_opens_the_link_as_often_as_it_likes()
    {
        var token = await ShareAsync("""{"password": "let-me-in"}""");
        for (var i = 0; i < 12; i++) Assert.Equal(200, (await OpenAsync(token, "let-me-in")).Status);
    }

    [Fact]
    public async Task The_right_password_costs_no_attempt_however_many_send_it_at_once()
    {
        var token = await ShareAsync("""{"password": "let-me-in"}""");
        var answers = await Task.WhenAll(Enumerable.Range(0, 30).Select(_ => OpenAsync(token, "let-me-in")));

        Assert.All(answers, answer => Assert.Contains(answer.Status, new[] { 200, 503 }));   // 503: too many wait for their check
        Assert.Equal(200, (await OpenAsync(token, "let-me-in")).Status);
    }

    [Fact]
    public async Task A_caller_who_leaves_during_the_check_costs_the_link_no_attempt()
    {
        var token = await ShareAsync("""{"password": "let-me-in"}""");
        using var http = new HttpClient { BaseAddress = _api.Address };
        for (var i = 0; i < 14; i++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, $"/v1/gallery/shared/{token}/") { Headers = { { "X-Share-Password", "let-me-in" } } };
            using var leaves = new CancellationTokenSource(TimeSpan.FromMilliseconds(30));
            await http.SendAsync(request, leaves.Token).ContinueWith(static _ => { }, TaskScheduler.Default);
        }

        Answer? answer = null;
        await Within.UntilAsync("the last check has ended", async () => (answer = await OpenAsync(token, "let-me-in")).Problem != "overloaded");
        Assert.Equal(200, answer!.Status);
    }

    [Fact]
    public async Task The_right_password_of_a_link_that_is_used_up_meanwhile_gets_404()
    {
        var token = await ShareAsync("""{"password": "let-me-in", "max_views": 3}""");
        var answers = await Task.WhenAll(Enumerable.Range(0, 12).Select(_ => OpenAsync(token, "let-me-in")));

        Assert.InRange(answers.Count(answer => answer.Status == 200), 1, 3);
        Assert.All(answers, answer => Assert.Contains(answer.Status, new[] { 200, 404, 503 }));
    }

    [Fact]
    public async Task Those_who_open_one_link_again_and_again_do_not_keep_another_one_shut()
    {
        var theirs = await ShareAsync("""{"password": "let-me-in"}""");
        var other = (string)(await PostAsync("""{"password": "let-me-in"}""")).Image["token"]!;
        using var ends = new CancellationTokenSource();
        var openers = Enumerable.Range(0, 32).Select(_ => Task.Run(async () =>
        {
            while (!ends.IsCancellationRequested) await OpenAsync(theirs, "let-me-in");
        })).ToArray();

        var statuses = new List<int>();
        for (var i = 0; i < 10; i++) statuses.Add((await OpenAsync(other, "let-me-in")).Status);
        await ends.CancelAsync();
        await Within.EndAsync("the requests of the others", Task.WhenAll(openers));

        Assert.All(statuses, status => Assert.Equal(200, status));
    }

    private async Task<string> ShareAsync(string options)
    {
        Assert.Equal(201, (await _api.PostAsync("/v1/gallery/", $$"""{"user_id": "{{_owner}}", "image_url": "{{Api.UrlOf(_id)}}"}""", ("X-API-Key", GuardedService.Key))).Status);
        return (string)(await PostAsync(options)).Image["token"]!;
    }

    private Task<Answer> PostAsync(string options) =>
        _api.PostAsync($"/v1/gallery/{_id}/shares/", options, GuardedService.Bearer(fixture.Issuer.Token("HS256", _owner)));

    private Task<Answer> OpenAsync(string token, string password) => _api.GetAsync($"/v1/gallery/shared/{token}/", ("X-Share-Password", password));
}
