using System.Text.RegularExpressions;
using Gallery.Tests.Service;

namespace Gallery.Tests.Readme;

/// <summary>docs/moving-in.md, run as it is printed.</summary>
public sealed partial class MovingInTests(TestService service) : IClassFixture<TestService>, IAsyncLifetime
{
    private const string Lighthouse = "b1d6a3f0-4c57-4a0e-9f3d-6a1c2e8b7d05";
    private const string Deleted = "e47c9a12-83bd-4f6a-8c21-0d5f7b39a6e4";
    private static readonly string[] Blocks = [.. Sql().Matches(Repository.Read("docs/moving-in.md")).Select(block => block.Groups[1].Value)];

    private static string Table => Blocks[0];

    private static string Statement => Blocks[1];

    private static string LeftOut => Blocks[2];

    public async ValueTask InitializeAsync() =>
        await service.Database.ExecuteAsync($"drop table if exists image_gallery; truncate gallery.image; {Table}");

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task Rows_move_in_with_their_times_and_the_service_knows_them()
    {
        await AddAsync(UrlOf(Lighthouse), "user_1");
        await AddAsync(UrlOf(Deleted), "user_1", deletedAt: "2025-03-01 00:00:00+00");

        await service.Database.ExecuteAsync(Statement);

        var image = (await service.Api.GetAsync($"/v1/gallery/{Lighthouse}/")).Image;
        Assert.Equal(("user_1", "2025-01-01T00:00:00.000000Z", "s-1", 1), ((string)image["user_id"]!, (string)image["created_at"]!, (string)image["metadata"]!["session_id"]!, (int)image["revision"]!));
        Assert.Equal("image_deleted", (await service.Api.GetAsync($"/v1/gallery/{Deleted}/")).Problem);
        var again = await service.Api.SaveAsync(Guid.Parse(Lighthouse), "user_1", imageUrl: UrlOf(Lighthouse));
        Assert.Equal((200, "unchanged"), (again.Status, (string?)again.Body["outcome"]));
        Assert.Empty(await service.Database.ListAsync<Guid>(LeftOut));
    }

    [Fact]
    public async Task It_may_run_again_and_changes_nothing_that_is_there()
    {
        await AddAsync(UrlOf(Lighthouse), "user_1");
        await service.Database.ExecuteAsync(Statement);
        await service.Api.DeleteAsync($"/v1/gallery/{Lighthouse}/");
        await AddAsync(UrlOf(Deleted), "user_1");

        await service.Database.ExecuteAsync(Statement);

        Assert.Equal("image_deleted", (await service.Api.GetAsync($"/v1/gallery/{Lighthouse}/")).Problem);
        Assert.Equal(200, (await service.Api.GetAsync($"/v1/gallery/{Deleted}/")).Status);
    }

    [Fact]
    public async Task Of_two_rows_with_one_UUID_the_older_moves_in()
    {
        await AddAsync($"https://res.cloudinary.com/demo/image/upload/c_thumb/{Lighthouse}.png", "user_2", createdAt: "2025-02-01 00:00:00+00");
        await AddAsync(UrlOf(Lighthouse), "user_1");

        await service.Database.ExecuteAsync(Statement);

        Assert.Equal("user_1", await service.Database.FindAsync<string>("select user_id from gallery.image"));
    }

    [Fact]
    public async Task No_URL_moves_in_under_another_key_than_the_service_gives_it_and_the_others_are_listed()
    {
        var moved = 0;
        foreach (var row in Directory.EnumerateFiles(Path.Combine(Repository.Root, "Gallery.Tests", "Images"), "cloudinary*.tsv").SelectMany(File.ReadLines))
        {
            if (row.Split('\t') is not [var url, var expected, ..] || !url.StartsWith("http", StringComparison.Ordinal)) continue;
            await service.Database.ExecuteAsync("truncate image_gallery, gallery.image");
            await AddAsync(url, "user_1");

            await service.Database.ExecuteAsync(Statement);

            var key = await service.Database.FindAsync<Guid?>("select image_id from gallery.image");
            Assert.True(key is null || key.ToString() == expected, $"{url} moved in as {key}, not {expected}");
            Assert.Equal(key is null ? 1 : 0, (await service.Database.ListAsync<Guid>(LeftOut)).Count);
            if (key is not null) moved++;
        }

        Assert.True(moved >= 20, $"only {moved} URLs moved in");
    }

    private Task AddAsync(string url, string userId, string createdAt = "2025-01-01 00:00:00+00", string? deletedAt = null) =>
        service.Database.ExecuteAsync(
            """
            insert into image_gallery (image_id, user_id, image_url, refined_prompt, intent, metadata, created_at, updated_at, deleted_at)
            values (gen_random_uuid(), @userId, @url, 'A lighthouse', '', '{"session_id": "s-1"}', @createdAt::text::timestamptz, @createdAt::text::timestamptz, @deletedAt::text::timestamptz)
            """,
            new { url, userId, createdAt, deletedAt });

    private static string UrlOf(string imageId) => $"https://res.cloudinary.com/demo/image/upload/v17/ai/{imageId}.png";

    [GeneratedRegex("```sql\n(.*?)\n```", RegexOptions.Singleline)]
    private static partial Regex Sql();
}
