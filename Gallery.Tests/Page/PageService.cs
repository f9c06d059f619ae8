using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Gallery.Tests.Database;
using Gallery.Tests.Observability;
using Gallery.Tests.Service;

namespace Gallery.Tests.Page;

/// <summary>The tests that open pages. They run one after the other: one Chromium is enough for the machine.</summary>
[CollectionDefinition]
public sealed class InBrowser : ICollectionFixture<PageService>;

/// <summary>An open service for the tests that open pages. A class that needs other settings has a fixture that derives from this.</summary>
public class PageService(TestServer server, Browser browser) : IAsyncLifetime
{
    private ObservedService? _service;

    public Browser Browser => browser;

    public TestDatabase Database { get; private set; } = null!;

    public Api Api => _service!.Api;

    /// <summary>Sent with each request that prepares a test.</summary>
    protected virtual (string Name, string Value)[] Credentials => [];

    public virtual async ValueTask InitializeAsync()
    {
        Database = await server.CreateDatabaseAsync(migrated: true);
        _service = await ObservedService.StartAsync(Database.ConnectionString, await PrepareAsync());
    }

    public virtual async ValueTask DisposeAsync()
    {
        if (_service is not null) await _service.DisposeAsync();
        if (Database is not null) await Database.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    /// <summary>Removes all images.</summary>
    internal Task EmptyAsync() => Database.ExecuteAsync("truncate gallery.image cascade; truncate gallery.image_event, gallery.image_tag");

    /// <summary>
    /// Imports images, 10,000 within seconds. The first is the newest, so that they are listed in the order of their ids here. Each has the
    /// prompt "Picture 1", "Picture 2", and so on, and is a minute older than the one before.
    /// </summary>
    /// <param name="fields">More fields for the image of this index, or other values: <c>i => new() { ["intent"] = "edit" }</c>.</param>
    public async Task<IReadOnlyList<Guid>> SeedAsync(int count, Func<int, JsonObject>? fields = null)
    {
        Guid[] ids = [.. Enumerable.Range(0, count).Select(_ => Guid.NewGuid())];
        var lines = new StringBuilder();
        for (var i = 0; i < count; i++)
        {
            var image = new JsonObject
            {
                ["user_id"] = "user_123",
                ["image_url"] = Api.UrlOf(ids[i]),
                ["created_at"] = new DateTime(2026, 1, 31, 12, 0, 0, DateTimeKind.Utc).AddMinutes(-i).ToString("O", CultureInfo.InvariantCulture),
                ["refined_prompt"] = $"Picture {i + 1}",
            };
            foreach (var (name, value) in fields?.Invoke(i) ?? []) image[name] = value?.DeepClone();
            lines.Append(image.ToJsonString()).Append('\n');
        }

        var answer = await Api.SendAsync(HttpMethod.Post, "/v1/gallery/import/", new StringContent(lines.ToString(), Encoding.UTF8, "application/x-ndjson"), Credentials);
        Assert.Equal((200, count), (answer.Status, (int?)answer.Body["data"]?["created"]));
        return ids;
    }

    /// <summary>Starts what the service needs. Returns its settings, each <c>NAME=value</c>.</summary>
    protected virtual Task<string[]> PrepareAsync() => Task.FromResult<string[]>([]);
}
