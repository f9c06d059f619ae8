using System.Text;
using System.Text.Json.Nodes;
using Gallery.Sql.Erasure;
using Gallery.Tests.Service;

namespace Gallery.Tests.Transfers;

/// <summary>The history of imported images.</summary>
public sealed class ImportHistoryTests(TestService service) : IClassFixture<TestService>
{
    private const string Time = "2025-01-01T00:00:00.000000Z";

    private readonly Api _api = service.Api;
    private readonly string _user = $"user_{Guid.NewGuid():N}";
    private readonly Guid _id = Guid.NewGuid();

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_imported_image_has_a_history_that_goes_on_and_is_in_the_change_feed()
    {
        await ImportAsync(revision: 7, deletedAt: "2025-02-01T00:00:00Z");
        Assert.Equal([("created", 1L)], await EventsAsync());
        await _api.PostAsync($"/v1/gallery/{_id}/restore/");
        await _api.DeleteAsync($"/v1/gallery/{_id}/permanent/");

        Assert.Equal([("purged", 9L), ("restored", 8), ("created", 1)], await EventsAsync());
        Assert.Equal(410, (await _api.SaveAsync(_id, _user)).Status);
        var feed = new List<string>();
        for (var cursor = ""; feed.Count < 3;)
        {
            var page = await _api.GetAsync($"/v1/gallery/changes/?user_id={_user}&limit=200&wait=5&cursor={cursor}");
            feed.AddRange(page.Body["data"]!.AsArray().Select(item => (string)item!["event"]!));
            cursor = page.NextCursor;
        }

        Assert.Equal(["created", "restored", "purged"], feed);
    }

    [Fact]
    public async Task An_import_happens_when_it_is_made_so_that_its_event_does_not_expire_before_anyone_reads_it()
    {
        var before = DateTime.UtcNow.AddMinutes(-1);
        await ImportAsync();
        await using var source = service.Database.CreateSource();
        await new ErasureRepository(source).PurgeOldEventsAsync(1, 1_000, Ct);

        var created = Assert.Single((await _api.GetAsync($"/v1/gallery/changes/?user_id={_user}")).Body["data"]!.AsArray())!;
        Assert.InRange((DateTime)created["at"]!, before, DateTime.UtcNow.AddMinutes(1));
        Assert.Equal(Time, (string)(await _api.GetAsync($"/v1/gallery/{_id}/")).Image["created_at"]!);
    }

    [Fact]
    public async Task The_history_of_a_high_revision_has_pages()
    {
        await ImportAsync(revision: 1_000_000_000_000_000_000);
        await _api.PatchAsync($"/v1/gallery/{_id}/", """{"intent": "edit"}""");
        var first = await _api.GetAsync($"/v1/gallery/{_id}/history/?limit=1");
        var second = await _api.GetAsync($"/v1/gallery/{_id}/history/?limit=1&cursor={first.NextCursor}");

        Assert.Equal((1_000_000_000_000_000_001, 200, 1), ((long)first.Body["data"]![0]!["revision"]!, second.Status, (long)second.Body["data"]![0]!["revision"]!));
    }

    private async Task ImportAsync(long revision = 1, string? deletedAt = null)
    {
        var line = new JsonObject { ["user_id"] = _user, ["image_url"] = Api.UrlOf(_id), ["created_at"] = Time, ["deleted_at"] = deletedAt, ["revision"] = revision };
        var answer = await _api.SendAsync(HttpMethod.Post, "/v1/gallery/import/", new StringContent(line.ToJsonString(), Encoding.UTF8, "application/x-ndjson"));
        Assert.Equal((200, 1), (answer.Status, (int)answer.Body["data"]!["created"]!));
    }

    private async Task<IReadOnlyList<(string Event, long Revision)>> EventsAsync() =>
        [.. (await _api.GetAsync($"/v1/gallery/{_id}/history/")).Body["data"]!.AsArray().Select(item => ((string)item!["event"]!, (long)item["revision"]!))];
}
