using Gallery.Sql.Migrations;
using Gallery.Tests.Database;

namespace Gallery.Tests.Migrations;

public sealed class BaselineTests(TestServer server)
{
    private static readonly string Last = ScriptFolder.ReadEmbedded()[^1].Name[..4];

    [Fact]
    public async Task A_database_that_has_the_schema_is_adopted_without_running_a_script()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: true);
        await database.ExecuteAsync("drop schema gallery_migrations cascade");

        var adopted = await Exe.RunAsync(database, "baseline", "--through", Last);
        var apply = await Exe.RunAsync(database, "apply");

        Assert.Equal((0, 0, ""), (adopted.ExitCode, apply.ExitCode, apply.Output));
        Assert.Equal(ScriptFolder.ReadEmbedded().Select(script => script.Name), await database.AppliedAsync());
        Assert.Equal(6, (await Exe.RunAsync(database, "baseline", "--through", Last)).ExitCode);   // the journal is not empty now
    }

    [Fact]
    public async Task A_database_with_another_schema_is_not_adopted()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: true);
        await database.ExecuteAsync("drop schema gallery_migrations cascade; alter table gallery.image drop column intent");

        var run = await Exe.RunAsync(database, "baseline", "--through", Last);

        Assert.Equal(6, run.ExitCode);
        Assert.Contains("- column gallery.image 005 intent text", run.Error, StringComparison.Ordinal);
        Assert.False(await database.ScalarAsync<bool>("select to_regnamespace('gallery_migrations') is not null"));
    }

    [Fact]
    public async Task For_an_earlier_script_a_rehearsal_finds_the_expected_schema()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);
        using var scripts = new ScriptsOnDisk()
            .Put("0001_create_one.sql", "create schema gallery; create table gallery.one (id int);")
            .Put("0002_create_two.sql", "create table gallery.two (id int);");
        await database.ExecuteAsync("create schema gallery; create table gallery.one (id int)");
        string[] arguments = ["baseline", "--through", "1", "--scripts", scripts.Folder];

        Assert.Equal(2, (await Exe.RunAsync(database, arguments)).ExitCode);
        using var rehearsing = Exe.Start(
            database.ConnectionString, new Dictionary<string, string> { [RehearsalServer.Setting] = server.AdminConnectionString }, arguments);
        Assert.Equal(0, (await rehearsing.WaitAsync()).ExitCode);
        Assert.Equal(["0002_create_two.sql"], await database.ApplyAsync(scripts));
    }
}
