using Gallery.Sql.Images;
using Gallery.Tests.Database;
using Gallery.Tests.Settings;
using Npgsql;

namespace Gallery.Tests.Images;

/// <summary>Pages that share a round trip, and what each caller is given of it.</summary>
public sealed class ImageListCoalescerTests(TestServer server) : IAsyncLifetime
{
    private const int Users = 20;

    private static readonly CancellationToken None = CancellationToken.None;

    private TestDatabase _database = null!;
    private NpgsqlDataSource _source = null!;
    private ImageRepository _images = null!;

    public async ValueTask InitializeAsync()
    {
        _database = await server.CreateDatabaseAsync(migrated: true);
        _source = _database.CreateSource();
        _images = new ImageRepository(_source);
        await _images.UpsertImagesAsync([.. Enumerable.Range(0, 3 * Users).Select(i => New($"user_{i % Users}"))], None);
    }

    public async ValueTask DisposeAsync()
    {
        await _source.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Fact]
    public async Task Of_many_who_ask_at_once_each_is_given_the_page_they_asked_for()
    {
        await using var lists = new ImageListCoalescer<string[]>(_images, ReadUsersAsync, Given.Settings(), 4096);

        await Task.WhenAll(Enumerable.Range(0, 200).Select(async i =>
            Assert.Equal(Enumerable.Repeat($"user_{i % Users}", 3), await lists.ListImagesAsync(new($"user_{i % Users}", null, 9), None))));
    }

    [Fact]
    public async Task The_same_page_is_made_for_each_who_asks_for_it()
    {
        await using var lists = new ImageListCoalescer<string[]>(_images, ReadUsersAsync, Given.Settings(), 4096);
        var pages = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => lists.ListImagesAsync(new("user_1", null, 9), None)));

        Assert.Equal(50, pages.Distinct(ReferenceEqualityComparer.Instance).Count());
    }

    [Fact]
    public async Task A_page_that_can_not_be_read_fails_its_caller_alone()
    {
        await using var lists = new ImageListCoalescer<string[]>(_images, ReadAllButOneAsync, Given.Settings(), 4096);
        var pages = Enumerable.Range(0, Users).Select(i => lists.ListImagesAsync(new($"user_{i}", null, 9), None)).ToArray();

        for (var i = 0; i < Users; i++)
        {
            if (i == 7) await Assert.ThrowsAsync<InvalidDataException>(() => pages[i]);
            else Assert.Equal(3, (await pages[i]).Length);
        }

        static Task<string[]> ReadAllButOneAsync(ImageList list, ImageReader rows, CancellationToken ct) =>
            list.UserId == "user_7" ? throw new InvalidDataException() : ReadUsersAsync(list, rows, ct);
    }

    private static async Task<string[]> ReadUsersAsync(ImageList list, ImageReader rows, CancellationToken ct)
    {
        var users = new List<string>();
        while (await rows.ReadAsync(ct)) users.Add(System.Text.Encoding.UTF8.GetString(rows.UserId));
        return [.. users];
    }

    private static NewImage New(string userId)
    {
        var id = Guid.NewGuid();
        return new NewImage(id, userId, $"https://res.cloudinary.com/demo/image/upload/{id}.jpg", null, null, null);
    }
}
