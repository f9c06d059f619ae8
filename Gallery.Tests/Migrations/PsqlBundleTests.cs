using System.Globalization;
using Dapper;
using Gallery.Sql.Migrations;
using Gallery.Tests.Database;
using Npgsql;

namespace Gallery.Tests.Migrations;

public sealed class PsqlBundleTests(TestServer server)
{
    [Fact]
    public async Task The_bundle_leaves_the_same_catalog_and_journal_as_apply_and_does_nothing_the_second_time()
    {
        await using var byPsql = await server.CreateDatabaseAsync(migrated: false);
        await using var byApply = await server.CreateDatabaseAsync(migrated: false);
        using var scripts = Scripts();
        var bundle = await WriteBundleAsync(byPsql, scripts);

        await byApply.ApplyAsync(scripts);
        var first = await PsqlAsync(byPsql, bundle);
        var journal = await JournalAsync(byPsql);
        var second = await PsqlAsync(byPsql, bundle);

        Assert.Equal((0, ""), (first.ExitCode, first.Error));
        Assert.Equal(await byApply.SnapshotAsync(), await byPsql.SnapshotAsync());
        Assert.Equal(await JournalAsync(byApply), journal);
        Assert.Contains(journal, row => row.Contains("AccessExclusiveLock", StringComparison.Ordinal));
        Assert.Equal((0, ""), (second.ExitCode, second.Error));
        Assert.Equal(journal, await JournalAsync(byPsql));
        Assert.Empty(await byPsql.ApplyAsync(scripts));   // apply accepts the bundle's journal
    }

    [Fact]
    public async Task A_bundle_runs_a_batched_script_in_batches_and_goes_on_after_a_failure()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);
        using var scripts = BatchedTests.Scripts("constraint not_1500 check (b is distinct from 1500)");
        var bundle = await WriteBundleAsync(database, scripts);

        var failed = await PsqlAsync(database, bundle);
        var kept = await database.ScalarAsync<int>("select count(*)::int from gallery.thing where b is not null");
        await database.ExecuteAsync("alter table gallery.thing drop constraint not_1500");
        var resumed = await PsqlAsync(database, bundle);

        Assert.Equal((3, 1000), (failed.ExitCode, kept));
        Assert.Equal((0, ""), (resumed.ExitCode, resumed.Error));
        Assert.Equal(0, await database.ScalarAsync<int>("select count(*)::int from gallery.thing where b is null"));
        Assert.Empty(await database.ApplyAsync(scripts));
    }

    [Fact]
    public async Task A_bundle_stops_at_the_first_error_and_rolls_that_script_back()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);
        using var scripts = Scripts();
        scripts.Put("0004_fail_here.sql", "create table gallery.more (id int); select 1 / 0;").Put("0005_never_run.sql", "create table gallery.never (id int);");

        var run = await PsqlAsync(database, await WriteBundleAsync(database, scripts));

        Assert.Equal(3, run.ExitCode);
        Assert.Equal(3, (await database.AppliedAsync()).Count);
        Assert.False(await database.ScalarAsync<bool>("select coalesce(to_regclass('gallery.more'), to_regclass('gallery.never')) is not null"));
    }

    [Fact]
    public async Task A_bundle_does_nothing_during_another_run_or_after_the_database_has_changed()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);
        using var scripts = Scripts();
        var bundle = await WriteBundleAsync(database, scripts);

        await using var holder = await database.OpenAsync();
        await holder.ExecuteAsync($"select pg_advisory_lock({MigrationLock.Key})");
        Assert.Equal(3, (await PsqlAsync(database, bundle)).ExitCode);
        await holder.ExecuteAsync($"select pg_advisory_unlock({MigrationLock.Key})");

        using var others = new ScriptsOnDisk().Put("0001_create_other.sql", "create schema other;");
        await database.ApplyAsync(others);
        var moved = await PsqlAsync(database, bundle);
        Assert.Equal(3, moved.ExitCode);
        Assert.Contains("the database has changed since this plan was made", moved.Error, StringComparison.Ordinal);
        Assert.False(await database.ScalarAsync<bool>("select to_regnamespace('gallery') is not null"));
    }

    [Fact]
    public async Task A_bundle_does_nothing_while_an_index_is_invalid_and_fails_if_it_leaves_one()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);
        using var scripts = Scripts();
        await database.ApplyAsync(scripts);
        scripts.Put("0004_spoil_index.sql", Spoil);   // like an interrupted run
        var bundle = await WriteBundleAsync(database, scripts);

        await database.ExecuteAsync(Spoil);
        var atTheStart = await PsqlAsync(database, bundle);
        var plan = await Exe.RunAsync(database, "plan", "--scripts", scripts.Folder);
        Assert.Equal((3, 6), (atTheStart.ExitCode, plan.ExitCode));
        Assert.Contains("gallery.thing_id_idx", atTheStart.Error, StringComparison.Ordinal);
        Assert.Equal(3, (await database.AppliedAsync()).Count);

        await database.ExecuteAsync("update pg_index set indisvalid = true where indexrelid = 'gallery.thing_id_idx'::regclass");
        var atTheEnd = await PsqlAsync(database, bundle);
        Assert.Equal(3, atTheEnd.ExitCode);
        Assert.Contains("gallery.thing_id_idx", atTheEnd.Error, StringComparison.Ordinal);
        Assert.Equal(4, (await database.AppliedAsync()).Count);
    }

    [Fact]
    public async Task Each_script_of_a_bundle_starts_with_the_session_as_it_was()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);
        using var scripts = ScriptsOnDisk.Leaking();
        await database.ExecuteAsync($"alter database {new NpgsqlConnectionStringBuilder(database.ConnectionString).Database} set statement_timeout = '2min'");

        var run = await PsqlAsync(database, await WriteBundleAsync(database, scripts));

        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.Equal(2, (await database.AppliedAsync()).Count);
    }

    private const string Spoil = "update pg_index set indisvalid = false where indexrelid = 'gallery.thing_id_idx'::regclass";

    private static ScriptsOnDisk Scripts() => new ScriptsOnDisk()
        .Put("0001_create_thing.sql", """
            create schema gallery;
            create table gallery.thing (id int, label text default ':pending ''@Script'' \x');
            create function gallery.f() returns text language sql as $f$ select 'it''s; @Body' $f$;
            """)
        .Put("0002_alter_thing.sql", "alter table gallery.thing add column more int -- no semicolon at the end")
        .PutConcurrent("0003_index_thing.sql", "create index concurrently thing_id_idx on gallery.thing (id);");

    private static async Task<string> WriteBundleAsync(TestDatabase database, ScriptsOnDisk scripts)
    {
        var plan = await Exe.RunAsync(database, "plan", "--scripts", scripts.Folder, "--output", "sql");
        Assert.Equal("", plan.ExitCode == 0 ? "" : plan.Error);
        var path = Path.Combine(scripts.Folder, "..", "bundle.psql");
        await File.WriteAllTextAsync(path, plan.Output, TestContext.Current.CancellationToken);
        return path;
    }

    private static Task<ExeResult> PsqlAsync(TestDatabase database, string bundle)
    {
        var target = new NpgsqlConnectionStringBuilder(database.ConnectionString);
        var settings = new Dictionary<string, string>
        {
            ["PGHOST"] = target.Host!,
            ["PGPORT"] = target.Port.ToString(CultureInfo.InvariantCulture),
            ["PGUSER"] = target.Username!,
            ["PGPASSWORD"] = target.Password ?? "",
            ["PGDATABASE"] = target.Database!,
        };
        return Programs.RunAsync(Programs.Psql, settings, "-X", "-q", "-f", bundle);
    }

    /// <summary>The journal without the columns that differ by run: ids, times, client.</summary>
    private static Task<IReadOnlyList<string>> JournalAsync(TestDatabase database) => database.ListAsync("""
        select format('%s|%s|%s|%s|%s|%s|%s|%s|%s|%s|%s',
                      script, checksum, body, state, in_transaction, role, tool_version, server_version, locks, error, duration is null)
        from gallery_migrations.journal
        order by script collate "C"
        """);
}
