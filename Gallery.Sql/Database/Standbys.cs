using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Globalization;
using Dapper;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;
using Npgsql;
using NpgsqlTypes;

namespace Gallery.Sql.Database;

/// <summary>
/// The standbys that may answer lists, and which of them are used: those that are up and at most <c>GALLERY_READ_MAX_LAG</c> seconds behind the primary.
/// </summary>
/// <remarks>
/// Lag is measured without the servers' clocks. Each check records the primary's WAL position and when it was seen. A standby's lag is the age of the oldest recorded
/// position that it has not replayed. While the primary is down, nothing is recorded, so a standby that has everything stays in use.
/// </remarks>
public sealed partial class Standbys : IAsyncDisposable
{
    public const string MeterName = "Gallery.Standbys";

    private const string Url = "GALLERY_READ_DATABASE_URL";
    private const string MaximumLag = "GALLERY_READ_MAX_LAG";

    // Of a check. The primary answers meanwhile.
    private static readonly TimeSpan CheckTime = TimeSpan.FromSeconds(1);

    private readonly IReadOnlyList<Standby> _all;
    private readonly TimeSpan _maximumLag;
    private readonly List<(long At, NpgsqlLogSequenceNumber Place)> _noted = [];   // of the primary, oldest first
    private uint _turn;

    private Standbys(IReadOnlyList<Standby> all, TimeSpan maximumLag) => (_all, _maximumLag) = (all, maximumLag);

    public static Standbys None { get; } = new([], TimeSpan.Zero);

    /// <summary>Whether the settings name any.</summary>
    public bool Any => _all.Count > 0;

    /// <summary>Whether each of them keeps prepared statements.</summary>
    internal bool Prepare => _all.All(standby => standby.Prepares);

    /// <summary>The standbys that the settings name. None of them is used before the first check.</summary>
    /// <exception cref="SettingsException">A setting cannot be used, or no primary is set.</exception>
    public static Standbys From(IConfiguration settings)
    {
        var lag = settings.Find(MaximumLag) is not { } text ? 10
            : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) && seconds is >= 1 and <= 3600 ? seconds
            : throw new SettingsException($"{MaximumLag} takes whole seconds from 1 to 3600.");
        if (ConnectionSettings.FindUrl(settings, Url) is not { } connection) return None;
        if (ConnectionSettings.Find(settings) is null) throw new SettingsException($"{Url} is set, but no database is. Set DATABASE_URL or SUPABASE_DB_HOST to the primary.");

        connection.TargetSessionAttributes = null;   // a check decides
        var servers = connection.ListServers().Select(server => new NpgsqlConnectionStringBuilder(connection.ConnectionString) { Host = server.Host, Port = server.Port });
        return new([.. servers.Select(server => new Standby(server, settings))], TimeSpan.FromSeconds(lag));
    }

    /// <summary>The gauges end with the meter.</summary>
    public void AddGauges(Meter meter)
    {
        meter.CreateObservableGauge("gallery.standby.used", () => _all.Select(standby => new Measurement<int>(standby.IsUsed ? 1 : 0, standby.Tag)), description: "1 if the standby answers lists, by the last check.");
        meter.CreateObservableGauge("gallery.standby.lag", () => _all.Where(standby => standby.Lag is not null).Select(standby => new Measurement<double>(standby.Lag!.Value.TotalSeconds, standby.Tag)),
            "s", "How far the standby is behind the primary, by the last check that it answered.");
    }

    /// <summary>The standby whose turn it is. Null if none is used, so that the primary answers.</summary>
    internal NpgsqlDataSource? Find()
    {
        var turn = Interlocked.Increment(ref _turn);
        for (var i = 0; i < _all.Count; i++)
            if (_all[(int)((turn + i) % _all.Count)] is { IsUsed: true } standby) return standby.Source;
        return null;
    }

    /// <summary>Leaves a standby out until a check finds it well again.</summary>
    internal void LeaveOut(NpgsqlDataSource source) => _all.Single(standby => standby.Source == source).IsUsed = false;

    /// <summary>Looks at the primary and at each standby. Takes at most 2 s and does not throw.</summary>
    public async Task CheckAsync(NpgsqlDataSource primary, ILogger log, CancellationToken ct)
    {
        var now = Stopwatch.GetTimestamp();
        if (await AskAsync<NpgsqlLogSequenceNumber>(primary, "select pg_current_wal_flush_lsn()", ct) is { Answer: { } place }) Note(now, place);
        await Task.WhenAll(_all.Select(async standby =>
        {
            var (replayed, fault) = await AskAsync<NpgsqlLogSequenceNumber>(standby.Source, "select case when pg_is_in_recovery() then pg_last_wal_replay_lsn() end", ct);
            if (ct.IsCancellationRequested) return;

            standby.Lag = replayed is { } at ? LagOf(at) : null;
            var reason = fault ?? (
                standby.Lag is not { } lag ? "is not a standby"
                : _noted.Count == 0 ? "cannot be compared with the primary, which has not answered yet"
                : replayed < _noted[0].Place ? "is behind since before the first check"
                : lag > _maximumLag ? $"is more than {_maximumLag.TotalSeconds:0} s behind"
                : null);
            standby.IsUsed = reason is null;
            if (standby.Reason == reason) return;
            standby.Reason = reason;
            if (reason is null) LogUsed(log, standby.Name);
            else LogLeftOut(log, standby.Name, reason);
        }));
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var standby in _all) await standby.Source.DisposeAsync();
    }

    /// <summary>After a failover the new primary may be at an earlier place than the old one was. Then only its own places count.</summary>
    private void Note(long at, NpgsqlLogSequenceNumber place)
    {
        if (_noted.Count > 0 && place < _noted[^1].Place) _noted.Clear();
        if (_noted.Count == 0 || place > _noted[^1].Place) _noted.Add((at, place));
        while (_noted.Count > 1 && Stopwatch.GetElapsedTime(_noted[1].At) > 2 * _maximumLag) _noted.RemoveAt(0);
    }

    private TimeSpan LagOf(NpgsqlLogSequenceNumber replayed)
    {
        foreach (var (at, place) in _noted)
            if (place > replayed) return Stopwatch.GetElapsedTime(at);
        return TimeSpan.Zero;
    }

    private static async Task<(T? Answer, string? Fault)> AskAsync<T>(NpgsqlDataSource server, string sql, CancellationToken ct) where T : struct
    {
        try
        {
            return (await ReadAsync().WaitAsync(CheckTime, ct), null);
        }
        catch (Exception e)   // whatever it is, such as a certificate that is just replaced, the service goes on
        {
            return (null, e is PostgresException { SqlState: var state } ? $"refuses the check ({state})" : "does not answer");
        }

        async Task<T?> ReadAsync()
        {
            await using var connection = await server.OpenConnectionAsync(ct);
            return await connection.ExecuteScalarAsync<T?>(new CommandDefinition(sql, cancellationToken: ct));
        }
    }

    [LoggerMessage(LogLevel.Information, "The standby {Server} answers lists")]
    private static partial void LogUsed(ILogger log, string server);

    [LoggerMessage(LogLevel.Warning, "The standby {Server} is left out, and the primary answers lists in its place: it {Reason}")]
    private static partial void LogLeftOut(ILogger log, string server, string reason);

    private sealed class Standby
    {
        public Standby(NpgsqlConnectionStringBuilder server, IConfiguration settings)
        {
            if (!server.ShouldSerialize("Timeout")) server.Timeout = 1;   // leaves the primary time to answer
            Name = server.DescribeServers();
            Source = GalleryDatabase.Create(server, settings, $"gallery-standby {Name}");
            Prepares = new NpgsqlConnectionStringBuilder(Source.ConnectionString).MaxAutoPrepare > 0;
            Tag = new("server", Name);
        }

        public NpgsqlDataSource Source { get; }

        public bool Prepares { get; }

        public string Name { get; }

        public KeyValuePair<string, object?> Tag { get; }

        /// <summary>Set by a check, and unset by a failed statement.</summary>
        public volatile bool IsUsed;

        /// <summary>Null if it has not answered, or is no standby.</summary>
        public TimeSpan? Lag { get; set; }

        /// <summary>Why it was left out at the last check. Null if it is used.</summary>
        public string? Reason { get; set; } = "";
    }
}
