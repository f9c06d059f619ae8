using System.Text.RegularExpressions;
using Gallery.Tests.Migrations;
using Gallery.Tests.Service;
using Npgsql;

namespace Gallery.Tests.Readme;

/// <summary>docs/moving-in.md, run as it is printed.</summary>
public sealed partial class MovingInTests(TestService service) : IClassFixture<TestService>, IAsyncLifetime
{
    private const string Lighthouse = "b1d6a3f0-4c57-4a0e-9f3d-6a1c2e8b7d05";
    private const string Deleted = "e47c9a12-83bd-4f6a-8c21-0d5f7b39a6e4";
    private static readonly string Page = Repository.Read("docs/moving-in.md");

    private readonly string _folder = Directory.CreateTempSubdirectory("gallery-moving-in-").FullName;

    public async ValueTask InitializeAsync() => await service.Database.ExecuteAsync(
        $"drop table if exists image_gallery; truncate gallery.image, gallery.image_event cascade; {Sql().Match(Page).Groups[1].Value}");

    public ValueTask DisposeAsync()
    {
        Directory.Delete(_folder, recursive: true);
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task Rows_move_in_with_their_times_and_the_service_knows_them()
    {
        await AddAsync(UrlOf(Lighthouse), "user_1", metadata: """{"session_id": "s-1", "text": "a \"quote\", a \\ and a\nbreak, \u0001 \ud83c\udf05"}""");
        await AddAsync(UrlOf(Deleted), "user_1", deletedAt: "2025-03-01 00:00:00+00");
        var moved = await MoveAsync();

        Assert.Equal((0, "2 created, 0 updated, 0 unchanged, 0 failed"), moved);
        var image = (await service.Api.GetAsync($"/v1/gallery/{Lighthouse}/")).Image;
        Assert.Equal(
            ("user_1", "2025-01-01T00:00:00.000000Z", "A \"lighthouse\" \\ \n", null, 1),
            ((string)image["user_id"]!, (string)image["created_at"]!, (string)image["refined_prompt"]!, (string?)image["intent"], (int)image["revision"]!));
        Assert.Equal("a \"quote\", a \\ and a\nbreak, \u0001 \U0001F305", (string)image["metadata"]!["text"]!);
        Assert.Equal("2025-03-01T00:00:00.000000Z", (string)(await service.Api.GetAsync("/v1/gallery/deleted/")).Body["data"]![0]!["deleted_at"]!);
        var again = await service.Api.SaveAsync(Guid.Parse(Lighthouse), "user_1", imageUrl: UrlOf(Lighthouse));
        Assert.Equal((200, "unchanged"), (again.Status, (string?)again.Body["outcome"]));
    }

    [Fact]
    public async Task It_may_run_again_and_changes_nothing_that_is_there()
    {
        await AddAsync(UrlOf(Lighthouse), "user_1");
        await MoveAsync();
        await service.Api.DeleteAsync($"/v1/gallery/{Lighthouse}/");
        await AddAsync(UrlOf(Deleted), "user_1");

        Assert.Equal((0, "1 created, 0 updated, 1 unchanged, 0 failed"), await MoveAsync());
        Assert.Equal("image_deleted", (await service.Api.GetAsync($"/v1/gallery/{Lighthouse}/")).Problem);
    }

    [Fact]
    public async Task Of_two_rows_with_one_UUID_the_older_moves_in_and_rows_without_one_are_named()
    {
        await AddAsync($"https://res.cloudinary.com/demo/image/upload/c_thumb/{Lighthouse}.png", "user_2", createdAt: "2025-02-01 00:00:00+00");
        await AddAsync(UrlOf(Lighthouse), "user_1");
        await AddAsync(UrlOf("cat"), "user_1", createdAt: "2025-03-01 00:00:00+00");
        var (exit, said) = await MoveAsync();

        Assert.Equal(1, exit);
        Assert.Matches("\\Aline 2: image_owned_by_another_user: .*\nline 3: no_uuid_in_file_name: .*\n1 created, 0 updated, 0 unchanged, 2 failed\\z", said);
        Assert.Equal("user_1", await service.Database.FindAsync<string>("select user_id from gallery.image"));
    }

    /// <summary>Runs the two commands of the page. The second one is run from the built program.</summary>
    private async Task<(int Exit, string Said)> MoveAsync()
    {
        _ = Programs.Psql;   // skips where it is missing
        var connection = new NpgsqlConnectionStringBuilder(service.Database.ConnectionString);
        var commands = Sh().Matches(Page).Select(block => block.Groups[1].Value).ToArray();
        var import = $"dotnet '{Path.Combine(AppContext.BaseDirectory, "Gallery.Service.dll")}'{commands[1]["dotnet run --project Gallery.Service --".Length..]}";
        var run = await Programs.RunAsync("sh", new()
        {
            ["PGHOST"] = connection.Host!,
            ["PGPORT"] = $"{connection.Port}",
            ["PGDATABASE"] = connection.Database!,
            ["PGUSER"] = connection.Username!,
            ["PGPASSWORD"] = connection.Password ?? "",
            ["GALLERY_URL"] = $"{service.Api.Address}",
        }, "-c", $"cd '{_folder}' && {commands[0]} && {import}");
        return (run.ExitCode, run.Error.Trim());
    }

    private Task AddAsync(string url, string userId, string createdAt = "2025-01-01 00:00:00+00", string? deletedAt = null, string metadata = "{}") =>
        service.Database.ExecuteAsync(
            """
            insert into image_gallery (image_id, user_id, image_url, refined_prompt, intent, metadata, created_at, updated_at, deleted_at)
            values (gen_random_uuid(), @userId, @url, e'A "lighthouse" \\ \n', '', @metadata::text::jsonb, @createdAt::text::timestamptz, @createdAt::text::timestamptz, @deletedAt::text::timestamptz)
            """,
            new { url, userId, createdAt, deletedAt, metadata });

    private static string UrlOf(string imageId) => $"https://res.cloudinary.com/demo/image/upload/v17/ai/{imageId}.png";

    [GeneratedRegex("```sql\n(.*?)\n```", RegexOptions.Singleline)]
    private static partial Regex Sql();

    [GeneratedRegex("```sh\n(.*?)\n```", RegexOptions.Singleline)]
    private static partial Regex Sh();
}
