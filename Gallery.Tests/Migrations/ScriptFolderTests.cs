using Gallery.Sql.Embedded;
using Gallery.Sql.Migrations;
using Gallery.Tests.Database;

namespace Gallery.Tests.Migrations;

/// <summary>Files of a change that nobody has approved yet. The migrator has the database's password in its environment.</summary>
public sealed class ScriptFolderTests(TestServer server)
{
    private const string Name = "0001_create_word.sql";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_link_to_the_environment_is_not_in_the_plan()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Only Linux has /proc.");
        await using var database = await server.CreateDatabaseAsync(migrated: false);
        using var scripts = new ScriptsOnDisk();
        File.CreateSymbolicLink(scripts.PathOf(Name), "/proc/self/environ");

        var plan = await Exe.RunAsync(database, "plan", "--scripts", scripts.Folder);

        Assert.Equal((2, ""), (plan.ExitCode, plan.Output));
        Assert.EndsWith($"\n{scripts.PathOf(Name)} is a link: replace it by a plain file of at most 8 MB.\n", plan.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("apply")]
    [InlineData("status")]
    public async Task A_folder_without_scripts_is_refused_with_2(string command)
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);
        using var scripts = new ScriptsOnDisk();
        await File.WriteAllTextAsync(scripts.PathOf("README.md"), "none", Ct);

        var run = await Exe.RunAsync(database, command, "--scripts", scripts.Folder);

        Assert.Equal((2, ""), (run.ExitCode, run.Output));
        Assert.Contains("--scripts names a folder without scripts", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_link_is_no_snapshot()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Only an administrator may make links on Windows.");
        await using var database = await server.CreateDatabaseAsync(migrated: false);
        using var scripts = new ScriptsOnDisk().Put(Name, "create schema gallery;");
        await database.ApplyAsync(scripts);
        var (file, link) = (scripts.PathOf("secret"), Path.Combine(scripts.Folder, "..", Snapshot.FileName));
        await File.WriteAllTextAsync(file, "secret", Ct);
        File.CreateSymbolicLink(link, file);

        var verify = await Exe.RunAsync(database, "verify", "--scripts", scripts.Folder);

        Assert.Equal(2, verify.ExitCode);
        Assert.Contains($"{Snapshot.FileName} is a link", verify.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_pipe_is_not_waited_for()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no such pipes.");
        using var scripts = new ScriptsOnDisk();
        Assert.True((await Command.RunAsync("mkfifo", [scripts.PathOf(Name)], Ct)).Succeeded);

        var read = Task.Run(scripts.Read, Ct);
        var failure = await Assert.ThrowsAsync<MigrationException>(() => read.WaitAsync(TimeSpan.FromSeconds(20), Ct));

        Assert.Equal(ExitCode.Usage, failure.ExitCode);
        Assert.Contains("a pipe or a device", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_script_has_at_most_8_MB()
    {
        using var scripts = new ScriptsOnDisk().Put(Name, "select 1;");
        using (var file = File.OpenWrite(scripts.PathOf(Name))) file.SetLength(8 * 1024 * 1024);
        Assert.Single(scripts.Read());

        File.AppendAllText(scripts.PathOf(Name), " ");
        var failure = Assert.Throws<MigrationException>(scripts.Read);

        Assert.Equal(ExitCode.Usage, failure.ExitCode);
        Assert.Contains("is larger than 8 MB", failure.Message, StringComparison.Ordinal);
    }
}
