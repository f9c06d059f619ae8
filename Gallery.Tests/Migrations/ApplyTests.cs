using Gallery.Sql.Migrations;
using Gallery.Tests.Database;
using Npgsql;

namespace Gallery.Tests.Migrations;

public sealed class ApplyTests(TestServer server)
{
    [Fact]
    public async Task An_empty_database_is_brought_to_the_last_script()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);

        var run = await Exe.RunAsync(database, "apply");

        var names = ScriptFolder.ReadEmbedded().Select(script => script.Name).ToArray();
        Assert.Equal(0, run.ExitCode);
        Assert.Equal(names, run.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.Equal(names, await database.AppliedAsync());
        Assert.Equal(ScriptFolder.ReadResource(Snapshot.FileName), await database.SnapshotAsync());
    }

    [Fact]
    public async Task A_second_apply_writes_nothing()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: true);
        var name = new NpgsqlConnectionStringBuilder(database.ConnectionString).Database;
        await database.ExecuteAsync($"alter database {name} set default_transaction_read_only = on");   // any write would now fail

        var run = await Exe.RunAsync(database, "apply");

        Assert.Equal(0, run.ExitCode);
        Assert.Empty(run.Output);
    }

    [Fact]
    public async Task Each_script_starts_with_the_session_as_it_was()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);
        using var scripts = ScriptsOnDisk.Leaking();

        var run = await Exe.RunAsync(database, "apply", "--scripts", scripts.Folder);

        Assert.Equal("", run.ExitCode == 0 ? "" : run.Error);
        Assert.Equal(2, (await database.AppliedAsync()).Count);
    }

    [Fact]
    public async Task Apply_stops_at_its_target()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);
        using var scripts = Three();

        var run = await Exe.RunAsync(database, "apply", "--scripts", scripts.Folder, "--target", "2");

        Assert.Equal(0, run.ExitCode);
        Assert.Equal(["0001_create_one.sql", "0002_create_two.sql"], await database.AppliedAsync());
    }

    [Fact]
    public async Task The_journal_records_the_exact_text_that_ran_and_who_ran_it()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);
        using var scripts = Three();
        await database.ApplyAsync(scripts);

        var rows = await database.JournalAsync();

        Assert.Equal(scripts.Read().Select(script => script.Body), rows.Select(row => row.Body));
        Assert.Equal(scripts.Read().Select(script => script.Checksum), rows.Select(row => row.Checksum));
        Assert.Single(rows.Select(row => row.RunId).Distinct());
        Assert.All(rows, row =>
        {
            Assert.True(row.InTransaction);
            Assert.Contains(Environment.MachineName, row.Client, StringComparison.Ordinal);
            Assert.NotEmpty(row.Role);
            Assert.NotEmpty(row.ToolVersion);
            Assert.NotEmpty(row.ServerVersion);
            Assert.True(row.Duration > TimeSpan.Zero);
        });
    }

    [Fact]
    public async Task Pending_scripts_are_listed_on_a_read_only_database()
    {
        await using var empty = await server.CreateDatabaseAsync(migrated: false);
        await using var database = await server.CreateDatabaseAsync(migrated: true);
        await database.ExecuteAsync("delete from gallery_migrations.journal where script = '0001_create_image.sql'");
        await database.ExecuteAsync($"alter database {new NpgsqlConnectionStringBuilder(database.ConnectionString).Database} set default_transaction_read_only = on");

        Assert.Equal(ScriptFolder.ReadEmbedded().Select(script => script.Name), await ListPendingAsync(empty));
        Assert.Equal(["0001_create_image.sql"], await ListPendingAsync(database));
    }

    [Fact]
    public async Task A_scripts_notice_is_logged_and_dollar_quotes_are_left_alone()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);
        using var scripts = new ScriptsOnDisk().Put("0001_say_hello.sql", """
            do $body$ begin raise notice 'hello {0} 100%%; from $body'; end $body$;
            """);

        var run = await Exe.RunAsync(database, "apply", "--scripts", scripts.Folder);

        Assert.Equal(0, run.ExitCode);
        Assert.Contains("0001_say_hello.sql: NOTICE: hello {0} 100%; from $body", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Scripts_run_without_the_time_outs_and_search_path_of_the_database_and_the_client()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);
        var name = new NpgsqlConnectionStringBuilder(database.ConnectionString).Database;
        await database.ExecuteAsync($"alter database {name} set statement_timeout = '200ms'; alter database {name} set search_path = public");
        using var scripts = new ScriptsOnDisk().Put("0001_wait_long.sql", """
            select pg_sleep(1.5);
            do $$ begin assert current_setting('search_path') = 'pg_catalog'; end $$;
            do $$ begin assert current_setting('client_connection_check_interval') = '5s'; end $$;
            """);

        var withShortClient = new NpgsqlConnectionStringBuilder(database.ConnectionString) { CommandTimeout = 1 }.ConnectionString;
        var run = await Exe.RunAsync(withShortClient, "apply", "--scripts", scripts.Folder);

        Assert.Equal("", run.ExitCode == 0 ? "" : run.Error);
    }

    private static ScriptsOnDisk Three() => new ScriptsOnDisk()
        .Put("0001_create_one.sql", "create schema gallery; create table gallery.one (id int);")
        .Put("0002_create_two.sql", "create table gallery.two (id int);")
        .Put("0003_create_three.sql", "create table gallery.three (id int);");

    private static async Task<IReadOnlyList<string>> ListPendingAsync(TestDatabase database)
    {
        await using var source = NpgsqlDataSource.Create(database.ConnectionString);
        return await Migrator.ListPendingAsync(source, TestContext.Current.CancellationToken);
    }
}
