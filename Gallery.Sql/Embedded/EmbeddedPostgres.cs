using System.Diagnostics;
using Gallery.Sql.Database;
using Microsoft.Extensions.Logging;

namespace Gallery.Sql.Embedded;

/// <summary>
/// A private PostgreSQL for people who have not set one up. The processes that use a data home share one server, which outlives
/// a process that is killed; the last one that leaves in order stops it. Migrations are the caller's affair.
/// </summary>
public sealed class EmbeddedPostgres : IAsyncDisposable
{
    private static readonly TimeSpan AnswerPatience = TimeSpan.FromSeconds(60);

    private readonly DataHome _home;
    private readonly Cluster _cluster;
    private readonly FileStream _share;
    private readonly ILogger _log;
    private int _left;

    private EmbeddedPostgres(DataHome home, Cluster cluster, FileStream share, ILogger log, int port, string password, string programs)
    {
        (_home, _cluster, _share, _log) = (home, cluster, share, log);
        ConnectionString = ServerConnection.To(port, password);
        MigratorConnectionString = ServerConnection.To(port, password, role: ServerConnection.Migrator);
        ServiceConnectionString = ServerConnection.To(port, password, role: ServerConnection.Service);
        Programs = programs;
    }

    /// <summary>In Npgsql's form, with the password: superuser of this private server, database <c>gallery</c>.</summary>
    public string ConnectionString { get; }

    /// <summary>As <c>gallery_migrator</c>, which may change the schema.</summary>
    public string MigratorConnectionString { get; }

    /// <summary>As <c>gallery_app</c>, which may change rows only and has its time-outs (sql/roles.sql).</summary>
    public string ServiceConnectionString { get; }

    /// <summary>Which programs it took and why: one line for the log.</summary>
    public string Programs { get; }

    /// <summary>Finds the programs, initialises the data if new, and starts the server or joins the one that runs on those data.</summary>
    /// <exception cref="SettingsException">It cannot; the first line of the message names the cause and the cure.</exception>
    public static async Task<EmbeddedPostgres> StartAsync(EmbeddedPostgresOptions options, ILogger log, CancellationToken ct)
    {
        var user = await ServerUser.FindAsync(ct);
        var home = await DataHome.OpenAsync(options.DataHome, user, ct);
        await using var turn = await HomeLock.TakeTurnAsync(home, HomeLock.StartPatience, log, ct);
        home.SweepUp();

        var dataVersion = await home.FindDataVersionAsync(user, ct);
        var searchPath = Environment.GetEnvironmentVariable("PATH");
        var finder = new ProgramFinder(new NpmPackage(home, user, searchPath, log), user, searchPath);
        var programs = await finder.FindAsync(options.Programs, dataVersion, home, ct);
        var cluster = new Cluster(home, programs, user, options.ServerSettings ?? new Dictionary<string, string>(), log);
        if (dataVersion is null)
            await cluster.InitialiseAsync(ct);

        var password = (await File.ReadAllTextAsync(home.PasswordFile, ct)).Trim();
        var running = await FindRunningAsync(home, password, ct);
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
            if (started is not null && HomeLock.NobodyShares(home))
                await cluster.StopAsync();      // no server stays behind that nobody uses
            throw;
        }
    }

    /// <summary>Stops the server unless another process uses it. Never throws: what went wrong is logged.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _left, 1) == 1)
            return;
        try
        {
            await using var turn = await HomeLock.TakeTurnAsync(_home, HomeLock.StopPatience, _log, CancellationToken.None);
            await _share.DisposeAsync();
            if (!HomeLock.NobodyShares(_home))
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

    // A server in another container that shares the folder is out of sight: neither its process nor its port can be seen from here,
    // and PostgreSQL itself would start a second one and ruin the data. The locks of its services are seen.
    private static void RefuseAnotherContainer(DataHome home)
    {
        if (!HomeLock.NobodyShares(home) && File.Exists(home.StartedInFile) && File.ReadAllText(home.StartedInFile) != Postmaster.Here)
            throw new SettingsException(
                $"The data in {home.Data} are in use by a service in another container or on another machine: " +
                "give each its own GALLERY_DATA or, to share one gallery, set DATABASE_URL or SUPABASE_DB_* for all.");
    }

    /// <summary>The server that already runs on the data; null when none does, whatever a dead one left behind.</summary>
    private static async Task<Postmaster?> FindRunningAsync(DataHome home, string password, CancellationToken ct)
    {
        var waited = Stopwatch.StartNew();
        while (Postmaster.Find(home.Data) is { } server)
        {
            if (!server.Serves(home.Data))
            {
                RefuseAnotherContainer(home);
                server.Disown(home.Data);
                return null;
            }

            if (await ServerConnection.FindDataAsync(server.Port, password, ct) is { } data && Path.GetFullPath(data) == home.Data)
                return server;
            if (waited.Elapsed > AnswerPatience)
                throw new SettingsException(
                    $"A PostgreSQL, process {server.Pid}, runs on {home.Data} and does not answer yet on port {server.Port}: " +
                    $"see {home.Log}; try again once it has recovered, end it, or set GALLERY_DATA to another folder.");
            await Task.Delay(100, ct);      // it is still starting, or shutting down
        }

        return null;
    }
}
