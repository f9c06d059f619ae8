using Gallery.Sql.Migrations;
using Gallery.Tests.Database;
using Gallery.Tests.Embedded;
using Npgsql;

namespace Gallery.Tests.Migrations;

/// <summary>Rehearsals of scripts that nobody has approved yet, on a server that runs as this user.</summary>
[Collection<EmbeddedServers>]
public sealed class EmbeddedRehearsalTests(TestServer server, FetchedPrograms fetched) : IDisposable
{
    private readonly TemporaryHome _home = new();

    public void Dispose() => _home.Dispose();

    [Fact]
    public async Task The_embedded_server_rehearses_scripts_that_run_no_program_and_read_no_file()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: true);
        using var scripts = ScriptsOnDisk.OfTheRelease();
        var touched = Path.Combine(Path.GetTempPath(), $"gallery-{Guid.NewGuid():N}");   // where the server's user may write

        scripts.Put("9999_alter_image.sql", """
            create extension pg_trgm schema gallery;
            create statistics gallery.image_user_id_intent on user_id, intent from gallery.image;
            alter default privileges for role gallery_owner in schema gallery grant select on tables to gallery_readonly;
            create table gallery.thing (id int);
            alter table gallery.thing owner to gallery_owner;
            alter table gallery.image alter column revision type numeric;
            """);
        var good = await PlanAsync(database, scripts);
        Assert.True(good.ExitCode == 0, good.Error);
        Assert.Contains("gallery.image: ACCESS EXCLUSIVE lock", good.Output, StringComparison.Ordinal);

        string[] attacks =
        [
            $"copy (select 1) to program 'touch {touched}';",
            $"do $$ begin execute 'reset session authorization'; execute 'set role none'; copy (select 1) to program 'touch {touched}'; end $$;",
            $"set local role gallery; copy (select 1) to program 'touch {touched}';",
            $"copy (select 1) to '{touched}';",
            "select pg_read_file('/proc/self/environ');",
        ];
        foreach (var attack in attacks)
        {
            scripts.Put("9999_alter_image.sql", attack);
            var bad = await PlanAsync(database, scripts);

            Assert.Equal((4, ""), (bad.ExitCode, bad.Output));
            Assert.Contains("42501", bad.Error, StringComparison.Ordinal);   // insufficient privilege
            Assert.False(File.Exists(touched));
        }
    }

    [Fact]
    public async Task A_server_that_lacks_gallerys_roles_is_told_how_to_get_them()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);
        using var scripts = new ScriptsOnDisk().Put("0001_create_thing.sql", "create schema gallery; create table gallery.thing (id int); grant select on gallery.thing to gallery_readonly;");
        await using var scratch = await fetched.StartAsync(_home);
        await scratch.AskAsync("alter role gallery_readonly rename to another; create role rehearser login createdb password 'p'");
        var rehearser = new NpgsqlConnectionStringBuilder(scratch.ConnectionString) { Username = "rehearser", Password = "p", Database = "postgres" };

        using var exe = Exe.Start(database.ConnectionString, new Dictionary<string, string> { [RehearsalServer.Setting] = rehearser.ConnectionString }, "plan", "--scripts", scripts.Folder);
        var plan = await exe.WaitAsync();

        Assert.Equal((2, ""), (plan.ExitCode, plan.Output));
        Assert.Contains("create role gallery_readonly nologin;", plan.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("correct the script", plan.Error, StringComparison.Ordinal);
    }

    private async Task<ExeResult> PlanAsync(TestDatabase database, ScriptsOnDisk scripts)
    {
        var settings = new Dictionary<string, string>
        {
            [RehearsalServer.Setting] = "embedded",
            ["GALLERY_DATA"] = _home.Path,
            ["GALLERY_POSTGRES_BIN"] = fetched.Folder,
        };
        using var exe = Exe.Start(database.ConnectionString, settings, "plan", "--scripts", scripts.Folder, "--rehearse-rows", "100");
        return await exe.WaitAsync();
    }
}
