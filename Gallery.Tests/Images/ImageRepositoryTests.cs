using System.Diagnostics;
using Gallery.Sql.Coalescing;
using Gallery.Sql.Database;
using Gallery.Sql.Images;
using Gallery.Sql.Tags;
using Gallery.Tests.Database;
using Npgsql;

namespace Gallery.Tests.Images;

/// <summary>What statements do with batches, which no endpoint asks for yet.</summary>
public sealed class ImageRepositoryTests(TestServer server) : IAsyncLifetime
{
    private static readonly CancellationToken None = CancellationToken.None;

    private TestDatabase _database = null!;
    private NpgsqlDataSource _source = null!;
    private ImageRepository _images = null!;

    public async ValueTask InitializeAsync()
    {
        _database = await server.CreateDatabaseAsync(migrated: true);
        _source = _database.CreateSource(maximumPoolSize: 1);
        _images = new ImageRepository(_source, new BatchOptions());
    }

    public async ValueTask DisposeAsync()
    {
        await _images.DisposeAsync();
        await _source.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Fact]
    public async Task A_batch_of_saves_has_an_outcome_for_each_in_the_order_sent()
    {
        var (changed, unchanged, deleted, theirs, created) = (New(), New(), New(), New(), New());
        await SaveAsync(changed, unchanged, deleted, theirs with { UserId = "another" });
        await _images.SoftDeleteImagesAsync(Anyones(deleted.ImageId), Now);

        var saves = await SaveAsync(changed with { Intent = "edit" }, unchanged, deleted with { Intent = "edit" }, theirs, created);

        Assert.Equal(
            [ImageOutcome.Updated, ImageOutcome.Unchanged, ImageOutcome.InTrash, ImageOutcome.OwnedByAnother, ImageOutcome.Created],
            saves.Select(save => save.Outcome));
        Assert.Equal([2L, 1L, 2L, null, 1L], saves.Select(save => save.Image?.Revision));
    }

    [Fact]
    public async Task A_save_of_anothers_image_returns_nothing_of_it()
    {
        var image = New();
        await SaveAsync(image with { UserId = "another", Metadata = """{"seed": 2}""" });

        Assert.Equal((ImageOutcome.OwnedByAnother, null, 0), await SaveAsync(image) is [var save] ? (save.Outcome, save.Image, save.Kept.Count) : default);
    }

    [Fact]
    public async Task Deleting_restoring_and_purging_a_batch_have_an_outcome_for_each()
    {
        NewImage[] images = [New(), New(), New()];
        await SaveAsync(images);
        ImageKey[] keys = Anyones(images[0].ImageId, Guid.NewGuid(), images[2].ImageId);

        Assert.Equal([ImageOutcome.Updated, ImageOutcome.NotFound, ImageOutcome.Updated], Outcomes(await _images.SoftDeleteImagesAsync(keys, Now)));
        Assert.Equal([ImageOutcome.Unchanged, ImageOutcome.NotFound, ImageOutcome.Unchanged], Outcomes(await _images.SoftDeleteImagesAsync(keys, Now)));
        Assert.Equal([ImageOutcome.Updated, ImageOutcome.NotFound, ImageOutcome.Updated], Outcomes(await _images.RestoreImagesAsync(keys, Now)));
        Assert.Equal([ImageOutcome.Unchanged, ImageOutcome.NotFound, ImageOutcome.Unchanged], Outcomes(await _images.RestoreImagesAsync(keys, Now)));
        Assert.Equal([ImageOutcome.Updated, ImageOutcome.NotFound, ImageOutcome.Updated], Outcomes(await _images.PurgeImagesAsync(keys, Now)));
        Assert.Equal([ImageOutcome.NotFound, ImageOutcome.NotFound, ImageOutcome.NotFound], Outcomes(await _images.PurgeImagesAsync(keys, Now)));
    }

    [Fact]
    public async Task A_user_reaches_no_image_of_another()
    {
        var (mine, theirs) = (New() with { UserId = "me" }, New() with { UserId = "them" });
        await SaveAsync(mine, theirs);
        ImageKey[] keys = [new(mine.ImageId, Caller.User("me")), new(theirs.ImageId, Caller.User("me"))];
        ImageOutcome[] mineAlone = [ImageOutcome.Updated, ImageOutcome.NotFound];

        Assert.Equal([mine.ImageId, null], (await _images.FindImagesAsync(keys, Now)).Select(image => image?.ImageId));
        Assert.Equal(mineAlone, Outcomes(await _images.SoftDeleteImagesAsync(keys, Now)));
        await _images.SoftDeleteImagesAsync(Anyones(theirs.ImageId), Now);
        Assert.Equal(mineAlone, Outcomes(await _images.RestoreImagesAsync(keys, Now)));
        Assert.Equal(mineAlone, Outcomes(await _images.PurgeImagesAsync(keys, Now)));
    }

    [Fact]
    public async Task Callers_that_share_a_find_get_only_what_they_may_see()
    {
        var image = New();
        await SaveAsync(image);
        Caller[] callers = [Caller.User(image.UserId), Caller.User("stranger"), Caller.Key("pipeline"), Caller.Stranger, Caller.User(image.UserId)];

        Task<ImageRow?>[] finds;
        await using (await _source.OpenConnectionAsync())   // the pool's only connection, so that they wait and share
            finds = [.. callers.Select(caller => _images.FindImageAsync(new(image.ImageId, caller), None))];

        Assert.Equal([image.ImageId, null, image.ImageId, null, image.ImageId], await Task.WhenAll(finds.Select(async find => (await find)?.ImageId)));
    }

    [Fact]
    public async Task An_empty_batch_has_no_outcomes()
    {
        Assert.Empty(await SaveAsync());
        Assert.Empty(await _images.FindImagesAsync([], Now));
        Assert.Empty(await _images.PurgeImagesAsync([], Now));
    }

    [Fact]
    public async Task Batches_of_the_same_images_in_opposite_orders_do_not_deadlock()
    {
        await using var source = _database.CreateSource();
        await using var images = new ImageRepository(source, new BatchOptions());
        var batch = Enumerable.Range(0, 50).Select(_ => New()).ToArray();
        var keys = Anyones([.. batch.Select(image => image.ImageId)]);
        await SaveAsync(batch);
        await _database.ExecuteAsync(   // a small table is read whole, and its rows are locked in the order in which they lie
            "insert into gallery.image (image_id, user_id, image_url) select gen_random_uuid(), 'u', 'x' from generate_series(1, 20000); analyze gallery.image");
        var deadlocks = await CountDeadlocksAsync();

        await Task.WhenAll(Enumerable.Range(0, 8).Select(i => Task.Run(async () =>
        {
            var reverse = i % 2 == 0;
            await images.SaveImagesAsync([.. (reverse ? batch.AsEnumerable().Reverse() : batch).Select(image => image with { Metadata = $$"""{"{{i}}": 1}""" })], Now);
            await images.SoftDeleteImagesAsync([.. reverse ? keys.AsEnumerable().Reverse() : keys], Now);
            await images.RestoreImagesAsync([.. reverse ? keys : keys.AsEnumerable().Reverse()], Now);
        })));

        Assert.Equal(deadlocks, await CountDeadlocksAsync());
    }

    [Fact]
    public async Task The_wait_for_a_connection_is_no_work_of_a_search()
    {
        await SaveAsync(New() with { UserId = "searcher", Tags = TagArray.Of(["a", "b"]) });
        var filter = new ImageFilter("searcher") { Tags = ["a", "b"] };
        using var search = await _images.StartSearchAsync(None);
        Task<ImagePage> found;
        await using (await _source.OpenConnectionAsync(None))
        {
            found = _images.SearchImagesAsync(search, filter, ImageOrder.List, ImageKeyset.Start, 200, None);
            await Task.Delay(TimeSpan.FromSeconds(1.1));   // longer than PostgreSQL may work for a search
        }

        Assert.Single((await found).Images);
        Assert.Equal(1, await _images.CountImagesAsync(search, filter, live: true, None));
    }

    [Fact]
    public async Task A_locked_row_delays_only_its_own_save()
    {
        await using var source = GalleryDatabase.Create(
            new NpgsqlConnectionStringBuilder(_database.ConnectionString) { Pooling = true, Options = "-c lock_timeout=250ms" }, Settings.Given.Settings());
        await using var images = new ImageRepository(source, new BatchOptions());
        NewImage[] batch = [.. Enumerable.Range(0, 9).Select(_ => New())];
        await SaveAsync(batch);
        await using var holder = new NpgsqlConnection(_database.ConnectionString);
        await holder.OpenAsync();
        await using var hold = new NpgsqlCommand("begin; select from gallery.image where image_id = @Id for update", holder);
        hold.Parameters.AddWithValue("Id", batch[4].ImageId);
        await hold.ExecuteNonQueryAsync();

        var saves = batch.Select(image => images.SaveImageAsync(image with { Intent = "edit" }, None)).ToArray();

        Assert.Equal(PostgresErrorCodes.LockNotAvailable, (await Assert.ThrowsAsync<PostgresException>(() => saves[4])).SqlState);
        foreach (var save in saves.Where(save => save != saves[4])) Assert.Equal(ImageOutcome.Updated, (await save).Outcome);
    }

    [Fact]
    public async Task An_edit_that_throws_fails_its_own_caller_alone()
    {
        NewImage[] batch = [.. Enumerable.Range(0, 6).Select(_ => New())];
        await SaveAsync(batch);

        Task<ImageWrite>[] edits;
        await using (await _source.OpenConnectionAsync())   // the pool's only connection, so that they wait and share
            edits = [.. batch.Select((image, i) => _images.UpdateImageAsync(new(image.ImageId, Caller.Anonymous), row => i == 3 ? throw new InvalidOperationException("its own") : row with { Intent = "edit" }, 100, None))];

        Assert.Equal("its own", (await Assert.ThrowsAsync<InvalidOperationException>(() => edits[3])).Message);
        foreach (var edit in edits.Where(edit => edit != edits[3])) Assert.Equal(ImageOutcome.Updated, (await edit).Outcome);
        Assert.Equal(1, (await _images.FindImageAsync(new(batch[3].ImageId, Caller.Anonymous), None))!.Revision);
    }

    [Fact]
    public async Task A_save_whose_turn_comes_after_its_caller_timed_out_does_not_start()
    {
        var image = New();

        await Assert.ThrowsAsync<NotStartedException>(() => _images.SaveImagesAsync([image], Now - (3 * Stopwatch.Frequency)));
        Assert.Null((await _images.FindImagesAsync(Anyones(image.ImageId), Now))[0]);
    }

    [Fact]
    public async Task A_statement_that_fails_at_its_first_use_of_a_connection_does_not_affect_the_next()
    {
        // U+0000 fails in the server, in the execution that follows the preparation.
        await Assert.ThrowsAsync<PostgresException>(() => SaveAsync(New() with { UserId = "\0" }));

        Assert.Equal([ImageOutcome.Created], Outcomes(await SaveAsync(New())));
    }

    [Fact]
    public async Task Each_statement_is_prepared_at_its_first_use_and_planned_once()
    {
        for (var i = 0; i < 10; i++)   // PostgreSQL plans the first five executions in any case
        {
            await SaveAsync(New());
            await _images.FindImagesAsync(Anyones(Guid.NewGuid()), Now);
            await _images.ListImagesAsync("user", ImageKeyset.Start, 50, None);
            await _images.ListImagesAsync(null, ImageKeyset.Start, 50, None);
            await _images.ListDeletedImagesAsync("user", ImageKeyset.Start, 50, None);
            await _images.ListDeletedImagesAsync(null, ImageKeyset.Start, 50, None);
            await _images.SoftDeleteImagesAsync(Anyones(Guid.NewGuid()), Now);
            await _images.RestoreImagesAsync(Anyones(Guid.NewGuid()), Now);
            await _images.PurgeImagesAsync(Anyones(Guid.NewGuid()), Now);
        }

        await using var connection = await _source.OpenConnectionAsync();
        await using var command = new NpgsqlCommand(
            "select count(*) filter (where generic_plans > 0), count(*) from pg_prepared_statements where statement like '%gallery.image as i%' and statement not like '%pg_prepared%'", connection);
        await using var reader = await command.ExecuteReaderAsync();
        await reader.ReadAsync();
        Assert.Equal((9L, 9L), (reader.GetInt64(0), reader.GetInt64(1)));
    }

    private static long Now => Stopwatch.GetTimestamp();

    private Task<IReadOnlyList<ImageWrite>> SaveAsync(params NewImage[] images) => _images.SaveImagesAsync(images, Now);

    private Task<long> CountDeadlocksAsync() => _database.FindAsync<long>("select deadlocks from pg_stat_database where datname = current_database()");

    private static ImageKey[] Anyones(params Guid[] ids) => Array.ConvertAll(ids, id => new ImageKey(id, Caller.Anonymous));

    private static IEnumerable<ImageOutcome> Outcomes(IEnumerable<ImageWrite> writes) => writes.Select(write => write.Outcome);

    private static NewImage New()
    {
        var id = Guid.NewGuid();
        return new NewImage(id, "user_123", $"https://res.cloudinary.com/demo/image/upload/{id}.jpg", null, null, """{"seed": 1}""");
    }
}
