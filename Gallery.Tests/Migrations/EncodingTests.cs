using System.Text;
using Gallery.Sql.Migrations;
using Gallery.Tests.Database;

namespace Gallery.Tests.Migrations;

public sealed class EncodingTests(TestServer server)
{
    private static readonly Dictionary<string, string> Latin1 = new() { ["PGCLIENTENCODING"] = "LATIN1" };

    [Fact]
    public async Task A_shells_client_encoding_changes_nothing_of_what_is_stored()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);
        using var scripts = new ScriptsOnDisk().Put("0001_create_word.sql", "create schema gallery; create table gallery.word as select 'naïve' as text;");

        using var exe = Exe.Start(database.ConnectionString, Latin1, "apply", "--scripts", scripts.Folder);

        Assert.Equal(0, (await exe.WaitAsync()).ExitCode);
        Assert.Equal("naïve", await database.ScalarAsync<string>("select text from gallery.word"));
        Assert.Equal(scripts.Read()[0].Body, Assert.Single(await database.JournalAsync()).Body);
    }

    [Fact]
    public async Task A_script_that_is_not_UTF_8_is_refused_with_2()
    {
        using var scripts = new ScriptsOnDisk();
        var path = scripts.PathOf("0001_create_word.sql");
        await File.WriteAllBytesAsync(path, Encoding.Latin1.GetBytes(ScriptsOnDisk.Header + "select 'naïve';"), TestContext.Current.CancellationToken);

        var failure = Assert.Throws<MigrationException>(scripts.Read);

        Assert.Equal(ExitCode.Usage, failure.ExitCode);
        Assert.Contains(path, failure.Message, StringComparison.Ordinal);
    }
}
