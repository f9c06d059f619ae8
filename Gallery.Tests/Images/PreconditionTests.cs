using Gallery.Tests.Service;

namespace Gallery.Tests.Images;

/// <summary>If-Match and If-None-Match on writes (RFC 9110, section 13).</summary>
public sealed class PreconditionTests(TestService service) : IClassFixture<TestService>
{
    private readonly Api _api = service.Api;
    private readonly Guid _id = Guid.NewGuid();

    public static TheoryData<string, string> Writes => new()
    {
        { "DELETE", "" }, { "POST", "restore/" }, { "DELETE", "permanent/" }, { "SAVE", "" }, { "PATCH", "" },
    };

    [Theory]
    [MemberData(nameof(Writes))]
    public async Task A_stale_tag_is_412_with_the_current_one_and_changes_nothing(string method, string rest)
    {
        var stale = (await _api.SaveAsync(_id)).ETag!;
        await _api.DeleteAsync(Path());
        var current = (await _api.PostAsync(Path("restore/"))).ETag!;

        foreach (var header in new[] { stale, "\"other\"", $"W/{current}", $"\"a,{current.Trim('"')}\"", $"{stale}, \"other\"" })
        {
            var answer = await WriteAsync(method, rest, ("If-Match", header));
            Assert.Equal((412, "precondition_failed", current), (answer.Status, answer.Problem, answer.ETag));
        }

        Assert.Equal(current, (await _api.GetAsync(Path())).ETag);
    }

    [Theory]
    [MemberData(nameof(Writes))]
    public async Task The_current_tag_or_any_lets_the_write_happen(string method, string rest)
    {
        var current = (await _api.SaveAsync(_id)).ETag!;
        var answer = await WriteAsync(method, rest, ("If-Match", $"\"other\", {current}"));
        Assert.Equal(200, answer.Status);

        if (rest == "permanent/") return;   // nothing is left for another write
        Assert.Equal(200, (await WriteAsync(method, rest, ("If-Match", "*"))).Status);
    }

    [Theory]
    [MemberData(nameof(Writes))]
    public async Task If_none_match_with_the_current_tag_or_any_is_412(string method, string rest)
    {
        var current = (await _api.SaveAsync(_id)).ETag!;
        foreach (var header in new[] { "*", current, $"W/{current}" })
            Assert.Equal((412, current), await WriteAsync(method, rest, ("If-None-Match", header)) is var answer ? (answer.Status, answer.ETag) : default);
        Assert.Equal(200, (await WriteAsync(method, rest, ("If-None-Match", "\"other\""))).Status);
    }

    [Theory]
    [MemberData(nameof(Writes))]
    public async Task A_star_in_quotes_is_a_tag_that_no_image_has(string method, string rest)
    {
        await _api.SaveAsync(_id);

        Assert.Equal(412, (await WriteAsync(method, rest, ("If-Match", "\"*\""))).Status);
        Assert.Equal(200, (await WriteAsync(method, rest, ("If-None-Match", "\"*\""))).Status);
    }

    [Fact]
    public async Task A_save_with_if_none_match_any_creates_an_image_once()
    {
        Assert.Equal(201, (await WriteAsync("SAVE", "", ("If-None-Match", "*"))).Status);
        Assert.Equal(412, (await WriteAsync("SAVE", "", ("If-None-Match", "*"))).Status);
    }

    [Fact]
    public async Task Of_many_saves_at_once_with_if_none_match_any_one_succeeds()
    {
        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => WriteAsync("SAVE", "", ("If-None-Match", "*"))));

        Assert.Single(answers, answer => answer.Status == 201);
        Assert.Equal(19, answers.Count(answer => answer.Status == 412));
    }

    [Fact]
    public async Task A_save_with_if_match_creates_nothing()
    {
        foreach (var header in new[] { "*", "\"1-1768473000.000000\"" })
            Assert.Equal((412, null), await WriteAsync("SAVE", "", ("If-Match", header)) is var answer ? (answer.Status, answer.ETag) : default);
        Assert.Equal(404, (await _api.GetAsync(Path())).Status);
    }

    [Fact]
    public async Task A_save_with_if_match_of_a_purged_image_is_gone_as_without_it()
    {
        var tag = (await _api.SaveAsync(_id)).ETag!;
        await _api.DeleteAsync($"{Path()}permanent/");

        foreach (var header in new[] { "*", tag }) Assert.Equal(410, (await WriteAsync("SAVE", "", ("If-Match", header))).Status);
    }

    [Fact]
    public async Task Of_many_writes_with_the_same_tag_one_succeeds()
    {
        var tag = (await _api.SaveAsync(_id)).ETag!;
        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(i =>
            i % 2 == 0 ? WriteAsync("DELETE", "", ("If-Match", tag)) : WriteAsync("SAVE", "", ("If-Match", tag))));

        Assert.Single(answers, answer => answer.Status == 200);
        Assert.Equal(19, answers.Count(answer => answer.Status == 412));
    }

    [Fact]
    public async Task An_image_that_is_not_there_stays_404_whatever_the_condition()
    {
        Assert.Equal(404, (await WriteAsync("DELETE", "", ("If-Match", "\"1-1\""))).Status);
        Assert.Equal(404, (await WriteAsync("POST", "restore/", ("If-Match", "*"))).Status);
    }

    [Fact]
    public async Task Another_users_image_stays_409_and_shows_no_tag()
    {
        await _api.SaveAsync(_id, "someone_else");
        var answer = await WriteAsync("SAVE", "", ("If-None-Match", "*"));

        Assert.Equal((409, null), (answer.Status, answer.ETag));
    }

    [Theory]
    [InlineData("If-Match", "1-1768473000.000000")]
    [InlineData("If-None-Match", "\"open")]
    [InlineData("If-Match", "*, *")]
    [InlineData("If-Match", "\"a\", *")]
    public async Task A_malformed_condition_is_400_and_names_the_header(string name, string value)
    {
        await _api.SaveAsync(_id);
        foreach (var (method, rest) in new[] { ("DELETE", ""), ("SAVE", ""), ("PATCH", "") })
            Assert.NotNull(await WriteAsync(method, rest, (name, value)) is { Status: 400 } answer ? answer.Error(name) : null);
    }

    private string Path(string rest = "") => $"/v1/gallery/{_id}/{rest}";

    private Task<Answer> WriteAsync(string method, string rest, (string, string) header) => method switch
    {
        "SAVE" => _api.PostAsync("/v1/gallery/", $$"""{"user_id":"user_123","image_url":"{{Api.UrlOf(_id)}}","metadata":{"added":1} }""", header),
        "PATCH" => _api.PatchAsync(Path(), """{"intent": "edit"}""", header),
        "POST" => _api.SendAsync(HttpMethod.Post, Path(rest), null, header),
        _ => _api.SendAsync(HttpMethod.Delete, Path(rest), null, header),
    };
}
