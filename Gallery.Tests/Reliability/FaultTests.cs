using Dapper;
using Gallery.Sql.Embedded;
using Gallery.Tests.Service;
using Npgsql;

namespace Gallery.Tests.Reliability;

/// <summary>
/// Faults under load break no promise. Nothing acknowledged is lost. Every answer is the expected one or 503, and comes before
/// callers time out. The service recovers by itself.
/// </summary>
[Collection<UnderLoad>]
public sealed class FaultTests(DurableServers servers)
{
    // 3 s are promised. The rest is for clients, service and server that share a few cores.
    private static readonly TimeSpan SlowestAnswer = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Recovery = TimeSpan.FromSeconds(5);

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_server_that_crashes_loses_nothing()
    {
        var server = await servers.ShareAsync();
        await using var trial = await Trial.StartAsync("the server crashes", server.ConnectionString);

        await server.CrashAsync();
        await Task.Delay(Sizes.Fault, Ct);
        await server.StartAsync();

        var counts = await EndAsync(trial, server.ConnectionString);
        Assert.NotEqual(0, counts.Unavailable);
    }

    [Fact]
    public async Task A_server_that_hangs_loses_nothing()
    {
        var server = await servers.ShareAsync();
        await using var trial = await Trial.StartAsync($"the server hangs for {Sizes.Hang.TotalSeconds} s", server.ConnectionString);

        await server.HangAsync(Sizes.Hang);

        var counts = await EndAsync(trial, server.ConnectionString);
        Assert.NotEqual(0, counts.Unavailable);
    }

    [Fact]
    public async Task Terminated_connections_lose_nothing()
    {
        var server = await servers.ShareAsync();
        await using var trial = await Trial.StartAsync("all backends are terminated, 10 times", server.ConnectionString);

        var ended = 0;
        for (var round = 0; round < 10; round++)
        {
            ended += await server.TerminateBackendsAsync();
            await Task.Delay(Sizes.Fault / 10, Ct);
        }

        await EndAsync(trial, server.ConnectionString);
        Figures.Add(trial.Name, "backends terminated", ended);
        Assert.InRange(ended, 10, int.MaxValue);
    }

    [Fact]
    public async Task A_service_that_is_killed_loses_nothing()
    {
        var server = await servers.ShareAsync();
        await using var trial = await Trial.StartAsync("the service is killed with -9", server.ConnectionString);

        await trial.KillServiceAsync();
        await trial.StartServiceAsync();

        var counts = await EndAsync(trial, server.ConnectionString, isServiceKilled: true);
        Assert.NotEqual(0, counts.Broken);
    }

    [Fact]
    public async Task A_promoted_standby_has_everything_and_is_found()
    {
        await using var primary = await servers.StartAsync();
        await using var standby = await primary.AddSynchronousStandbyAsync();
        var both = new Npgsql.NpgsqlConnectionStringBuilder(primary.ConnectionString)
        {
            Host = $"{primary.Address},{standby.Address}",
            TargetSessionAttributes = "read-write",
        };
        await using var trial = await Trial.StartAsync("the primary crashes, its standby is promoted", both.ConnectionString);

        await primary.CrashAsync();
        await Task.Delay(Sizes.Fault, Ct);
        await standby.PromoteAsync();

        var counts = await EndAsync(trial, standby.ConnectionString);
        Assert.NotEqual(0, counts.Unavailable);
    }

    [Fact]
    public async Task A_read_only_server_still_answers_reads()
    {
        var server = await servers.ShareAsync();
        await using var trial = await Trial.StartAsync("the server is read-only", server.ConnectionString);

        await server.SetAsync("default_transaction_read_only", "on");
        await trial.WaitForRefusalsAsync();
        var before = trial.Load.Counts;
        await Task.Delay(Sizes.Fault, Ct);
        var after = trial.Load.Counts;
        await server.SetAsync("default_transaction_read_only", null);

        await EndAsync(trial, server.ConnectionString);
        Figures.Add(trial.Name, "reads answered during the fault", after.Reads - before.Reads);
        Assert.Equal(before.Acknowledged, after.Acknowledged);
        Assert.Equal(before.ReadsUnavailable, after.ReadsUnavailable);
        Assert.NotEqual(before.Reads, after.Reads);
    }

    [Fact]
    public async Task A_disk_that_is_full_loses_nothing()
    {
        const string name = "the disk is full";
        var server = await servers.StartAsync();   // disposed by "own" below, before the disk is unmounted
        SmallDisk? mounted;
        try
        {
            mounted = await SmallDisk.MountAsync(server.User);
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }

        await using var disk = mounted;
        await using var own = server;
        Figures.Add($"faults: {name}", "was run", disk is null ? "no: only root on Linux can mount a small disk (tmpfs)" : "yes");
        Assert.SkipWhen(disk is null, "Only root on Linux can mount a small disk (tmpfs). The read-only server is tested everywhere.");
        await server.ExecuteAsync($"create tablespace small location '{disk.Folder}'");
        await server.ExecuteAsync("alter table gallery.image set tablespace small");
        await server.ExecuteAsync("alter index all in tablespace pg_default set tablespace small");
        await using var trial = await Trial.StartAsync(name, server.ConnectionString);

        disk.Fill();
        await trial.WaitForRefusalsAsync();
        await Task.Delay(Sizes.Fault, Ct);
        disk.Clear();

        await EndAsync(trial, server.ConnectionString);
    }

    /// <summary>After the fault: the service must recover by itself. Then the answers are compared with the table.</summary>
    private static async Task<LoadCounts> EndAsync(Trial trial, string database, bool isServiceKilled = false)
    {
        var recovery = await trial.Load.NextAcknowledgementAsync();
        await Task.Delay(Sizes.Calm, Ct);
        await trial.Load.StopAsync();
        await trial.Load.Journal.CompareAsync(database);

        var (load, journal, counts) = (trial.Load, trial.Load.Journal, trial.Load.Counts);
        Figures.Add(trial.Name, "load before the fault, requests/s", trial.RequestsPerSecondBefore);
        Figures.Add(trial.Name, "requests answered", counts.Answered);
        Figures.Add(trial.Name, "writes acknowledged", counts.Acknowledged);
        Figures.Add(trial.Name, "images compared with the table", journal.Images);
        Figures.Add(trial.Name, "acknowledged and missing", journal.Missing.Count);
        Figures.Add(trial.Name, "acknowledged and different", journal.Different.Count);
        Figures.Add(trial.Name, "answered 503 or 504", counts.Unavailable);
        Figures.Add(trial.Name, "unexpected answers", load.Unexpected.Count);
        Figures.Add(trial.Name, "client connections broken", counts.Broken);
        Figures.Add(trial.Name, "first write acknowledged after the fault, ms", (long)recovery.TotalMilliseconds);
        var (created, lines) = await CountLedgerAsync(database);
        Figures.Add(trial.Name, "lines of the usage ledger compared", lines);
        Figures.Add(trial.Name, "slowest answer, ms", (long)counts.Slowest.TotalMilliseconds);

        Assert.Empty(journal.Missing);
        Assert.Empty(journal.Different);
        Assert.Empty(load.Unexpected);
        Assert.Equal(created, lines);
        Assert.InRange(recovery, TimeSpan.Zero, Recovery);
        Assert.InRange(counts.Slowest, TimeSpan.Zero, SlowestAnswer);
        if (!isServiceKilled) Assert.Equal(0, counts.Broken);
        return counts;
    }

    /// <summary>How often images were created, and how many lines count that. A line's id is its event's, so equal numbers mean one line each.</summary>
    private static async Task<(long Created, long Lines)> CountLedgerAsync(string database)
    {
        await using var connection = new NpgsqlConnection($"{database};Pooling=false");   // the fault may have ended those of the pool
        return await connection.QuerySingleAsync<(long, long)>(
            """
            select (select count(*) from gallery.image_event as e where e.event = 'created'),
                   (select count(*) from gallery.usage_line as l where l.kind in ('saves', 'imports'))
            """);
    }

    /// <summary>A service that is under load.</summary>
    private sealed class Trial : IAsyncDisposable
    {
        private readonly string _database;
        private string _url = "http://127.0.0.1:0";
        private ServiceProcess _service = null!;

        private Trial(string fault, string database) => (Name, _database) = ($"faults: {fault}", database);

        public string Name { get; }

        public Load Load { get; private set; } = null!;

        public long RequestsPerSecondBefore { get; private set; }

        public static async Task<Trial> StartAsync(string fault, string database)
        {
            var trial = new Trial(fault, database);
            try
            {
                await trial.StartServiceAsync();
                trial.Load = new Load(new Uri(trial._url));
                await Within.EndAsync("the first acknowledgement of a write", trial.Load.NextAcknowledgementAsync());
                var start = trial.Load.Counts;
                await Task.Delay(Sizes.Calm, Ct);
                var end = trial.Load.Counts;
                trial.RequestsPerSecondBefore = (long)((end.Answered - start.Answered) / (end.Elapsed - start.Elapsed).TotalSeconds);
                return trial;
            }
            catch
            {
                await trial.DisposeAsync();
                throw;
            }
        }

        public async Task StartServiceAsync()
        {
            _service = new ServiceProcess(_url, dotEnv: null, $"DATABASE_URL={_database};SSL Mode=Disable", "GALLERY_RATE_LIMIT=0");
            _url = (await _service.WaitForServingAsync()).ToString();
        }

        public async Task KillServiceAsync()
        {
            await _service.KillAsync();
            await _service.DisposeAsync();
        }

        /// <summary>Waits for 100 refusals, a few per client.</summary>
        public async Task WaitForRefusalsAsync()
        {
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(Ct);
            patience.CancelAfter(TimeSpan.FromMinutes(2));
            for (var before = Load.Counts.Unavailable; Load.Counts.Unavailable < before + 100;) await Task.Delay(20, patience.Token);
        }

        public async ValueTask DisposeAsync()
        {
            if (Load is not null) await Load.StopAsync();   // not there if the start failed
            await _service.DisposeAsync();
        }
    }

    /// <summary>A file system of 96 MB that can be filled.</summary>
    private sealed class SmallDisk : IAsyncDisposable
    {
        private readonly DirectoryInfo _point = Directory.CreateTempSubdirectory("gallery-disk-");

        public string Folder => Path.Combine(_point.FullName, "tablespace");

        private string Filler => Path.Combine(_point.FullName, "filler");

        /// <summary>Returns null if mounting is not allowed.</summary>
        public static async Task<SmallDisk?> MountAsync(ServerUser user)
        {
            var disk = new SmallDisk();
            if (!OperatingSystem.IsLinux() || !(await Command.RunAsync("mount", ["-t", "tmpfs", "-o", "size=96m,mode=0755", "tmpfs", disk._point.FullName], Ct)).Succeeded)
            {
                disk._point.Delete();
                return null;
            }

            try
            {
                Directory.CreateDirectory(disk.Folder);
                await user.ChownAsync(Ct, disk.Folder);
                return disk;
            }
            catch
            {
                await disk.DisposeAsync();
                throw;
            }
        }

        public void Fill()
        {
            try
            {
                using var file = File.Create(Filler, bufferSize: 0);
                while (true) file.Write(new byte[4096]);
            }
            catch (IOException)
            {
                // full
            }
        }

        public void Clear() => File.Delete(Filler);

        public async ValueTask DisposeAsync()
        {
            await Command.RunAsync("umount", [_point.FullName], CancellationToken.None);
            _point.Delete();
        }
    }
}
