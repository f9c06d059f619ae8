using System.Diagnostics;
using Gallery.Sql.Database;
using Microsoft.Extensions.Logging;

namespace Gallery.Sql.Embedded;

/// <summary>
/// A private PostgreSQL for users who have not set one up. All processes that use a data home share one server. It survives
/// a killed process; the last process that ends normally stops it. The caller applies the migrations.
/// </summary>
public sealed class EmbeddedPostgres : IAsyncDisposable
{
    private static readonly TimeSpan AnswerTimeout = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan TrimInterval = TimeSpan.FromSeconds(1);

    private readonly DataHome _home;
    private readonly Cluster _cluster;
    private readonly FileStream _share;
    private readonly Timer _trimming;
    private readonly ILogger _log;
    private int _isDisposed;

    private EmbeddedPostgres(DataHome home, Cluster cluster, FileStream share, ILogger log, int port, string password, string programs)
    {
        (_home, _cluster, _share, _log) = (home, cluster, share, log);
        ConnectionString = ServerConnection.To(port, password);
        MigratorConnectionString = ServerConnection.To(port, password, role: ServerConnection.Migrator);
        ServiceConnectionString = ServerConnection.To(port, password, role: ServerConnection.Service);
        RehearserConnectionString = ServerConnection.To(port, password, role: ServerConnection.Rehearser);
        Programs = programs;
        _trimming = new Timer(_ => cluster.TrimLog(), null, TrimInterval, TrimInterval);
    }

    /// <summary>In Npgsql's form, with the password, for the superuser and the database <c>gallery</c>.</summary>
    public string ConnectionString { get; }

    /// <summary>For <c>gallery_migrator</c>, which may change the schema.</summary>
    public string MigratorConnectionString { get; }

    /// <summary>For <c>gallery_app</c>, which may only change rows and has the time-outs of sql/roles.sql.</summary>
    public string ServiceConnectionString { get; }

    /// <summary>For <c>gallery_rehearser</c>, which runs scripts in scratch databases and may not sign in to the database <c>gallery</c>.</summary>
    public string RehearserConnectionString { get; }

    /// <summary>Which programs run and why, as one line for the log.</summary>
    public string Programs { get; }

    /// <summary>Finds the programs, initialises the data if it is missing, and starts the server or uses the one that runs.</summary>
    /// <exception cref="SettingsException">The start failed. The first line of the message says why and what to do.</exception>
    public static async Task<EmbeddedPostgres> StartAsync(EmbeddedPostgresOptions options, ILogger log, CancellationToken ct)
    {
        var user = await ServerUser.FindAsync(ct);
        var home = await DataHome.OpenAsync(options.DataHome, user, ct);
        await using var startLock = await HomeLock.TakeStartLockAsync(home, HomeLock.StartTimeout, log, ct);
        home.RemoveLeftovers();

        var dataVersion = await home.FindDataVersionAsync(user, ct);
        var searchPath = Environment.GetEnvironmentVariable("PATH");
        var finder = new ProgramFinder(new NpmPackage(home, user, searchPath, log), user, searchPath);
        var programs = await finder.FindAsync(options.Programs, dataVersion, home, ct);
        var cluster = new Cluster(home, programs, user, options.ServerSettings ?? new Dictionary<string, string>(), log);
        if (dataVersion is null)
            await cluster.InitialiseAsync(ct);

        var password = home.ReadPassword();
        var running = await FindRunningAsync(home, password, user, ct);
        var share = HomeLock.Share(home);
        Postmaster? started = null;
        try
        {
            var server = running ?? (started = await cluster.StartAsync(ct));
            await ServerConnection.EnsureDatabaseAsync(server.Port, password, ct);
            await ServerConnection.EnsureRolesAsync(server.Port, password, ct);
            if (started is null)
                log.Joined(home.Data, server.Port, server.Pid);
            else
                log.Started(home.Data, server.Port, server.Pid);
            return new EmbeddedPostgres(home, cluster, share, log, server.Port, password, programs.ToString());
        }
        catch
        {
            await share.DisposeAsync();
            if (started is not null && HomeLock.IsUnused(home))
                await cluster.StopAsync();
            throw;
        }
    }

    /// <summary>Stops the server unless another process uses it. Logs failures and never throws.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) == 1)
            return;
        await _trimming.DisposeAsync();
        try
        {
            await using var startLock = await HomeLock.TakeStartLockAsync(_home, HomeLock.StopTimeout, _log, CancellationToken.None);
            await _share.DisposeAsync();
            if (!HomeLock.IsUnused(_home))
                _log.LeftRunning(_home.Data);
            else if (await _cluster.StopAsync() is { Succeeded: false } refusal)
                _log.NotStopped(_home.Data, refusal.LastLine);
            else
                _log.Stopped(_home.Data);
        }
        catch (SettingsException e)
        {
            await _share.DisposeAsync();
            _log.NotStopped(_home.Data, e.Message);
        }
    }

    // The process and the port of a server in another container are not visible here, even if the folder is shared. PostgreSQL would
    // start a second server and corrupt the data. But the locks of that container's services are visible.
    private static void RefuseAnotherContainer(DataHome home)
    {
        if (!HomeLock.IsUnused(home) && File.Exists(home.StartedInFile) && File.ReadAllText(home.StartedInFile) != Postmaster.Here)
            throw new SettingsException(
                $"A service in another container or on another machine uses the data in {home.Data}. " +
                "Set a different GALLERY_DATA for each. To share one gallery, set DATABASE_URL or SUPABASE_DB_* for all.");
    }

    /// <summary>The server that already runs on the data; null if none runs, even if a dead one left its files.</summary>
    private static async Task<Postmaster?> FindRunningAsync(DataHome home, string password, ServerUser user, CancellationToken ct)
    {
        var waited = Stopwatch.StartNew();
        while (Postmaster.Find(home.Data) is { } server)
        {
            if (!server.Serves(home.Data))
            {
                RefuseAnotherContainer(home);
                await server.ReplacePidAsync(home.Data, user, ct);
                return null;
            }

            if (await ServerConnection.FindDataAsync(server.Port, password, ct) is { } data && Path.GetFullPath(data) == home.Data)
                return server;
            if (waited.Elapsed > AnswerTimeout)
                throw new SettingsException(
                    $"PostgreSQL (process {server.Pid}) runs on {home.Data} but does not answer on port {server.Port}. " +
                    $"See {home.Log}. Wait until it has recovered, end it, or set GALLERY_DATA to another folder.");
            await Task.Delay(100, ct);      // it is starting or shutting down
        }

        return null;
    }
}
