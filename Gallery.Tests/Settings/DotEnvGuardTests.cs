using System.Runtime.Versioning;
using Gallery.Sql.Database;
using Gallery.Sql.Embedded;

namespace Gallery.Tests.Settings;

/// <summary>A <c>.env</c> that another user may have written is refused, and one of an honest checkout is not, in a container either.</summary>
[UnsupportedOSPlatform("windows")]
public sealed class DotEnvGuardTests : IDisposable
{
    private const UnixFileMode Closed = (UnixFileMode)0b111_101_101;
    private const UnixFileMode OfGroup = (UnixFileMode)0b111_111_101;
    private const UnixFileMode Open = (UnixFileMode)0b111_111_111;
    private const UnixFileMode Shared = Open | UnixFileMode.StickyBit;   // as /tmp
    private const UnixFileMode Private = (UnixFileMode)0b110_000_000;
    private const UnixFileMode Writable = (UnixFileMode)0b110_110_110;

    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("gallery-env-");

    public DotEnvGuardTests() => Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no Unix modes.");

    public void Dispose() => _root.Delete(recursive: true);

    [Theory]
    [InlineData(Closed)]
    [InlineData(Shared)]
    public void A_file_that_every_user_may_change_is_refused(UnixFileMode mode)
    {
        var folder = Make("folder", mode);
        var file = Write(folder, Writable);

        Assert.Contains($"run chmod o-w {file}", Refusal(folder), StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_system_without_modes_is_accepted()
    {
        var folder = Make("folder", Open);

        Assert.Equal(Write(folder, Writable), Find(folder));
    }

    [Theory]
    [InlineData(Closed)]
    [InlineData(OfGroup)]
    [InlineData(Open)]
    [InlineData(Shared)]
    public void A_file_of_ones_own_is_accepted(UnixFileMode mode)
    {
        var folder = Make("folder with 'quotes' and *", mode);

        Assert.Equal(Write(folder, Private), Find(folder));
    }

    [Theory]
    [InlineData(OfGroup)]
    [InlineData(Open)]
    [InlineData(Shared)]
    public async Task Another_users_file_in_a_folder_that_others_may_write_is_refused(UnixFileMode mode)
    {
        var folder = Make("folder", mode);
        var file = Write(folder, Private);
        await GiveAwayAsync(file);

        Assert.StartsWith($"{file} belongs to another user.", Refusal(folder), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Another_users_link_to_a_file_of_ones_own_is_refused()
    {
        var folder = Make("folder", Open);   // in a sticky one, Linux does not follow it in the first place
        var target = Write(Make("elsewhere", Closed), Private);
        var link = Path.Combine(folder, ".env");
        File.CreateSymbolicLink(link, target);
        await GiveAwayAsync(link);

        Assert.StartsWith($"{link} belongs to another user.", Refusal(folder), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Another_users_file_above_is_refused()
    {
        var theirs = Make("theirs", Closed);
        File.WriteAllText(Path.Combine(theirs, "any.sln"), "");
        var file = Write(theirs, Private);
        var folder = Make("theirs/mine", Closed);
        await GiveAwayAsync(theirs, file);

        Assert.StartsWith($"{file} belongs to another user.", Refusal(folder), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("checkout")]
    [InlineData("checkout/project")]
    public async Task A_checkout_that_belongs_to_another_user_as_a_whole_is_accepted(string start)
    {
        var checkout = Make("checkout", OfGroup);
        var project = Make("checkout/project", OfGroup);
        var file = Write(checkout, Private);
        File.WriteAllText(Path.Combine(checkout, "any.sln"), "");
        await GiveAwayAsync(checkout, project, file);

        Assert.Equal(file, Find(Path.Combine(_root.FullName, start)));
    }

    [Fact]
    public void A_solution_in_a_folder_where_every_user_may_create_one_is_none()
    {
        var shared = Make("shared", Shared);
        File.WriteAllText(Path.Combine(shared, "any.sln"), "");
        Write(shared, Private);
        var folder = Make("shared/mine", Closed);

        Assert.Null(Find(folder));
        Assert.Null(Gallery.Sql.Database.Settings.FindSolution(folder));
        File.WriteAllText(Path.Combine(folder, "any.sln"), "");
        Assert.Equal(folder, Gallery.Sql.Database.Settings.FindSolution(folder));
    }

    private string Make(string name, UnixFileMode mode)
    {
        var folder = Directory.CreateDirectory(Path.Combine(_root.FullName, name)).FullName;
        File.SetUnixFileMode(folder, mode);   // whatever the umask is
        return folder;
    }

    private static string Write(string folder, UnixFileMode mode)
    {
        var file = Path.Combine(folder, ".env");
        File.WriteAllText(file, "");
        File.SetUnixFileMode(file, mode);
        return file;
    }

    private static string? Find(string folder) => Gallery.Sql.Database.Settings.FindDotEnv(folder);

    private static string Refusal(string folder) => Assert.Throws<SettingsException>(() => Find(folder)).Message;

    private static async Task GiveAwayAsync(params string[] paths)
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "Only root gives files away.");
        Assert.True((await Command.RunAsync("chown", ["-h", "nobody", .. paths], TestContext.Current.CancellationToken)).Succeeded);
    }
}
