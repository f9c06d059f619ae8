using Gallery.Tests.Observability;
using Gallery.Tests.Service;
using Npgsql;

namespace Gallery.Tests.Metering;

/// <summary>Two services with <c>GALLERY_MAX_IMAGES_PER_USER</c> on one database.</summary>
public sealed class QuotaTests(TestService fixture) : IClassFixture<TestService>, IAsyncLifetime
{
    private const int Quota = 5;

    private readonly string _user = $"user_{Guid.NewGuid():N}";
    private ObservedService _one = null!;
    private ObservedService _two = null!;

    public async ValueTask InitializeAsync()
    {
        _one = await StartAsync();
        _two = await StartAsync();

        Task<ObservedService> StartAsync() => ObservedService.StartAsync(fixture.Database.ConnectionString, $"GALLERY_MAX_IMAGES_PER_USER={Quota}");
    }

    public async ValueTask DisposeAsync()
    {
        await _one.DisposeAsync();
        await _two.DisposeAsync();
    }

    [Fact]
    public async Task Of_many_saves_at_once_through_two_services_exactly_as_many_succeed()
    {
        var answers = await Task.WhenAll(Enumerable.Range(0, 60).Select(i => (i % 2 == 0 ? _one : _two).Api.SaveAsync(Guid.NewGuid(), _user)));

        Assert.Equal((Quota, 60 - Quota), (answers.Count(answer => answer.Status == 201), answers.Count(answer => answer.Status == 403 && answer.Problem == "quota_exceeded")));
        Assert.Equal(Quota, (await fixture.Api.GetAsync($"/v1/gallery/?user_id={_user}")).Ids.Count);
    }

    [Fact]
    public async Task What_is_there_can_be_saved_again_and_edited_and_another_user_has_room()
    {
        var ids = await FillAsync();

        Assert.Equal(200, (await _one.Api.SaveAsync(ids[0], _user, refinedPrompt: "more")).Status);
        Assert.Equal(200, (await _one.Api.PatchAsync($"/v1/gallery/{ids[0]}/", """{"intent":"x"}""")).Status);
        Assert.Equal(201, (await _one.Api.SaveAsync(Guid.NewGuid(), $"{_user}_other")).Status);
    }

    [Fact]
    public async Task The_trash_counts_and_a_permanent_deletion_makes_room()
    {
        var ids = await FillAsync();
        await _one.Api.DeleteAsync($"/v1/gallery/{ids[0]}/");

        Assert.Equal("quota_exceeded", (await _one.Api.SaveAsync(Guid.NewGuid(), _user)).Problem);
        Assert.Equal(200, (await _one.Api.PostAsync($"/v1/gallery/{ids[0]}/restore/")).Status);

        await _one.Api.DeleteAsync($"/v1/gallery/{ids[0]}/permanent/");
        Assert.Equal(201, (await _one.Api.SaveAsync(Guid.NewGuid(), _user)).Status);
        Assert.Equal("quota_exceeded", (await _one.Api.SaveAsync(Guid.NewGuid(), _user)).Problem);
    }

    [Theory]
    [InlineData("each", 200)]
    [InlineData("all", 409)]
    public async Task A_batch_fills_the_room_and_says_which_items_had_none(string mode, int status)
    {
        var kept = await _one.Api.SaveAsync(Guid.NewGuid(), _user);
        var ids = Enumerable.Range(0, Quota + 1).Select(_ => Guid.NewGuid()).Append((Guid)kept.Image["image_id"]!);
        var items = string.Join(',', ids.Select(id => $$"""{"user_id":"{{_user}}","image_url":"{{Api.UrlOf(id)}}"}"""));
        var answer = await _one.Api.PostAsync("/v1/gallery/batch/save/", $$"""{"items":[{{items}}],"mode":"{{mode}}"}""");

        Assert.Equal(status, answer.Status);
        if (mode == "all") Assert.Equal("quota_exceeded", (string?)answer.Body["item"]!["code"]);
        else Assert.Equal((Quota - 1, 1, 2), ((int)answer.Body["counts"]!["created"]!, (int)answer.Body["counts"]!["unchanged"]!, (int)answer.Body["counts"]!["failed"]!));
        Assert.Equal(mode == "all" ? 1 : Quota, (await fixture.Api.GetAsync($"/v1/gallery/?user_id={_user}")).Ids.Count);
    }

    [Fact]
    public async Task A_dry_run_counts_the_room_and_neither_waits_for_other_saves_nor_delays_them()
    {
        await using var connection = new NpgsqlConnection(fixture.Database.ConnectionString);
        await connection.OpenAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await using var command = new NpgsqlCommand("select pg_advisory_xact_lock(hashtextextended(@user, 0) & 1023)", connection) { Parameters = { new("user", _user) } };
        await command.ExecuteNonQueryAsync();   // as a save of the same user does
        var items = string.Join(',', Enumerable.Range(0, Quota + 1).Select(_ => $$"""{"user_id":"{{_user}}","image_url":"{{Api.UrlOf(Guid.NewGuid())}}"}"""));

        var answer = await _one.Api.PostAsync("/v1/gallery/batch/save/", $$"""{"items":[{{items}}],"dry_run":true}""");

        Assert.Equal("""{"created":5,"updated":0,"unchanged":0,"in_trash":0,"failed":1}""", answer.Body["counts"]?.ToJsonString());
    }

    [Fact]
    public async Task A_purged_image_that_is_refused_takes_no_room()
    {
        var ids = await FillAsync();
        await _one.Api.DeleteAsync($"/v1/gallery/{ids[0]}/permanent/");
        var items = string.Join(',', new[] { ids[0], Guid.Parse("ffffffff-ffff-4fff-bfff-ffffffffffff") }.Select(id => $$"""{"user_id":"{{_user}}","image_url":"{{Api.UrlOf(id)}}"}"""));
        var answer = await _one.Api.PostAsync("/v1/gallery/batch/save/", $$"""{"items":[{{items}}]}""");

        Assert.Equal(("image_purged", "created"), ((string?)answer.Image[0]!["code"], (string?)answer.Image[1]!["outcome"]));
    }

    [Fact]
    public async Task Of_many_images_that_are_given_to_a_user_at_once_only_as_many_arrive()
    {
        await FillAsync(Quota - 2);
        var given = Enumerable.Range(0, 8).Select(_ => Guid.NewGuid()).ToList();
        foreach (var id in given) await fixture.Api.SaveAsync(id, $"{_user}_giver");
        var answers = await Task.WhenAll(given.Select((id, i) => (i % 2 == 0 ? _one : _two).Api.PatchAsync($"/v1/gallery/{id}/", $$"""{"user_id":"{{_user}}"}""")));

        Assert.Equal((2, 6), (answers.Count(answer => answer.Status == 200), answers.Count(answer => answer.Problem == "quota_exceeded")));
        Assert.Equal(Quota, (await fixture.Api.GetAsync($"/v1/gallery/?user_id={_user}")).Ids.Count);
    }

    private async Task<List<Guid>> FillAsync(int count = Quota)
    {
        var ids = Enumerable.Range(0, count).Select(_ => Guid.NewGuid()).ToList();
        foreach (var id in ids) Assert.Equal(201, (await _one.Api.SaveAsync(id, _user)).Status);
        return ids;
    }
}
