using System.Diagnostics;
using Gallery.Sql.Database;
using Gallery.Sql.Embedded;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace Gallery.Tests.Embedded;

/// <summary>A start after services or servers were killed.</summary>
[Collection<EmbeddedServers>]
public sealed class KilledServerTests(FetchedPrograms fetched) : IDisposable
{
    private readonly TemporaryHome _home = new();
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public void Dispose() => _home.Dispose();

    [Fact]
    public async Task A_server_that_a_killed_service_left_behind_is_used_again()
    {
        var left = await LeaveServerAsync();

        await using (var postgres = await fetched.StartAsync(_home))
            Assert.Equal(left.Port, new NpgsqlConnectionStringBuilder(postgres.ConnectionString).Port);

        Assert.Null(Postmaster.Find(_home.Data));
    }

    [Fact]
    public async Task A_killed_server_is_started_again_and_has_lost_nothing()
    {
        await using var first = await fetched.StartAsync(_home);
        await first.AskAsync("create table kept as select 'committed' as x");
        await KillAsync(Postmaster.Find(_home.Data)!);

        await using var second = await fetched.StartAsync(_home);
        Assert.Equal("committed", await second.AskAsync("select x from kept"));
    }

    [Fact]
    public async Task A_process_ID_that_another_process_has_now_does_not_prevent_the_start()
    {
        var left = await LeaveServerAsync();
        await KillAsync(left);
        // As the server's user, because PostgreSQL refuses to start only if it could signal the process.
        var user = await ServerUser.FindAsync(Ct);
        using var someone = Process.Start(new ProcessStartInfo("sleep", "60") { UserName = user.Name, WorkingDirectory = "/" })!;
        try
        {
            var file = Path.Combine(_home.Data, "postmaster.pid");
            File.WriteAllLines(file, [$"{someone.Id}", .. File.ReadAllLines(file).Skip(1)]);

            await using var postgres = await fetched.StartAsync(_home);
            Assert.Equal("1", await postgres.AskAsync("select 1"));
        }
        finally
        {
            someone.Kill();
        }
    }

    [Fact]
    public async Task Data_that_another_container_uses_is_refused()
    {
        await using var there = await fetched.StartAsync(_home);
        await KillAsync(Postmaster.Find(_home.Data)!);     // a server in another container is just as invisible
        File.WriteAllText(Path.Combine(_home.Path, "server", "started-in"), "elsewhere");

        var refusal = await Assert.ThrowsAsync<SettingsException>(() => fetched.StartAsync(_home));
        Assert.Contains("another container", refusal.Message, StringComparison.Ordinal);
    }

    /// <summary>Starts a server that no process uses, like a service that was killed.</summary>
    private async Task<Postmaster> LeaveServerAsync()
    {
        var user = await ServerUser.FindAsync(Ct);
        var home = await DataHome.OpenAsync(_home.Path, user, Ct);
        var programs = await PostgresPrograms.FindInAsync(fetched.Folder, "", user, Ct);
        var cluster = new Cluster(home, programs!, user, new Dictionary<string, string> { ["fsync"] = "off" }, NullLogger.Instance);
        await cluster.InitialiseAsync(Ct);
        return await cluster.StartAsync(Ct);
    }

    private async Task KillAsync(Postmaster server)
    {
        using var process = Process.GetProcessById(server.Pid);
        process.Kill();
        while (server.Serves(_home.Data))
            await Task.Delay(10, Ct);
    }
}
