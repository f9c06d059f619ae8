using System.Text.RegularExpressions;
using Gallery.Tests.Observability;
using Gallery.Tests.Service;

namespace Gallery.Tests.Erasure;

/// <summary>A service with <c>GALLERY_TRASH_DAYS</c> and <c>GALLERY_HISTORY_DAYS</c>.</summary>
public sealed class RetentionTests(TestService fixture) : IClassFixture<TestService>
{
    private readonly Guid _old = Guid.NewGuid();
    private readonly Guid _recent = Guid.NewGuid();
    private readonly Guid _far = Guid.NewGuid();

    [Fact]
    public async Task Old_trash_and_old_history_are_deleted_and_an_image_in_the_trash_says_when_it_will_be()
    {
        await fixture.Database.ExecuteAsync(
            $"""
            insert into gallery.image (image_id, user_id, image_url, created_at, updated_at, deleted_at, revision)
            values ('{_old}', 'u', 'x', now() - interval '50 days', now() - interval '31 days', now() - interval '31 days', 2),
                   ('{_recent}', 'u', 'x', '2001-02-03', now() - interval '29 days', now() - interval '29 days', 3),
                   ('{_far}', 'far', 'x', '2001-02-03', '9999-12-31 12:00Z', '9999-12-31 12:00Z', 3);
            insert into gallery.image_event (image_id, revision, event, occurred_at, user_id)
            values ('{_recent}', 1, 'created', '2001-02-03', 'u'), ('{_recent}', 2, 'edited', '2001-02-03', 'u'), ('{_recent}', 3, 'trashed', now() - interval '29 days', 'u');
            """);

        await using var service = await ObservedService.StartAsync(fixture.Database.ConnectionString, "GALLERY_TRASH_DAYS=30", "GALLERY_HISTORY_DAYS=60");
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (!Regex.IsMatch((await service.Api.GetAsync("/metrics")).Text, @"gallery_retention_purged_total\{[^}]*kind=""history""")) await Task.Delay(50, patience.Token);

        var trashed = Assert.Single((await service.Api.GetAsync("/v1/gallery/deleted/?user_id=u")).Image.AsArray())!;
        Assert.Equal((_recent, TimeSpan.FromDays(30)), ((Guid)trashed["image_id"]!, (DateTime)trashed["purge_at"]! - (DateTime)trashed["deleted_at"]!));
        Assert.Equal("9999-12-31T23:59:59.999999Z", (string?)Assert.Single((await service.Api.GetAsync("/v1/gallery/deleted/?user_id=far")).Image.AsArray())!["purge_at"]);
        var restored = await service.Api.PostAsync($"/v1/gallery/{_recent}/restore/");
        Assert.Equal(200, restored.Status);
        Assert.Null(restored.Image["purge_at"]);
        Assert.Equal(["restored", "trashed", "created"], await EventsAsync(service.Api, _recent));
        Assert.Equal(["purged", "created"], await EventsAsync(service.Api, _old));
        Assert.Contains($"id={_old} ", Assert.Single(service.Lines("Gallery.Audit")), StringComparison.Ordinal);
    }

    private static async Task<IEnumerable<string?>> EventsAsync(Api api, Guid id) =>
        (await api.GetAsync($"/v1/gallery/{id}/history/")).Image.AsArray().Select(image => (string?)image!["event"]);
}
