using Gallery.Tests.Access;
using Gallery.Tests.Service;

namespace Gallery.Tests.Statistics;

/// <summary>Views and statistics of users with tokens.</summary>
public sealed class BeaconAccessTests(AccessFixture fixture) : IClassFixture<AccessFixture>, IAsyncLifetime
{
    private readonly string _owner = $"owner_{Guid.NewGuid():N}";
    private readonly Guid _id = Guid.NewGuid();
    private GuardedService _service = null!;

    public async ValueTask InitializeAsync()
    {
        _service = await fixture.StartAsync($"SUPABASE_JWT_SECRET={TestIssuer.Secret}");
        Assert.Equal(201, (await _service.Api.PostAsync("/v1/gallery/", $$"""{"user_id":"{{_owner}}","image_url":"{{Api.UrlOf(_id)}}"}""", Key)).Status);
    }

    public ValueTask DisposeAsync() => _service.DisposeAsync();

    [Fact]
    public async Task The_viewer_is_the_tokens_user_whatever_the_body_says()
    {
        await ViewAsync(As(_owner), """{"visitor": "a"}""");
        await ViewAsync(As(_owner), """{"visitor": "b", "viewer": "someone_else"}""");
        Assert.Equal(0, await CountAsync());

        await ViewAsync(As("someone_else"), $$"""{"visitor": "c", "viewer": "{{_owner}}"}""");
        await ViewAsync(Key, """{"visitor": "d"}""");
        Assert.Equal(2, await CountAsync());
    }

    [Fact]
    public async Task A_user_is_one_visitor_whatever_the_body_says()
    {
        foreach (var visitor in new[] { "a", "b", "c" }) await ViewAsync(As("someone_else"), $$"""{"visitor": "{{visitor}}"}""");

        Assert.Equal(1, await CountAsync());
    }

    [Fact]
    public async Task The_owner_and_service_keys_see_statistics_and_others_do_not_learn_of_the_image()
    {
        Assert.Equal(200, (await StatisticsAsync(_id, As(_owner))).Status);
        Assert.Equal(200, (await StatisticsAsync(_id, Key)).Status);
        var (ofOther, ofNone) = (await StatisticsAsync(_id, As("someone_else")), await StatisticsAsync(Guid.Empty, As("someone_else")));
        Assert.Equal((404, "image_not_found"), (ofOther.Status, ofOther.Problem));
        Assert.Equal((404, "image_not_found"), (ofNone.Status, ofNone.Problem));
        await _service.Api.SendAsync(HttpMethod.Delete, $"/v1/gallery/{_id}/", null, Key);
        Assert.Equal("image_not_found", (await StatisticsAsync(_id, As("someone_else"))).Problem);
    }

    [Fact]
    public async Task A_user_lists_the_own_most_viewed_images_alone()
    {
        await ViewAsync(Key, """{"visitor": "a"}""");
        await _service.CountVisitsAsync();

        Assert.Equal([_id], (await _service.Api.GetAsync("/v1/gallery/statistics/top/", As(_owner))).Ids);
        Assert.Empty((await _service.Api.GetAsync("/v1/gallery/statistics/top/", As("someone_else"))).Ids);
        Assert.Equal("forbidden_user_id", (await _service.Api.GetAsync($"/v1/gallery/statistics/top/?user_id={_owner}", As("someone_else"))).Problem);
    }

    private static (string, string) Key => ("X-API-Key", GuardedService.Key);

    private (string, string) As(string user) => GuardedService.Bearer(fixture.Issuer.Token("HS256", user));

    private Task<Answer> StatisticsAsync(Guid id, (string, string) credential) => _service.Api.GetAsync($"/v1/gallery/{id}/statistics/", credential);

    private async Task ViewAsync((string, string) credential, string body) =>
        Assert.Equal(204, (await _service.Api.PostAsync($"/v1/gallery/{_id}/views/", body, credential)).Status);

    private async Task<int> CountAsync()
    {
        await _service.CountVisitsAsync();
        return (int)(await StatisticsAsync(_id, Key)).Image["views"]!;
    }
}
