using System.Globalization;
using Dapper;
using Gallery.Sql.Embedded;
using Gallery.Sql.Migrations;
using Gallery.Tests.Embedded;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace Gallery.Tests.Reliability;

/// <summary>A migrated PostgreSQL with durable commits (fsync and synchronous_commit on), for tests that inject faults.</summary>
internal sealed class DurableServer : IAsyncDisposable
{
    private readonly TemporaryHome _folder = new();
    private readonly PostgresPrograms _programs;
    private readonly ServerUser _user;
    private readonly DataHome _home;
    private readonly Cluster _cluster;
    private Postmaster _postmaster = null!;

    private DurableServer(PostgresPrograms programs, ServerUser user, TemporaryHome folder, DataHome home)
    {
        (_programs, _user, _folder, _home) = (programs, user, folder, home);
        _cluster = new Cluster(home, programs, user, new Dictionary<string, string> { ["fsync"] = "on", ["synchronous_commit"] = "on" }, NullLogger.Instance);
    }

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public string Address => string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{_postmaster.Port}");

    public ServerUser User => _user;

    /// <summary>For a superuser.</summary>
    public string ConnectionString => ServerConnection.To(_postmaster.Port, Password);

    private string Password => File.ReadAllText(_home.PasswordFile);

    public static async Task<DurableServer> StartAsync(PostgresPrograms programs, ServerUser user)
    {
        var server = await MakeAsync(programs, user);
        try
        {
            await server._cluster.InitialiseAsync(Ct);
            await server.StartAsync();
            await ServerConnection.EnsureDatabaseAsync(server._postmaster.Port, server.Password, Ct);
            await Migrator.ApplyAsync(server.ConnectionString, NullLogger.Instance, Ct);
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>A standby. From then on, this server acknowledges only what one standby has on its disk.</summary>
    public async Task<DurableServer> AddSynchronousStandbyAsync()
    {
        var standby = await AddStandbyAsync();
        await SetAsync("synchronous_standby_names", "*");
        await WaitUntilAsync("select exists (select from pg_stat_replication where sync_state = 'sync')");
        return standby;
    }

    /// <summary>A standby made from a copy of the data, because the npm package lacks pg_basebackup. This server starts again.</summary>
    public async Task<DurableServer> AddStandbyAsync()
    {
        var standby = await MakeAsync(_programs, _user);
        await _cluster.StopAsync();
        Directory.CreateDirectory(standby._home.Server);
        File.Copy(_home.PasswordFile, standby._home.PasswordFile);
        Assert.True((await Command.RunAsync("cp", ["-a", _home.Data, standby._home.Data], Ct)).Succeeded);
        File.Delete(Path.Combine(standby._home.Data, "postmaster.opts"));   // contains this server's port
        await StartAsync();

        var signal = Path.Combine(standby._home.Data, "standby.signal");
        await File.WriteAllTextAsync(signal, "", Ct);
        await _user.ChownAsync(Ct, signal);
        await File.AppendAllTextAsync(
            Path.Combine(standby._home.Data, "postgresql.auto.conf"),
            string.Create(CultureInfo.InvariantCulture, $"primary_conninfo = 'host=127.0.0.1 port={_postmaster.Port} user={ServerConnection.User} password={Password}'\n"),
            Ct);
        await standby.StartAsync();
        return standby;
    }

    public async Task StartAsync() => _postmaster = await _cluster.StartAsync(Ct);

    /// <summary>Stops the server at once, without a checkpoint, as if its machine had failed.</summary>
    public async Task CrashAsync() =>
        Assert.True((await _user.RunAsync(_programs.PgCtl, ["stop", "-D", _home.Data, "-m", "immediate", "-s", "-w"], Ct)).Succeeded);

    /// <summary>Stops every process of the server (SIGSTOP). Connections stay open and the kernel accepts new ones, but nothing answers.</summary>
    public async Task HangAsync(TimeSpan time)
    {
        await using var connection = new NpgsqlConnection(Unpooled);
        await connection.OpenAsync(Ct);
        await SignalAsync("STOP", [_postmaster.Pid]);   // first, so that it starts no further process
        var processes = await connection.QueryAsync<int>("select pid from pg_stat_activity");
        int[] all = [.. processes, _postmaster.Pid];
        await SignalAsync("STOP", all);
        try
        {
            await Task.Delay(time, Ct);
        }
        finally
        {
            await SignalAsync("CONT", all);
        }
    }

    /// <summary>Ends all client connections, and returns their number.</summary>
    public Task<int> TerminateBackendsAsync() => AskAsync<int>(
        "select count(pg_terminate_backend(pid))::int from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()");

    public Task PromoteAsync() => AskAsync<bool>("select pg_promote()");

    /// <param name="value">Null resets the setting.</param>
    public async Task SetAsync(string setting, string? value)
    {
        await ExecuteAsync(value is null ? $"alter system reset {setting}" : $"alter system set {setting} = '{value}'");
        await AskAsync<bool>("select pg_reload_conf()");
    }

    public async Task ExecuteAsync(string sql)
    {
        await using var connection = new NpgsqlConnection(Unpooled);
        await connection.ExecuteAsync(sql);
    }

    public async Task<T?> AskAsync<T>(string sql)
    {
        await using var connection = new NpgsqlConnection(Unpooled);
        return await connection.ExecuteScalarAsync<T>(sql);
    }

    public async ValueTask DisposeAsync()
    {
        await _cluster.StopAsync();   // does nothing if the server has crashed
        _folder.Dispose();
    }

    private string Unpooled => new NpgsqlConnectionStringBuilder(ConnectionString) { Pooling = false }.ConnectionString;

    private static async Task<DurableServer> MakeAsync(PostgresPrograms programs, ServerUser user)
    {
        var folder = new TemporaryHome();
        return new DurableServer(programs, user, folder, await DataHome.OpenAsync(folder.Path, user, Ct));
    }

    private async Task WaitUntilAsync(string question)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        patience.CancelAfter(TimeSpan.FromMinutes(2));
        while (!await AskAsync<bool>(question)) await Task.Delay(20, patience.Token);
    }

    private static async Task SignalAsync(string signal, int[] processes) =>
        Assert.True((await Command.RunAsync("/bin/sh", ["-c", $"kill -{signal} {string.Join(' ', processes)}"], Ct)).Succeeded);
}
