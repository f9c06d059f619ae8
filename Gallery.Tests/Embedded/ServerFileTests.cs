using Gallery.Sql.Embedded;

namespace Gallery.Tests.Embedded;

/// <summary>Files in the data folder that the server's user has replaced. Root reads them.</summary>
public sealed class ServerFileTests : IDisposable
{
    private readonly TemporaryHome _home = new();

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private string Options => Path.Combine(_home.Path, "postmaster.opts");
    private string Pid => Path.Combine(_home.Path, "postmaster.pid");

    public void Dispose() => _home.Dispose();

    [Fact]
    public void The_last_port_and_the_process_are_read()
    {
        File.WriteAllText(Options, "/usr/bin/postgres \"-D\" \"data\" \"-c\" \"port=54321\"\n");
        File.WriteAllText(Pid, "4711\n/data\n1700000000\n54321\n\n127.0.0.1\n");

        Assert.Equal(54321, Postmaster.FindLastPort(_home.Path));
        Assert.Equal(new Postmaster(4711, 54321), Postmaster.Find(_home.Path));
    }

    [Theory]
    [InlineData("4711")]
    [InlineData("4711\r\n/data\r\n1700000000\r\n\r\n")]
    [InlineData("4711\n/data\n1700000000\nport\n")]
    public void A_process_ID_that_is_not_complete_is_none(string text)
    {
        File.WriteAllText(Pid, text);

        Assert.Null(Postmaster.Find(_home.Path));
    }

    [Fact]
    public async Task A_pipe_is_not_waited_for()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no such pipes.");
        Assert.True((await Command.RunAsync("mkfifo", [Options, Pid], Ct)).Succeeded);

        var read = Task.Run(() => (Postmaster.FindLastPort(_home.Path), Postmaster.Find(_home.Path)), Ct);
        Assert.Equal((null, null), await read.WaitAsync(TimeSpan.FromSeconds(20), Ct));
    }

    [Fact]
    public void A_link_is_not_followed_and_a_long_file_is_not_read()
    {
        var (file, link) = (Path.Combine(_home.Path, "file"), Path.Combine(_home.Path, "link"));
        File.WriteAllText(file, new string('x', ServerFile.MaxBytes));
        Assert.Equal(ServerFile.MaxBytes, ServerFile.Find(file)?.Length);
        if (!OperatingSystem.IsWindows())
        {
            File.CreateSymbolicLink(link, file);
            Assert.Null(ServerFile.Find(link));
        }

        File.AppendAllText(file, "x");
        Assert.Null(ServerFile.Find(file));
        Assert.Null(ServerFile.Find(Path.Combine(_home.Path, "absent")));
    }

    [Theory]
    [InlineData("PG_VERSION")]
    [InlineData("../password")]
    public async Task Data_with_a_file_that_is_too_long_are_incomplete(string name)
    {
        Directory.CreateDirectory(_home.Data);
        File.WriteAllText(Path.Combine(_home.Data, "PG_VERSION"), "15\n");
        File.WriteAllText(Path.Combine(_home.Data, "../password"), "secret");
        var user = await ServerUser.FindAsync(Ct);
        await user.ChownAsync(Ct, _home.Data);
        var home = await DataHome.OpenAsync(_home.Path, user, Ct);
        Assert.Equal((15, "secret"), (await home.FindDataVersionAsync(user, Ct), home.ReadPassword()));

        using (var file = File.OpenWrite(Path.Combine(_home.Data, name))) file.SetLength(ServerFile.MaxBytes + 1);
        var refusal = await Assert.ThrowsAsync<Gallery.Sql.Database.SettingsException>(() => home.FindDataVersionAsync(user, Ct));
        Assert.Contains("is incomplete", refusal.Message, StringComparison.Ordinal);
    }
}
