using Gallery.Sql.Migrations;
using Gallery.Tests.Database;

namespace Gallery.Tests.Migrations;

public sealed class FailureTests(TestServer server)
{
    private static readonly string[] Statements =
    [
        "create schema extra",
        "create table extra.thing (id int primary key, name text not null default 'x;y')",
        "create function extra.f() returns int language plpgsql as $f$ begin return 1; end; $f$",
        "insert into extra.thing (id) select generate_series(1, 10)",
        "create index thing_name_idx on extra.thing (name)",
        "comment on table extra.thing is 'a comment; with a semicolon'",
        "alter table extra.thing add column more text",
    ];

    [Fact]
    public async Task A_script_that_fails_at_any_statement_leaves_the_catalog_as_it_was()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);
        using var scripts = new ScriptsOnDisk().Put("0001_create_gallery.sql", "create schema gallery;");
        await database.ApplyAsync(scripts);
        var before = await database.CatalogAsync();

        for (var k = 0; k <= Statements.Length; k++)
        {
            scripts.Put("0002_do_much.sql", string.Join(";\n", [.. Statements[..k], "select 1 / 0", .. Statements[k..]]) + ";");

            var failure = await database.FailToApplyAsync(scripts);

            Assert.Equal(ExitCode.ScriptFailed, failure.ExitCode);
            Assert.Contains("22012 division by zero", failure.Message, StringComparison.Ordinal);
            Assert.Equal(before, await database.CatalogAsync());
            Assert.Equal(["0001_create_gallery.sql"], await database.AppliedAsync());
        }

        scripts.Put("0002_do_much.sql", string.Join(";\n", Statements) + ";");
        Assert.Equal(["0002_do_much.sql"], await database.ApplyAsync(scripts));
    }

    [Fact]
    public async Task An_error_is_printed_once_with_line_column_statement_and_what_to_do()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);
        using var scripts = new ScriptsOnDisk().Put("0001_fail_oddly.sql", """
            create schema gallery;
            /* nested /* ; */ comment */
            select '{0} %s 100% {} naïve 🙂',
                   no_such_column;
            """);

        var run = await Exe.RunAsync(database, "apply", "--scripts", scripts.Folder);

        Assert.Equal(4, run.ExitCode);
        Assert.Empty(run.Output);
        var position = $"{scripts.PathOf("0001_fail_oddly.sql")}:7:8  42703 column \"no_such_column\" does not exist";
        Assert.Equal(2, run.Error.Split("no_such_column\" does not exist").Length);
        Assert.Contains(position, run.Error, StringComparison.Ordinal);
        Assert.Contains("    select '{0} %s 100% {} naïve 🙂',\n", run.Error, StringComparison.Ordinal);
        Assert.Contains("rolled back: all of 0001_fail_oddly.sql", run.Error, StringComparison.Ordinal);
        Assert.Contains("next: ", run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_column_after_a_character_of_two_UTF_16_units_is_the_one_that_editors_show()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);
        using var scripts = new ScriptsOnDisk().Put("0001_fail_late.sql", "select '🙂', nope;");

        var failure = await database.FailToApplyAsync(scripts);

        Assert.Contains("0001_fail_late.sql:4:14  42703", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_error_with_a_hint_and_braces_is_printed_in_full()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);
        using var scripts = new ScriptsOnDisk().Put("0001_raise_error.sql",
            "do $$ begin raise exception 'bad {thing} 100%% {0}' using hint = 'try {1}', errcode = 'GA001'; end $$;");

        var run = await Exe.RunAsync(database, "apply", "--scripts", scripts.Folder);

        Assert.Equal(4, run.ExitCode);
        Assert.Contains("GA001 bad {thing} 100% {0}", run.Error, StringComparison.Ordinal);
        Assert.Contains("hint: try {1}", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Scripts_before_a_failed_one_stay_applied_and_the_next_run_continues_there()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);
        using var scripts = new ScriptsOnDisk()
            .Put("0001_create_gallery.sql", "create schema gallery;")
            .Put("0002_fail_once.sql", "select 1 / 0;");

        await database.FailToApplyAsync(scripts);
        scripts.Put("0002_fail_once.sql", "select 1;");

        Assert.Equal(["0002_fail_once.sql"], await database.ApplyAsync(scripts));
    }

    [Fact]
    public async Task A_concurrent_script_that_fails_is_half_done_until_someone_resolves_it()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);
        using var scripts = new ScriptsOnDisk()
            .Put("0001_create_thing.sql", "create schema gallery; create table gallery.thing (id int); insert into gallery.thing values (1), (1);")
            .PutConcurrent("0002_index_thing.sql", "create unique index concurrently thing_id_key on gallery.thing (id);");

        // A duplicate row leaves the index invalid.
        var failed = await Exe.RunAsync(database, "apply", "--scripts", scripts.Folder);
        var again = await Exe.RunAsync(database, "apply", "--scripts", scripts.Folder);
        var status = await Exe.RunAsync(database, "status", "--scripts", scripts.Folder, "--exit-code");
        Assert.Equal([5, 5, 5], [failed.ExitCode, again.ExitCode, status.ExitCode]);
        Assert.Contains("half done", status.Output, StringComparison.Ordinal);

        // "applied" is rejected while the index is invalid.
        string[] resolve = ["resolve", "0002_index_thing.sql", "--scripts", scripts.Folder, "--reason", "duplicate removed", "--as"];
        Assert.Equal(6, (await Exe.RunAsync(database, [.. resolve, "applied"])).ExitCode);

        // Pending, but the invalid index still fails the run.
        Assert.Equal(0, (await Exe.RunAsync(database, [.. resolve, "pending"])).ExitCode);
        var invalid = await Exe.RunAsync(database, "apply", "--scripts", scripts.Folder);
        Assert.Equal(6, invalid.ExitCode);
        Assert.Contains("drop index concurrently gallery.thing_id_key", invalid.Error, StringComparison.Ordinal);

        await database.ExecuteAsync("drop index gallery.thing_id_key; delete from gallery.thing");
        Assert.Equal(0, (await Exe.RunAsync(database, "apply", "--scripts", scripts.Folder)).ExitCode);

        var history = await database.ListAsync("select state || ': ' || coalesce(reason, '') from gallery_migrations.journal where script like '0002%' order by started_at");
        Assert.Equal(["resolved: duplicate removed", "applied: "], history);
    }

    [Fact]
    public async Task A_killed_concurrent_script_leaves_a_trace_and_can_be_resolved_as_applied()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);
        using var scripts = new ScriptsOnDisk().Put("0001_create_thing.sql", "create schema gallery; create table gallery.thing (id int);");
        await database.ApplyAsync(scripts);
        scripts.PutConcurrent("0002_index_thing.sql", "create index concurrently thing_id_idx on gallery.thing (id);");
        var script = scripts.Read()[1];
        await database.ExecuteAsync($"""
            insert into gallery_migrations.journal (script, run_id, checksum, body, state, in_transaction, client, tool_version)
            values ('{script.Name}', gen_random_uuid(), '{script.Checksum}', $b${script.Body}$b$, 'running', false, 'a test', '0');
            """);   // what a run leaves if it is killed after its first statement
        await database.ExecuteAsync("create index thing_id_idx on gallery.thing (id)");

        Assert.Equal(5, (await Exe.RunAsync(database, "apply", "--scripts", scripts.Folder)).ExitCode);
        Assert.Equal(0, (await Exe.RunAsync(database, "resolve", script.Name, "--as", "applied", "--reason", "index is valid")).ExitCode);
        Assert.Equal(0, (await Exe.RunAsync(database, "apply", "--scripts", scripts.Folder)).ExitCode);
        Assert.Equal(2, (await Exe.RunAsync(database, "resolve", script.Name, "--as", "applied", "--reason", "again")).ExitCode);
        Assert.Equal(["resolved", "applied"], await database.ListAsync("select state from gallery_migrations.journal where script like '0002%' order by started_at"));
    }

    [Theory]
    [InlineData("select pg_terminate_backend(pg_backend_pid());")]
    [InlineData("""
        create function gallery.die() returns trigger language plpgsql as $$ begin perform pg_terminate_backend(pg_backend_pid()); return null; end $$;
        create constraint trigger die after insert on gallery.thing deferrable initially deferred for each row execute function gallery.die();
        insert into gallery.thing values (1);
        """)]   // while it commits
    public async Task After_a_lost_connection_the_outcome_is_unknown(string statements)
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);
        using var scripts = new ScriptsOnDisk().Put("0001_create_thing.sql", "create schema gallery; create table gallery.thing (id int);");
        await database.ApplyAsync(scripts);
        scripts.Put("0002_lose_connection.sql", statements);

        var run = await Exe.RunAsync(database, "apply", "--scripts", scripts.Folder);

        Assert.Equal((8, ""), (run.ExitCode, run.Output));
        Assert.Contains("unknown: whether all of 0002_lose_connection.sql was committed or rolled back.", run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("correct the script", run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_batched_script_whose_connection_is_lost_goes_on()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);
        using var scripts = new ScriptsOnDisk()
            .Put("0001_create_thing.sql", """
                create schema gallery; create table gallery.thing (id int primary key, b int); insert into gallery.thing select generate_series(1, 20);
                create function gallery.die() returns int language plpgsql volatile as $$ begin perform pg_terminate_backend(pg_backend_pid()); return 1; end $$;
                """)
            .PutBatched("0002_fill_thing.sql", "update gallery.thing set b = case when id < 11 then 1 else gallery.die() end where b is null and id in (select t.id from gallery.thing as t where t.b is null order by t.id limit 10);");

        var lost = await Exe.RunAsync(database, "apply", "--scripts", scripts.Folder);
        await database.ExecuteAsync("create or replace function gallery.die() returns int language sql as 'select 1'");
        var resumed = await Exe.RunAsync(database, "apply", "--scripts", scripts.Folder);

        Assert.Equal((8, 0), (lost.ExitCode, resumed.ExitCode));
        Assert.Contains("unknown: whether the last batch of 0002_fill_thing.sql was committed", lost.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_script_that_breaks_a_rule_does_not_start()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);
        using var scripts = new ScriptsOnDisk().Put("0001_create_gallery.sql", "create schema gallery; commit;");

        var failure = await database.FailToApplyAsync(scripts);

        Assert.Equal(ExitCode.Usage, failure.ExitCode);
        Assert.False(await database.ScalarAsync<bool>("select to_regnamespace('gallery') is not null"));
    }
}
