using System.Runtime.Versioning;
using Gallery.Sql.Database;
using Gallery.Sql.Embedded;
using Microsoft.Extensions.Logging.Abstractions;

namespace Gallery.Tests.Embedded;

/// <summary>Data homes where another user could plant a link. What the start refuses, it also leaves as it is.</summary>
[UnsupportedOSPlatform("windows")]
public sealed class HomeGuardTests : IDisposable
{
    private const UnixFileMode Private = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    private const UnixFileMode Readable = Private | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;
    private const UnixFileMode All = (UnixFileMode)0b111_111_111;

    private readonly TemporaryHome _home = new();
    private readonly DirectoryInfo _elsewhere = Directory.CreateTempSubdirectory("gallery-elsewhere-");
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public HomeGuardTests() => Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no Unix modes.");

    public void Dispose()
    {
        _home.Dispose();
        _elsewhere.Delete(recursive: true);
    }

    [Theory]
    [InlineData(UnixFileMode.OtherWrite)]
    [InlineData(UnixFileMode.GroupWrite)]
    [InlineData(UnixFileMode.OtherWrite | UnixFileMode.StickyBit)]
    public async Task A_home_that_others_may_write_is_refused(UnixFileMode open)
    {
        File.SetUnixFileMode(_home.Path, Private | open);
        await AssertRefusedAsync(_home.Path, _home.Path);
    }

    [Theory]
    [InlineData("home")]
    [InlineData("home/deeper/still")]
    public async Task A_home_below_a_folder_that_others_may_write_is_refused(string home)
    {
        var above = Path.Combine(_home.Path, "above");
        Directory.CreateDirectory(Path.Combine(above, "home"));
        File.SetUnixFileMode(above, All);
        await AssertRefusedAsync(Path.Combine(above, home), above);
    }

    [Fact]
    public async Task A_home_in_an_open_folder_where_only_owners_rename_is_accepted()
    {
        var above = Directory.CreateDirectory(Path.Combine(_home.Path, "above")).FullName;
        File.SetUnixFileMode(above, All | UnixFileMode.StickyBit);
        Assert.Equal(Path.Combine(above, "home"), (await OpenAsync(Path.Combine(above, "home"))).Folder);
    }

    [Theory]
    [InlineData("theirs")]
    [InlineData("theirs/home")]
    public async Task A_home_that_belongs_to_another_user_or_is_in_their_folder_is_refused(string home)
    {
        var theirs = Path.Combine(_home.Path, "theirs");
        Directory.CreateDirectory(Path.Combine(theirs, "home"));
        await GiveAwayAsync(theirs);
        await AssertRefusedAsync(Path.Combine(_home.Path, home), theirs);
    }

    [Fact]
    public async Task A_link_in_another_users_folder_is_not_followed_even_through_a_link_of_ones_own()
    {
        var theirs = Directory.CreateDirectory(Path.Combine(_home.Path, "theirs")).FullName;
        File.CreateSymbolicLink(Path.Combine(theirs, "link"), _elsewhere.FullName);
        File.CreateSymbolicLink(Path.Combine(_home.Path, "own"), Path.Combine(theirs, "link"));
        await GiveAwayAsync(theirs);

        await AssertRefusedAsync(Path.Combine(_home.Path, "own", "gallery"), theirs);
        Assert.Empty(_elsewhere.GetFileSystemInfos());
    }

    [Fact]
    public async Task Links_that_lead_in_a_circle_are_refused()
    {
        var circle = Path.Combine(_home.Path, "circle");
        File.CreateSymbolicLink(circle, circle);
        var refusal = await Assert.ThrowsAsync<SettingsException>(() => OpenAsync(circle));
        Assert.Contains("too many symbolic links", refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("server.log")]
    [InlineData("start.lock")]
    [InlineData("users.lock")]
    [InlineData("server")]
    [InlineData("programs")]
    public async Task A_link_where_a_start_would_write_is_refused_and_its_target_is_left_alone(string name)
    {
        var target = Path.Combine(_elsewhere.FullName, "target");
        var planted = Path.Combine(_home.Path, name);
        File.CreateSymbolicLink(planted, target);        // to nothing: an open would create it
        await AssertRefusedAsync(_home.Path, planted);
        Assert.False(File.Exists(target));
        File.Delete(planted);

        if (name is "server" or "programs")
            return;
        File.WriteAllText(target, "not Gallery's");
        await RunAsync("ln", target, planted);
        await AssertRefusedAsync(_home.Path, planted);
        Assert.Equal("not Gallery's", File.ReadAllText(target));
    }

    [Theory]
    [InlineData("password")]
    [InlineData("started-in")]
    public async Task A_link_beside_the_data_is_refused(string name)
    {
        Directory.CreateDirectory(Path.Combine(_home.Path, "server"), Private);
        var planted = Path.Combine(_home.Path, "server", name);
        File.CreateSymbolicLink(planted, Path.Combine(_elsewhere.FullName, "target"));
        await AssertRefusedAsync(_home.Path, planted);
    }

    [Theory]
    [InlineData("server.log")]
    [InlineData("start.lock")]
    [InlineData("server/password")]
    [InlineData("server/data/PG_VERSION")]
    public async Task A_pipe_that_would_wait_for_a_writer_is_refused(string name)
    {
        Directory.CreateDirectory(_home.Data, Private);
        var planted = Path.Combine(_home.Path, name);
        await RunAsync("mkfifo", planted);
        await AssertRefusedAsync(_home.Path, planted);
    }

    [Fact]
    public async Task A_pipe_in_the_place_of_a_process_ID_is_not_read()
    {
        Directory.CreateDirectory(_home.Data, Private);
        await RunAsync("mkfifo", Path.Combine(_home.Data, "postmaster.pid"));

        Assert.Null(Postmaster.Find(_home.Data));
    }

    [Fact]
    public async Task Data_that_are_a_link_are_refused()
    {
        Directory.CreateDirectory(Path.Combine(_home.Path, "server"), Private | UnixFileMode.OtherExecute);
        Directory.CreateSymbolicLink(_home.Data, _elsewhere.FullName);
        await GiveAwayToServerAsync(_elsewhere.FullName);
        var home = await OpenAsync(_home.Path);
        var user = await ServerUser.FindAsync(Ct);

        var refusal = await Assert.ThrowsAsync<SettingsException>(() => home.FindDataVersionAsync(user, Ct));
        Assert.Contains($"{_home.Data} does not belong", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Giving_a_file_to_the_server_follows_no_link()
    {
        var user = await ServerUser.FindAsync(Ct);
        Assert.SkipWhen(user.Name is null, "Only root gives files away.");
        var target = Path.Combine(_elsewhere.FullName, "target");
        File.WriteAllText(target, "");
        File.SetUnixFileMode(_elsewhere.FullName, Readable);
        var link = Path.Combine(_home.Path, "link");
        File.CreateSymbolicLink(link, target);

        await user.ChownAsync(Ct, link);

        Assert.True(await ServerUser.Current.OwnsAsync(target, Ct));
    }

    [Fact]
    public async Task A_process_ID_is_not_replaced_through_a_link_of_the_servers_user()
    {
        var user = await ServerUser.FindAsync(Ct);
        Assert.SkipWhen(user.Name is null, "Only root writes for another user.");
        var target = Path.Combine(_elsewhere.FullName, "target");
        File.WriteAllLines(target, [$"{Environment.ProcessId}", _home.Path, "1", "5432"]);
        File.SetUnixFileMode(target, Readable);
        File.SetUnixFileMode(_elsewhere.FullName, Readable);
        File.CreateSymbolicLink(Path.Combine(_home.Path, "postmaster.pid"), target);
        var before = File.ReadAllText(target);

        await new Postmaster(Environment.ProcessId, 5432).ReplacePidAsync(_home.Path, user, Ct);

        Assert.Equal(before, File.ReadAllText(target));
    }

    [Fact]
    public async Task A_folder_with_other_files_is_no_new_home_and_one_with_data_is()
    {
        File.WriteAllText(Path.Combine(_home.Path, "mine.txt"), "");
        var refusal = await Assert.ThrowsAsync<SettingsException>(() => OpenAsync(_home.Path));
        Assert.Contains("mine.txt", refusal.Message, StringComparison.Ordinal);

        Directory.CreateDirectory(Path.Combine(_home.Path, "server"), Private);
        Assert.Equal(_home.Path, (await OpenAsync(_home.Path)).Folder);
    }

    private static async Task<DataHome> OpenAsync(string home) => await DataHome.OpenAsync(home, await ServerUser.FindAsync(Ct), Ct);

    private static async Task AssertRefusedAsync(string home, string named)
    {
        var refusal = await Assert.ThrowsAsync<SettingsException>(() =>
            EmbeddedPostgres.StartAsync(new EmbeddedPostgresOptions(home), NullLogger.Instance, Ct));
        Assert.Contains($" {named} ", $" {refusal.Message}", StringComparison.Ordinal);
        Assert.Contains("GALLERY_DATA", refusal.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(home, "start.lock")) && named == home, "it wrote into the home");
    }

    private static async Task GiveAwayAsync(string path)
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "Only root gives files away.");
        await RunAsync("chown", "nobody", path);
    }

    private static async Task GiveAwayToServerAsync(string path) => await (await ServerUser.FindAsync(Ct)).ChownAsync(Ct, path);

    private static async Task RunAsync(string program, params string[] arguments) =>
        Assert.True((await Command.RunAsync(program, arguments, Ct)).Succeeded);
}
