using Gallery.Sql.Coalescing;
using Gallery.Sql.Database;
using Gallery.Sql.Images;
using Gallery.Tests.Database;
using Gallery.Tests.Settings;
using Npgsql;

namespace Gallery.Tests.Images;

/// <summary>Saves, finds, deletions, restores and purges that share a statement, and what each caller is given of it.</summary>
public sealed class ImageCoalescerTests(TestServer server) : IAsyncLifetime
{
    private static readonly CancellationToken None = CancellationToken.None;

    private TestDatabase _database = null!;
    private NpgsqlDataSource _source = null!;
    private ImageRepository _images = null!;
    private ImageCoalescer _coalescer = null!;

    public async ValueTask InitializeAsync()
    {
        _database = await server.CreateDatabaseAsync(migrated: true);
        _source = _database.CreateSource(maximumPoolSize: 1);   // while it is taken nothing is sent, and all who come share the second statement
        _images = new ImageRepository(_source);
        _coalescer = new ImageCoalescer(_images, Given.Settings());
    }

    public async ValueTask DisposeAsync()
    {
        await _coalescer.DisposeAsync();
        await _source.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Fact]
    public async Task A_shared_find_gives_an_image_to_those_alone_who_may_know_it()
    {
        var image = New();
        await _images.UpsertImagesAsync([image], None);
        var found = await ShareAsync(() => _coalescer.FindImageAsync(Guid.NewGuid(), null, None), [.. new[] { image.UserId, "stranger", null, image.UserId }.Select(
            user => (Func<Task<ImageRow?>>)(() => _coalescer.FindImageAsync(image.ImageId, user, None)))]);

        Assert.Equal([image.ImageId, null, image.ImageId, image.ImageId], await Task.WhenAll(found.Select(async row => (await row)?.ImageId)));
    }

    [Fact]
    public async Task A_save_whose_row_is_locked_holds_up_none_of_those_it_shares_its_statement_with()
    {
        NewImage[] images = [.. Enumerable.Range(0, 9).Select(_ => New())];
        await _images.UpsertImagesAsync([images[4]], None);
        await using var holder = new NpgsqlConnection(_database.ConnectionString);
        await holder.OpenAsync();
        await using var hold = new NpgsqlCommand("begin; select from gallery.image for update", holder);
        await hold.ExecuteNonQueryAsync();

        var saves = await ShareAsync(() => _coalescer.UpsertImageAsync(New(), None), [.. images.Select(
            image => (Func<Task<ImageRow?>>)(() => _coalescer.UpsertImageAsync(image with { Intent = "edit" }, None)))]);
        for (var i = 0; i < images.Length; i++)
            if (i != 4) Assert.Equal(1, (await saves[i])?.Revision);

        Assert.False(saves[4].IsCompleted);
        await holder.CloseAsync();
        Assert.Equal(2, (await saves[4])?.Revision);
    }

    [Fact]
    public async Task A_deletion_whose_row_is_locked_holds_up_none_of_those_it_shares_its_statement_with()
    {
        NewImage[] images = [.. Enumerable.Range(0, 9).Select(_ => New())];
        await _images.UpsertImagesAsync(images, None);
        await using var holder = new NpgsqlConnection(_database.ConnectionString);
        await holder.OpenAsync();
        await using var hold = new NpgsqlCommand("begin; select from gallery.image where image_id = @Id for update", holder);
        hold.Parameters.AddWithValue("Id", images[4].ImageId);
        await hold.ExecuteNonQueryAsync();

        var deletions = await ShareAsync(() => _coalescer.SoftDeleteImageAsync(Guid.NewGuid(), null, None), [.. images.Select(
            image => (Func<Task<ImageRow?>>)(() => _coalescer.SoftDeleteImageAsync(image.ImageId, image.UserId, None)))]);
        for (var i = 0; i < images.Length; i++)
            if (i != 4) Assert.NotNull((await deletions[i])?.DeletedAt);

        Assert.False(deletions[4].IsCompleted);
        await holder.CloseAsync();
        Assert.NotNull((await deletions[4])?.DeletedAt);
    }

    [Fact]
    public async Task Deletions_restores_and_purges_in_one_statement_reach_no_image_of_anothers()
    {
        NewImage[] images = [New(), New(), New()];
        await _images.UpsertImagesAsync(images, None);
        string?[] users = [images[0].UserId, "stranger", null];

        var deletions = await ShareAsync(() => _coalescer.SoftDeleteImageAsync(Guid.NewGuid(), null, None), [.. images.Zip(users).Select(
            pair => (Func<Task<ImageRow?>>)(() => _coalescer.SoftDeleteImageAsync(pair.First.ImageId, pair.Second, None)))]);
        Assert.Equal([images[0].ImageId, null, images[2].ImageId], await Task.WhenAll(deletions.Select(async row => (await row)?.ImageId)));

        await _images.SoftDeleteImagesAsync([new(images[1].ImageId, null)], None);
        var restores = await ShareAsync(() => _coalescer.RestoreImageAsync(Guid.NewGuid(), null, None), [.. images.Zip(users).Select(
            pair => (Func<Task<ImageRow?>>)(() => _coalescer.RestoreImageAsync(pair.First.ImageId, pair.Second, None)))]);
        Assert.Equal([images[0].ImageId, null, images[2].ImageId], await Task.WhenAll(restores.Select(async row => (await row)?.ImageId)));

        var purges = await ShareAsync(() => _coalescer.PurgeImageAsync(Guid.NewGuid(), null, None), [.. images.Zip(users).Select(
            pair => (Func<Task<ImageRow?>>)(() => _coalescer.PurgeImageAsync(pair.First.ImageId, pair.Second, None)))]);
        Assert.Equal([images[0].ImageId, null, images[2].ImageId], await Task.WhenAll(purges.Select(async row => (await row)?.ImageId)));
    }

    [Fact]
    public async Task The_bound_on_a_locks_wait_does_not_outlive_its_statement()
    {
        await Task.WhenAll(await ShareAsync(() => _coalescer.UpsertImageAsync(New(), None), () => _coalescer.UpsertImageAsync(New(), None), () => _coalescer.UpsertImageAsync(New(), None)));
        await using var show = _source.CreateCommand("show lock_timeout");

        Assert.Equal("0", await show.ExecuteScalarAsync());
    }

    [Fact]
    public async Task A_save_that_comes_to_its_turn_after_its_caller_gave_up_is_not_begun()
    {
        var image = New();
        var longAgo = StatementTerms.Alone() with { Since = System.Diagnostics.Stopwatch.GetTimestamp() - (3 * System.Diagnostics.Stopwatch.Frequency) };

        await Assert.ThrowsAsync<NotBegunException>(() => _images.UpsertImagesAsync([image], longAgo, None));
        Assert.Empty(await _images.FindImagesAsync([new(image.ImageId, null)], None));
    }

    /// <summary>Sends the first alone, and all others in one statement.</summary>
    private async Task<Task<ImageRow?>[]> ShareAsync(Func<Task<ImageRow?>> first, params Func<Task<ImageRow?>>[] others)
    {
        Task<ImageRow?> alone;
        Task<ImageRow?>[] shared;
        await using (await _source.OpenConnectionAsync())
        {
            alone = first();
            shared = [.. others.Select(other => other())];
        }

        await alone;
        return shared;
    }

    private static NewImage New()
    {
        var id = Guid.NewGuid();
        return new NewImage(id, "user_123", $"https://res.cloudinary.com/demo/image/upload/{id}.jpg", null, null, null);
    }
}
