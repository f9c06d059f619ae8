using Gallery.Sql.Migrations;
using Gallery.Tests.Database;

namespace Gallery.Tests.Migrations;

/// <summary>A script with <c>-- migrator: batched</c> changes many rows in short transactions, and goes on where it stopped.</summary>
public sealed class BatchedTests(TestServer server)
{
    private const string Backfill = "update gallery.thing set b = id where id in (select t.id from gallery.thing as t where t.b is null order by t.id limit 1000);";

    [Fact]
    public async Task It_runs_until_it_changes_nothing_and_commits_each_batch()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);
        using var scripts = Scripts();

        var run = await Exe.RunAsync(database, "apply", "--scripts", scripts.Folder);

        Assert.Equal("", run.ExitCode == 0 ? "" : run.Error);
        Assert.Equal(0, await database.ScalarAsync<int>("select count(*)::int from gallery.thing where b is distinct from id"));
        Assert.Equal(3, await database.ScalarAsync<int>("select count(distinct xmin::text)::int from gallery.thing"));
        Assert.Equal("applied 2500 rows so far in this run", await database.ScalarAsync<string>("select state || ' ' || reason from gallery_migrations.journal where script like '0002%'"));
    }

    [Fact]
    public async Task It_keeps_the_batches_before_a_failure_and_goes_on_after_them()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);
        using var scripts = Scripts("constraint not_1500 check (b is distinct from 1500)");

        var failed = await Exe.RunAsync(database, "apply", "--scripts", scripts.Folder);
        var status = await Exe.RunAsync(database, "status", "--exit-code", "--scripts", scripts.Folder);
        var kept = await database.ScalarAsync<int>("select count(*)::int from gallery.thing where b is not null");
        await database.ExecuteAsync("alter table gallery.thing drop constraint not_1500");
        var resumed = await Exe.RunAsync(database, "apply", "--scripts", scripts.Folder);

        Assert.Equal((5, 3, 0), (failed.ExitCode, status.ExitCode, resumed.ExitCode));
        Assert.Contains("rolled back: the last batch of 0002_fill_thing.sql. The batches before it stay.", failed.Error, StringComparison.Ordinal);
        Assert.Equal(1000, kept);
        Assert.Equal(0, await database.ScalarAsync<int>("select count(*)::int from gallery.thing where b is null"));
        Assert.Equal(1, await database.ScalarAsync<int>("select count(*)::int from gallery_migrations.journal where script like '0002%' and state = 'applied'"));
    }

    [Fact]
    public async Task It_waits_for_a_locked_row_and_not_longer_than_the_lock_timeout()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);
        using var scripts = Scripts();
        await database.ApplyAsync(OnlyFirst(scripts));
        await using var holder = await database.OpenAsync();
        await using var transaction = await holder.BeginTransactionAsync(TestContext.Current.CancellationToken);
        await using (var command = new Npgsql.NpgsqlCommand("update gallery.thing set b = 0 where id = 7", holder, transaction)) await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);

        var blocked = await Exe.RunAsync(database, "apply", "--scripts", scripts.Folder, "--lock-timeout", "100ms", "--lock-retries", "0");
        await transaction.RollbackAsync(TestContext.Current.CancellationToken);

        Assert.Equal(5, blocked.ExitCode);
        Assert.Contains("55P03", blocked.Error, StringComparison.Ordinal);
        Assert.Equal(0, (await Exe.RunAsync(database, "apply", "--scripts", scripts.Folder)).ExitCode);
    }

    [Fact]
    public void No_conflict_in_the_journal_asks_for_the_time() =>   // Citus refuses now() there
        Assert.DoesNotContain("now()", JournalSql.InsertOrResume, StringComparison.Ordinal);

    [Fact]
    public async Task A_plan_says_what_its_batches_lock()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);
        using var scripts = Scripts();

        var plan = await Exe.RunAsync(database, "plan", "--scripts", scripts.Folder);

        Assert.Contains("==== 0002_fill_thing.sql (in batches, each in its own transaction)\n==== batched: each batch locks the rows that it changes until it commits", plan.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("update gallery.thing set b = 1;", "add a \"limit\"")]
    [InlineData("with c as (update gallery.thing set b = 1 where id in (select id from gallery.thing limit 10) returning 1) select count(*) from c;", "exactly one")]
    [InlineData("delete from gallery.thing where id in (select id from gallery.thing where name = $gallery_batches$x$gallery_batches$ limit 10);", "another dollar quote")]
    [InlineData("create index i on gallery.thing (b) /* limit */;", "exactly one")]
    [InlineData(Backfill + Backfill, "exactly one")]
    [InlineData("delete from gallery.thing where id in (select id from gallery.thing where name = $gallery_statement$x$gallery_statement$ limit 10);", "another dollar quote")]
    public void A_statement_that_cannot_run_in_batches_is_refused(string statements, string rule) =>
        Assert.Contains(Check("-- migrator: batched\n" + statements), broken => broken.Contains(rule, StringComparison.Ordinal));

    [Fact]
    public void An_unknown_mark_is_refused() =>
        Assert.Contains("unknown mark \"-- migrator: batch\"", Assert.Single(Check("-- migrator: batch\nselect 1;")), StringComparison.Ordinal);

    internal static ScriptsOnDisk Scripts(string? constraint = null) => new ScriptsOnDisk()
        .Put("0001_create_thing.sql", $"create schema gallery; create table gallery.thing (id int primary key, b int{(constraint is null ? "" : ", " + constraint)}); insert into gallery.thing select generate_series(1, 2500);")
        .PutBatched("0002_fill_thing.sql", Backfill);

    private static ScriptsOnDisk OnlyFirst(ScriptsOnDisk scripts)
    {
        var first = new ScriptsOnDisk();
        File.Copy(scripts.PathOf("0001_create_thing.sql"), first.PathOf("0001_create_thing.sql"));
        return first;
    }

    private static IEnumerable<string> Check(string text) => ScriptRules.Check(new MigrationScript("0001_fill_thing.sql", ScriptsOnDisk.Header + text, "0001_fill_thing.sql"));
}
