using System.Text;
using Gallery.Tests.Database;
using Gallery.Tests.Service;

namespace Gallery.Tests.Sharing;

/// <summary>Sharing of an image that is deleted, or comes back, at the same moment.</summary>
public sealed class SharingRaceTests(TestService service) : IClassFixture<TestService>
{
    private readonly Api _api = service.Api;
    private readonly Guid _id = Guid.NewGuid();

    [Theory]
    [InlineData("PUT", "grants/friend/", """{"role": "view"}""")]
    [InlineData("POST", "shares/", "{}")]
    public async Task An_image_that_is_deleted_permanently_meanwhile_is_not_found(string method, string path, string body)
    {
        await _api.SaveAsync(_id);
        var connections = await ConnectionsAsync();
        await using var another = new Npgsql.NpgsqlConnection(service.Database.ConnectionString);
        await another.OpenAsync(TestContext.Current.CancellationToken);
        await using var transaction = await another.BeginTransactionAsync(TestContext.Current.CancellationToken);
        await using var purge = new Npgsql.NpgsqlCommand($"delete from gallery.image where image_id = '{_id}'", another, transaction);
        await purge.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);

        var sharing = _api.SendAsync(new HttpMethod(method), $"/v1/gallery/{_id}/{path}", new StringContent(body, Encoding.UTF8, "application/json"));
        await service.Database.WaitForWaitersAsync(request: sharing);
        await transaction.CommitAsync(TestContext.Current.CancellationToken);

        Assert.Equal((404, "image_not_found"), ((await sharing).Status, (await sharing).Problem));
        Assert.Subset((await ConnectionsAsync()).ToHashSet(), connections.ToHashSet());   // none was made again
    }

    [Fact]
    public async Task An_import_that_takes_an_image_out_of_the_trash_ends_a_grant_that_was_given_meanwhile()
    {
        await _api.SaveAsync(_id, "owner");
        await _api.DeleteAsync($"/v1/gallery/{_id}/");
        await service.Database.ExecuteAsync($"insert into gallery.image_grant (image_id, user_id, owner_id, role) values ('{_id}', 'friend', 'owner', 'view')");

        using var line = new StringContent(
            $$"""{"image_id": "{{_id}}", "user_id": "owner", "image_url": "{{Api.UrlOf(_id)}}", "created_at": "2025-01-01T00:00:00Z", "revision": 9}""", Encoding.UTF8, "application/x-ndjson");
        var imported = await _api.SendAsync(HttpMethod.Post, "/v1/gallery/import/", line);

        Assert.Equal(1, (int)imported.Image["updated"]!);
        Assert.Equal(0, await service.Database.FindAsync<long>($"select count(*) from gallery.image_grant where image_id = '{_id}'"));
    }

    private Task<IReadOnlyList<int>> ConnectionsAsync() =>
        service.Database.ListAsync<int>($"select pid from pg_stat_activity where datname = current_database() and usename = '{TestRoles.Service}'");
}
