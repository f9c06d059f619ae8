using System.Diagnostics;
using Dapper;
using Gallery.Sql.Migrations;
using Gallery.Tests.Database;
using Npgsql;

namespace Gallery.Tests.Migrations;

public sealed class ConcurrencyTests(TestServer server)
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]   // if the journal exists, DbUp alone runs the script twice
    public async Task Of_two_runs_at_once_one_applies_and_both_succeed(bool warm)
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);
        using var scripts = new ScriptsOnDisk().Put("0001_create_run.sql", "create schema gallery; create table gallery.run (pid int);");
        if (warm)
            await database.ApplyAsync(scripts);
        scripts.Put("0002_insert_run.sql", "insert into gallery.run values (pg_backend_pid()); select pg_sleep(1);");

        using var one = Exe.Start(database.ConnectionString, "apply", "--scripts", scripts.Folder);
        using var two = Exe.Start(database.ConnectionString, "apply", "--scripts", scripts.Folder);
        var runs = new[] { await one.WaitAsync(), await two.WaitAsync() };

        Assert.All(runs, run => Assert.Equal(0, run.ExitCode));
        Assert.Single(runs, run => run.Output.Contains("0002_insert_run.sql", StringComparison.Ordinal));
        Assert.Equal(1, await database.ScalarAsync<int>("select count(*) from gallery.run"));
    }

    [Fact]
    public async Task Of_two_runs_of_an_approved_plan_the_loser_succeeds()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);
        using var scripts = new ScriptsOnDisk().Put("0001_create_run.sql", "create schema gallery; select pg_sleep(1);");
        var hash = MigrationPlan.Make(scripts.Read(), [], target: null).Hash;

        using var one = Exe.Start(database.ConnectionString, "apply", "--scripts", scripts.Folder, "--expect-plan", hash);
        using var two = Exe.Start(database.ConnectionString, "apply", "--scripts", scripts.Folder, "--expect-plan", hash);

        Assert.Equal(0, (await one.WaitAsync()).ExitCode);
        Assert.Equal(0, (await two.WaitAsync()).ExitCode);
        Assert.Equal(["0001_create_run.sql"], await database.AppliedAsync());
    }

    [Fact]
    public async Task A_concurrent_index_and_a_waiting_run_do_not_wait_for_each_other()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);
        using var scripts = await ScriptsOfAnIndexAsync(database);
        await using var reader = await database.OpenAsync();
        await using var old = await reader.BeginTransactionAsync(TestContext.Current.CancellationToken);
        await reader.ExecuteAsync("select * from gallery.run");   // the index must wait for it

        using var one = Exe.Start(database.ConnectionString, "apply", "--scripts", scripts.Folder);
        using var two = Exe.Start(database.ConnectionString, "apply", "--scripts", scripts.Folder);
        await Task.Delay(TimeSpan.FromSeconds(1.5), TestContext.Current.CancellationToken);
        await old.CommitAsync(TestContext.Current.CancellationToken);

        Assert.Equal(0, (await one.WaitAsync()).ExitCode);
        Assert.Equal(0, (await two.WaitAsync()).ExitCode);
        Assert.Equal(["0001_create_run.sql", "0002_index_run.sql"], await database.AppliedAsync());
    }

    [Fact]
    public async Task After_a_run_killed_in_mid_script_the_next_one_runs_the_script_once()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);
        using var scripts = new ScriptsOnDisk().Put("0001_create_run.sql", "create schema gallery; create table gallery.run (id int); select pg_sleep(120);");
        using var killed = Exe.Start(database.ConnectionString, "apply", "--scripts", scripts.Folder);
        await UntilAsync(database, "select exists (select from pg_stat_activity where query like 'select pg_sleep(120)%' and datname = current_database() and pid <> pg_backend_pid())");

        killed.Kill();
        scripts.Put("0001_create_run.sql", "create schema gallery; create table gallery.run (id int); insert into gallery.run values (1);");
        var waited = Stopwatch.StartNew();
        var next = await Exe.RunAsync(database, "apply", "--scripts", scripts.Folder);

        Assert.Equal(0, next.ExitCode);
        Assert.Equal(1, await database.ScalarAsync<int>("select count(*) from gallery.run"));
        // The killed run's session holds the lock until the server notices, within 5 s, that the client is gone.
        Assert.InRange(waited.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(20));
    }

    [Fact]
    public async Task A_terminated_run_rolls_back_and_exits_with_1()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);
        using var scripts = new ScriptsOnDisk().Put("0001_create_run.sql", "create schema gallery; select pg_sleep(120);");
        using var run = Exe.Start(database.ConnectionString, "apply", "--scripts", scripts.Folder);
        await UntilAsync(database, "select exists (select from pg_stat_activity where query like 'select pg_sleep(120)%' and datname = current_database() and pid <> pg_backend_pid())");

        using var kill = Process.Start("kill", ["-TERM", $"{run.Id}"]);
        var result = await run.WaitAsync();

        Assert.Equal(1, result.ExitCode);
        Assert.Contains("cancelled: nothing of 0001_create_run.sql was applied", result.Error, StringComparison.Ordinal);
        Assert.False(await database.ScalarAsync<bool>("select to_regnamespace('gallery') is not null"));
        Assert.False(await database.ScalarAsync<bool>("select exists (select from pg_stat_activity where application_name = 'gallery-migrate' and state = 'active' and datname = current_database())"));
    }

    [Fact]
    public async Task A_run_that_waits_too_long_names_the_holder_and_exits_with_7()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);
        var holding = new NpgsqlConnectionStringBuilder(database.ConnectionString) { ApplicationName = "someone-else", Pooling = false };
        await using var holder = new NpgsqlConnection(holding.ConnectionString);
        await holder.OpenAsync(TestContext.Current.CancellationToken);
        await holder.ExecuteAsync($"select pg_advisory_lock({MigrationLock.Key})");
        var run = await Exe.RunAsync(database, "apply", "--wait-lock", "500ms");

        Assert.Equal(7, run.ExitCode);
        Assert.Contains("someone-else", run.Error, StringComparison.Ordinal);
        Assert.Contains($"pid {holder.ProcessID}", run.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("status", "--exit-code")]
    [InlineData("plan")]
    [InlineData("verify")]
    public async Task A_script_of_a_run_that_is_under_way_is_not_half_done(params string[] command)
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);
        using var scripts = await ScriptsOfAnIndexAsync(database);
        await using var reader = await database.OpenAsync();
        await using var old = await reader.BeginTransactionAsync(TestContext.Current.CancellationToken);
        await reader.ExecuteAsync("select * from gallery.run");   // the index must wait for it
        using var running = Exe.Start(database.ConnectionString, "apply", "--scripts", scripts.Folder);
        await UntilAsync(database, "select exists (select from pg_index where not indisvalid)");

        var run = await Exe.RunAsync(database, [.. command, "--scripts", scripts.Folder]);
        await old.CommitAsync(TestContext.Current.CancellationToken);

        Assert.Equal((7, 0), (run.ExitCode, (await running.WaitAsync()).ExitCode));
        Assert.Contains("a run of the migrator is under way: gallery-migrate as ", run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("drop index", run.Error, StringComparison.Ordinal);
        if (command[0] == "status") Assert.Matches(@"0002_index_run\.sql +running", run.Output);
    }

    [Fact]
    public async Task A_run_that_is_cancelled_while_it_waits_has_changed_nothing()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);
        await using var holder = await database.OpenAsync();
        await holder.ExecuteAsync($"select pg_advisory_lock({MigrationLock.Key})");
        using var run = Exe.Start(database.ConnectionString, "apply");
        await UntilAsync(database, "select exists (select from pg_stat_activity where application_name = 'gallery-migrate' and query like '%pg_try_advisory_lock%' and datname = current_database())");

        using var kill = Process.Start("kill", ["-TERM", $"{run.Id}"]);
        var result = await run.WaitAsync();

        Assert.Equal(1, result.ExitCode);
        Assert.EndsWith("\ncancelled: nothing was changed.\n", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_journal_rejects_a_second_live_row_of_a_script()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: true);

        var error = await Assert.ThrowsAsync<PostgresException>(() => database.ExecuteAsync("""
            insert into gallery_migrations.journal (script, run_id, checksum, body, state, in_transaction, client, tool_version)
            select script, gen_random_uuid(), checksum, body, state, in_transaction, client, tool_version from gallery_migrations.journal
            """));

        Assert.Equal("journal_script_live_idx", error.ConstraintName);
    }

    [Fact]
    public async Task Behind_a_reader_others_wait_no_longer_than_the_lock_time_out_and_a_retry_succeeds()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: true);
        using var scripts = new ScriptsOnDisk();
        foreach (var script in ScriptFolder.ReadEmbedded())
            File.WriteAllText(scripts.PathOf(script.Name), script.Body);
        scripts.Put("9999_add_note.sql", "alter table gallery.image add column note text;");
        await using var reader = await database.OpenAsync();
        await using var reading = await reader.BeginTransactionAsync(TestContext.Current.CancellationToken);
        await reader.ExecuteAsync("select count(*) from gallery.image");

        using var run = Exe.Start(database.ConnectionString,
            "apply", "--scripts", scripts.Folder, "--lock-timeout", "600ms", "--lock-retries", "9");
        await UntilAsync(database, "select exists (select from pg_locks where not granted and relation = 'gallery.image'::regclass)");
        var waited = Stopwatch.StartNew();
        await database.ExecuteAsync("select count(*) from gallery.image");   // queued behind the script, which times out
        waited.Stop();
        await reading.CommitAsync(TestContext.Current.CancellationToken);
        var result = await run.WaitAsync();

        Assert.Equal(0, result.ExitCode);
        Assert.InRange(waited.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(2));
        Assert.Contains($"blocked by pid {reader.ProcessID}", result.Error, StringComparison.Ordinal);
        Assert.Contains("9999_add_note.sql", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void By_default_a_script_waits_3_s_for_a_lock_and_is_retried_5_times()
    {
        Assert.Equal(TimeSpan.FromSeconds(3), ApplyOptions.Default.LockTimeout);
        Assert.Equal(5, ApplyOptions.Default.LockRetries);
    }

    /// <summary>A script that was applied, and one that builds an index concurrently.</summary>
    private static async Task<ScriptsOnDisk> ScriptsOfAnIndexAsync(TestDatabase database)
    {
        var scripts = new ScriptsOnDisk().Put("0001_create_run.sql", "create schema gallery; create table gallery.run (id int);");
        await database.ApplyAsync(scripts);
        return scripts.PutConcurrent("0002_index_run.sql", "create index concurrently run_id_idx on gallery.run (id);");
    }

    private static async Task UntilAsync(TestDatabase database, string condition)
    {
        for (var tries = 0; !await database.ScalarAsync<bool>(condition); tries++)
        {
            Assert.True(tries < 300, $"This did not become true: {condition}");
            await Task.Delay(50, TestContext.Current.CancellationToken);
        }
    }
}
