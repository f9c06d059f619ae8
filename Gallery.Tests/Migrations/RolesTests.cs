using Dapper;
using Gallery.Sql.Migrations;
using Gallery.Tests.Database;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace Gallery.Tests.Migrations;

public sealed class RolesTests(TestServer server)
{
    [Fact]
    public async Task The_migrator_needs_no_create_on_the_database_and_the_service_changes_rows_only()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);
        await TestRoles.RunFileAsync(server, database.ConnectionString);
        await TestRoles.RunFileAsync(server, database.ConnectionString);   // running it again changes nothing

        Assert.False(await database.ScalarAsync<bool>("select has_database_privilege('gallery_migrator', current_database(), 'create')"));
        Assert.False(await database.ScalarAsync<bool>("select has_database_privilege('gallery_owner', current_database(), 'create')"));
        var run = await Exe.RunAsync(TestRoles.As(TestRoles.Migrator, database.ConnectionString), "apply");
        Assert.Equal("", run.ExitCode == 0 ? "" : run.Error);
        Assert.Equal(0, (await Exe.RunAsync(TestRoles.As(TestRoles.Migrator, database.ConnectionString), "verify")).ExitCode);
        Assert.Equal("gallery_owner", await database.ScalarAsync<string>("select relowner::regrole::text from pg_class where oid = 'gallery.image'::regclass"));
        Assert.Equal(["gallery_migrator"], await database.ListAsync("select distinct role from gallery_migrations.journal"));

        await using var app = await OpenAsync(TestRoles.Service, database);
        await app.ExecuteAsync("insert into gallery.image (image_id, user_id, image_url) values (gen_random_uuid(), 'u', 'x')");
        await app.ExecuteAsync("update gallery.image set intent = 'x'; delete from gallery.image");
        await database.ExecuteAsync("create function public.concat(integer, text) returns text language sql as $$ select 'not the built-in one' $$");
        Assert.Equal("1-", await app.ExecuteScalarAsync<string>("select concat(1, '-'::text)"));
        foreach (var forbidden in new[] { "create table gallery.x (id int)", "drop table gallery.image", "truncate gallery.image", "delete from gallery_migrations.journal" })
            Assert.Equal("42501", (await Assert.ThrowsAsync<PostgresException>(() => app.ExecuteAsync(forbidden))).SqlState);

        await using var reader = await OpenAsync(TestRoles.Reader, database);
        await reader.ExecuteAsync("select count(*) from gallery.image");
        Assert.Equal("42501", (await Assert.ThrowsAsync<PostgresException>(() => reader.ExecuteAsync("delete from gallery.image"))).SqlState);

        // The service lists pending scripts with its own role.
        await using var source = NpgsqlDataSource.Create(TestRoles.As(TestRoles.Service, database.ConnectionString));
        Assert.Empty(await Migrator.ListPendingAsync(source, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_script_that_changes_the_role_does_not_change_it_for_the_next_script()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);
        await TestRoles.RunFileAsync(server, database.ConnectionString);
        using var scripts = new ScriptsOnDisk()
            .Put("0001_leak_role.sql", "do $$ begin perform set_config('role', 'gallery_migrator', false); end $$;")
            .Put("0002_check_role.sql", "do $$ begin assert current_user = 'gallery_owner'; end $$;");

        var run = await Exe.RunAsync(TestRoles.As(TestRoles.Migrator, database.ConnectionString), "apply", "--scripts", scripts.Folder);

        Assert.Equal("", run.ExitCode == 0 ? "" : run.Error);
    }

    [Fact]
    public async Task A_role_that_may_not_migrate_is_refused_with_8()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);
        await TestRoles.RunFileAsync(server, database.ConnectionString);

        var beforeAnything = await Exe.RunAsync(TestRoles.As(TestRoles.Service, database.ConnectionString), "apply");
        await Exe.RunAsync(TestRoles.As(TestRoles.Migrator, database.ConnectionString), "apply");
        using var scripts = new ScriptsOnDisk();
        foreach (var script in ScriptFolder.ReadEmbedded())
            File.WriteAllText(scripts.PathOf(script.Name), script.Body);
        scripts.Put("9999_create_more.sql", "create table gallery.more (id int);");
        var withJournal = await Exe.RunAsync(TestRoles.As(TestRoles.Service, database.ConnectionString), "apply", "--scripts", scripts.Folder);

        Assert.Equal((8, 8), (beforeAnything.ExitCode, withJournal.ExitCode));
        Assert.Contains("gallery_migrator", withJournal.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_database_that_was_migrated_before_the_roles_existed_becomes_the_owners()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);
        await Migrator.ApplyAsync(database.ConnectionString, NullLogger.Instance, TestContext.Current.CancellationToken);   // as the superuser
        await TestRoles.RunFileAsync(server, database.ConnectionString);
        using var scripts = new ScriptsOnDisk();
        foreach (var script in ScriptFolder.ReadEmbedded())
            File.WriteAllText(scripts.PathOf(script.Name), script.Body);
        scripts.Put("9999_alter_image.sql", "alter table gallery.image add column note text;");

        var run = await Exe.RunAsync(TestRoles.As(TestRoles.Migrator, database.ConnectionString), "apply", "--scripts", scripts.Folder);

        Assert.Equal("", run.ExitCode == 0 ? "" : run.Error);
    }

    [Fact]
    public async Task The_owners_of_a_database_that_was_migrated_before_the_roles_existed_pass_verify()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);
        await Migrator.ApplyAsync(database.ConnectionString, NullLogger.Instance, TestContext.Current.CancellationToken);   // as the superuser
        await TestRoles.RunFileAsync(server, database.ConnectionString);

        var run = await Exe.RunAsync(database, "verify");

        Assert.Equal("", run.ExitCode == 0 ? "" : run.Error);
    }

    [Fact]
    public async Task The_service_waits_a_quarter_of_a_second_for_a_lock_and_2_seconds_for_a_statement()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: true);
        await using var admin = new NpgsqlConnection(database.ConnectionString);
        await admin.OpenAsync(TestContext.Current.CancellationToken);
        await using var transaction = await admin.BeginTransactionAsync(TestContext.Current.CancellationToken);
        await admin.ExecuteAsync("lock table gallery.image in access exclusive mode");
        await using var app = await OpenAsync(TestRoles.Service, database);

        Assert.Equal(("55P03", true), await FailAsync("select count(*) from gallery.image", TimeSpan.FromSeconds(1)));
        Assert.Equal(("57014", true), await FailAsync("select pg_sleep(60)", TimeSpan.FromSeconds(5)));

        async Task<(string SqlState, bool InTime)> FailAsync(string sql, TimeSpan within)
        {
            var started = TimeProvider.System.GetTimestamp();
            var refused = await Assert.ThrowsAsync<PostgresException>(() => app.ExecuteAsync(sql));
            return (refused.SqlState, TimeProvider.System.GetElapsedTime(started) < within);
        }
    }

    [Theory]
    [InlineData(TestRoles.Service, "250ms|2s|10s")]
    [InlineData(TestRoles.Reader, "5s|30s|30s")]
    [InlineData(TestRoles.Migrator, "0|0|0")]   // it sets its own for each script
    public async Task Each_role_signs_in_with_its_time_outs(string role, string timeouts)
    {
        await using var database = await server.CreateDatabaseAsync(migrated: true);
        await using var connection = await OpenAsync(role, database);

        Assert.Equal(timeouts, await connection.ExecuteScalarAsync<string>("""
            select concat_ws('|', current_setting('lock_timeout'), current_setting('statement_timeout'), current_setting('idle_in_transaction_session_timeout'))
            """));
    }

    [Theory]
    [InlineData("select 1", "gallery_app 60, gallery_migrator 10, gallery_readonly 10")]
    [InlineData("alter role gallery_app connection limit 96", "gallery_app 96, gallery_migrator 10, gallery_readonly 10")]
    public async Task Each_role_has_a_connection_limit_and_keeps_the_one_that_a_DBA_has_set(string before, string limits)
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);

        Assert.Equal(limits, await TestRoles.AskAfterFileAsync(server, database.ConnectionString, before, """
            select string_agg(rolname || ' ' || rolconnlimit, ', ' order by rolname)
            from pg_roles where rolname in ('gallery_app', 'gallery_migrator', 'gallery_readonly')
            """));
    }

    private const string RightsOfPublic = """
        select concat_ws('|', has_database_privilege('pg_monitor', current_database(), 'connect'),
                              has_database_privilege('pg_monitor', current_database(), 'temporary'),
                              has_schema_privilege('pg_monitor', 'public', 'create'))
        """;

    [Fact]
    public async Task In_a_database_of_its_own_only_Gallerys_roles_connect_and_none_makes_temporary_tables()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: true);
        await database.ExecuteAsync("grant create on schema public to public");     // as PostgreSQL 14 did
        Assert.Equal("t|t|t", await database.ScalarAsync<string>(RightsOfPublic));

        await TestRoles.RunFileAsync(server, database.ConnectionString);
        await TestRoles.RunFileAsync(server, database.ConnectionString);   // running it again changes nothing

        Assert.Equal("f|f|f", await database.ScalarAsync<string>(RightsOfPublic));
        foreach (var role in new[] { TestRoles.Service, TestRoles.Reader, TestRoles.Migrator })
        {
            await using var connection = await OpenAsync(role, database);
            Assert.Equal("42501", (await Assert.ThrowsAsync<PostgresException>(() => connection.ExecuteAsync("create temp table x (id int)"))).SqlState);
        }
    }

    [Theory]
    [InlineData("create schema auth; create table auth.users (id int)")]    // as at Supabase
    [InlineData("create view public.report as select 1 as one")]
    public async Task In_a_database_that_others_use_too_PUBLIC_keeps_its_rights(string others)
    {
        await using var database = await server.CreateDatabaseAsync(migrated: true);
        await database.ExecuteAsync($"grant create on schema public to public; {others}");

        await TestRoles.RunFileAsync(server, database.ConnectionString);

        Assert.Equal("t|t|t", await database.ScalarAsync<string>(RightsOfPublic));
    }

    [Fact]
    public async Task In_the_database_postgres_PUBLIC_keeps_its_rights()
    {
        var maintenance = new NpgsqlConnectionStringBuilder(server.AdminConnectionString) { Database = "postgres" }.ConnectionString;

        Assert.StartsWith("t|t|", await TestRoles.AskAfterFileAsync(server, maintenance, "select 1", RightsOfPublic), StringComparison.Ordinal);
    }

    private static async Task<NpgsqlConnection> OpenAsync(string role, TestDatabase database)
    {
        var connection = new NpgsqlConnection(TestRoles.As(role, database.ConnectionString));
        await connection.OpenAsync(TestContext.Current.CancellationToken);
        return connection;
    }
}
