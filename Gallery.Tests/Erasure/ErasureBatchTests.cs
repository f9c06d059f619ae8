using Gallery.Sql.Database;
using Gallery.Sql.Erasure;
using Gallery.Tests.Service;
using Gallery.Tests.Settings;
using Npgsql;

namespace Gallery.Tests.Erasure;

/// <summary>The batches in which many rows are deleted.</summary>
public sealed class ErasureBatchTests(TestService service) : IClassFixture<TestService>
{
    private static readonly Caller Sweep = new("gallery:retention", null);

    private readonly Api _api = service.Api;
    private readonly string _user = $"user_{Guid.NewGuid():N}";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("POST", "/v1/gallery/deleted/empty/?user_id=")]
    [InlineData("DELETE", "/v1/gallery/users/USER/?confirm=")]
    public async Task Images_of_which_a_thousand_take_longer_than_a_statement_may_are_deleted_all_the_same(string method, string path)
    {
        await AddAsync(400, "now()");
        await MakeSlowAsync();
        var purged = 0;
        for (var (isComplete, tries) = (false, 0); !isComplete; tries++)
        {
            var answer = await _api.SendAsync(new HttpMethod(method), path.Replace("USER", _user, StringComparison.Ordinal) + _user);
            Assert.True(answer.Status == 200 && tries < 20, answer.Text);
            purged += (int)answer.Image["purged"]!;
            isComplete = (bool)answer.Image["is_complete"]!;
        }

        Assert.Equal(0, await CountAsync());
        Assert.InRange(purged, 50, 400);   // a batch that timed out may have been deleted all the same
    }

    [Fact]
    public async Task A_batch_that_times_out_is_tried_again_with_fewer_rows()
    {
        List<int> sizes = [];
        Assert.True(await Portions.RepeatAsync(
            limit =>
            {
                sizes.Add(limit);
                return limit > 200 ? throw new TimeoutException() : Task.FromResult(sizes.Count > 4 ? 0 : limit);
            },
            () => true));

        Assert.Equal([20, 80, 320, 20, 80], sizes);
        await Assert.ThrowsAsync<TimeoutException>(() => Portions.RepeatAsync(_ => throw new TimeoutException(), () => true));
        Assert.False(await Portions.RepeatAsync(Task.FromResult, () => false));
    }

    [Fact]
    public async Task A_batch_that_meets_a_locked_row_is_tried_again_with_fewer_rows()
    {
        await AddAsync(30, "now()");
        await using var other = new NpgsqlConnection(service.Database.ConnectionString);
        await other.OpenAsync(Ct);
        await using var transaction = await other.BeginTransactionAsync(Ct);
        await using (var hold = new NpgsqlCommand($"select from gallery.image where image_id = (select image_id from gallery.image where user_id = '{_user}' order by image_id offset 10 limit 1) for update", other, transaction)) await hold.ExecuteNonQueryAsync(Ct);
        var connection = new NpgsqlConnectionStringBuilder(service.Database.ConnectionString) { Pooling = true, Options = "-c lock_timeout=100ms" };
        await using var source = GalleryDatabase.Create(connection, Given.Settings());
        var erasure = new ErasureRepository(source);
        List<int> sizes = [];

        Assert.True(await Portions.RepeatAsync(
            async limit =>
            {
                sizes.Add(limit);
                if (sizes is [.., 1, 1])    // the locked row is the first one now
                {
                    Assert.Equal(20, await CountAsync());
                    await transaction.RollbackAsync(Ct);
                }

                return (await erasure.EmptyTrashAsync(Sweep, _user, limit, Ct)).Count;
            },
            () => true));

        Assert.Equal([20, 5, 20, 5, 20, 5, 1, 1], sizes[..8]);
        Assert.Equal(0, await CountAsync());
    }

    [Fact]
    public async Task A_row_that_stays_locked_ends_the_batches()
    {
        var tries = 0;
        var locked = new PostgresException("locked", "ERROR", "ERROR", PostgresErrorCodes.LockNotAvailable);

        Assert.Same(locked, await Assert.ThrowsAsync<PostgresException>(() => Portions.RepeatAsync(_ => ++tries < 100 ? throw locked : Task.FromResult(0), () => true)));

        Assert.Equal(11, tries);
    }

    [Theory]
    [InlineData("deleted_at = deleted_at + interval '1 second'", true)]
    [InlineData("deleted_at = deleted_at + interval '1 second'", false)]
    [InlineData("user_id = 'someone_else'", true)]
    [InlineData("user_id = 'someone_else'", false)]
    public async Task An_image_that_was_restored_and_trashed_again_or_changed_its_owner_meanwhile_stays(string change, bool empties)
    {
        await AddAsync(1, "now() - interval '500 days'");
        var id = await service.Database.FindAsync<Guid>($"select image_id from gallery.image where user_id = '{_user}'");
        await using var other = new NpgsqlConnection(service.Database.ConnectionString);
        await other.OpenAsync(Ct);
        await using var transaction = await other.BeginTransactionAsync(Ct);
        await using (var again = new NpgsqlCommand($"update gallery.image set {change} where user_id = '{_user}'", other, transaction)) await again.ExecuteNonQueryAsync(Ct);
        await using var source = service.Database.CreateSource();
        var erasure = new ErasureRepository(source);
        var purge = empties ? erasure.EmptyTrashAsync(Sweep, _user, 1_000, Ct) : erasure.PurgeOldTrashAsync(Sweep, 400, 1_000, Ct);
        await service.Database.WaitForWaitersAsync(request: purge);
        await transaction.CommitAsync(Ct);

        Assert.DoesNotContain(id, (await purge).OfType<Guid>());
        Assert.Equal(1, await service.Database.FindAsync<long>($"select count(*) from gallery.image where image_id = '{id}'"));
    }

    [Fact]
    public async Task A_day_has_24_hours_even_where_the_clocks_change()
    {
        var connection = new NpgsqlConnectionStringBuilder(service.Database.ConnectionString) { Pooling = true, Timezone = "Europe/Berlin" };
        await using var source = GalleryDatabase.Create(connection, Given.Settings());
        int days;
        await using (var find = source.CreateCommand("select n from generate_series(1, 400) as n where now() - make_interval(days => n) <> now() - make_interval(hours => 24 * n) limit 1"))
            days = (int)(await find.ExecuteScalarAsync(Ct))!;

        // One image and one event on each side: 24 hours a day ago, give or take half an hour.
        await service.Database.ExecuteAsync(
            $"""
            insert into gallery.image (image_id, user_id, image_url, deleted_at)
            select gen_random_uuid(), '{_user}', 'x', now() - make_interval(hours => 24 * {days}, mins => n) from unnest(array[-30, 30]) as n;
            insert into gallery.image_event (image_id, revision, event, occurred_at, user_id)
            select gen_random_uuid(), 1, 'trashed', now() - make_interval(hours => 24 * {days}, mins => n), '{_user}' from unnest(array[-30, 30]) as n
            """);
        var erasure = new ErasureRepository(source);
        await erasure.PurgeOldTrashAsync(Sweep, days, 1_000, Ct);
        await erasure.PurgeOldEventsAsync(days, 1_000, Ct);

        Assert.Equal((1, 1), (await CountAsync(), await service.Database.FindAsync<long>($"select count(*) from gallery.image_event where user_id = '{_user}' and event = 'trashed'")));
    }

    [Fact]
    public async Task A_sweep_of_the_trash_that_fails_does_not_keep_old_history()
    {
        await AddAsync(1, "now() - interval '100 days'");
        var id = Guid.NewGuid();
        await service.Database.ExecuteAsync(
            $"""
            insert into gallery.image_event (image_id, revision, event, occurred_at, user_id) values ('{id}', 1, 'created', now() - interval '100 days', '{_user}');
            create function gallery.refuse() returns trigger language plpgsql as $f$ begin raise 'no'; end $f$;
            create trigger refuse before delete on gallery.image for each row when (old.user_id = '{_user}') execute function gallery.refuse();
            """);
        try
        {
            await using var sweeping = await Observability.ObservedService.StartAsync(service.Database.ConnectionString, "GALLERY_TRASH_DAYS=90", "GALLERY_HISTORY_DAYS=90");
            using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
            while (await service.Database.FindAsync<long>($"select count(*) from gallery.image_event where image_id = '{id}'") > 0) await Task.Delay(50, patience.Token);
            Assert.Equal(1, await CountAsync());
        }
        finally
        {
            await service.Database.ExecuteAsync("drop trigger refuse on gallery.image");
        }
    }

    private Task AddAsync(int count, string deletedAt) => service.Database.ExecuteAsync(
        $"insert into gallery.image (image_id, user_id, image_url, deleted_at) select gen_random_uuid(), '{_user}', 'x', {deletedAt} from generate_series(1, {count})");

    private Task<long> CountAsync() => service.Database.FindAsync<long>($"select count(*) from gallery.image where user_id = '{_user}'");

    /// <summary>As if each image had thousands of rows in other tables.</summary>
    private Task MakeSlowAsync() => service.Database.ExecuteAsync(
        $"""
        create or replace function gallery.slow() returns trigger language plpgsql as $f$ begin perform pg_sleep(0.008); return old; end $f$;
        create or replace trigger slow before delete on gallery.image for each row when (old.user_id = '{_user}') execute function gallery.slow();
        """);
}
