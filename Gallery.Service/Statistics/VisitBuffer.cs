using System.Diagnostics.Metrics;
using System.Security.Cryptography;
using System.Text;
using Gallery.Service.Access;
using Gallery.Service.Limits;
using Gallery.Sql.Statistics;
using Npgsql;

namespace Gallery.Service.Statistics;

/// <summary>
/// Visits that wait to be counted. They are written by one statement after the other, so that counting takes one connection at most and delays no request. If
/// the database is down, they wait. A crash loses them.
/// </summary>
internal sealed partial class VisitBuffer(StatisticsRepository statistics, TimeProvider clock, ILogger<VisitBuffer> log) : BackgroundService
{
    public const string MeterName = "Gallery.Visits";

    /// <summary>How many visits wait at most. docs/limits.md has it.</summary>
    internal const int Capacity = 50_000;

    /// <summary>How many of them one user's token sent, so that no user pushes out the others' views.</summary>
    internal const int CapacityOfUser = 1_000;

    private const int BatchSize = 5000;   // many views of few images are few updates
    private const int BatchSizeAfterFailure = 100;   // the last statement may have timed out
    private const int MaximumTries = 10;   // while images of the batch are being purged
    private const int UserAgentLength = 512;   // of a longer one only the beginning counts, because each item of a batch reads it
    private const int SaltBytes = 32;
    private const int VisitorBytes = 16;

    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);
    private static readonly Meter Meter = new(MeterName);
    private static readonly Counter<long> Dropped = Meter.CreateCounter<long>("gallery.visits.dropped", "{visit}", "Views and downloads that were not counted, because too many waited.");

    private readonly Lock _lock = new();
    private readonly Queue<Noted> _waiting = [];
    private readonly Dictionary<string, int> _ofUsers = [];   // how many wait of each
    private readonly SemaphoreSlim _batchWaits = new(0);
    private readonly SemaphoreSlim _writing = new(1);
    private readonly Dictionary<DateOnly, byte[]> _salts = [];   // under _writing
    private bool _isFailing;

    /// <summary>
    /// Notes a view or download, which counts within seconds. It never waits. Bots do not count, nor does the owner, nor a visitor twice a day. Whether the
    /// image exists is decided when it is written.
    /// </summary>
    /// <param name="http">The visitor's request. Its user, if it has one, is the viewer.</param>
    /// <param name="visitor">Tells the visitors of a service key apart. Null: the viewer does, or their addresses and user agents. A user is one visitor.</param>
    /// <param name="viewer">The user who views, if the request has no user.</param>
    public void Note(Guid imageId, VisitKind kind, HttpContext http, string? visitor = null, string? viewer = null)
    {
        var userAgent = http.Request.Headers.UserAgent.ToString();
        if (userAgent.Length > UserAgentLength) userAgent = userAgent[..UserAgentLength];
        if (Bots.IsBot(userAgent)) return;

        // Only a digest waits, so that no address is kept even in memory.
        var user = http.Caller().UserId is { Length: > 0 } id ? id : null;
        var who = user is not null ? $"user {user}" : visitor is not null ? $"visitor {visitor}" : viewer is not null ? $"user {viewer}" : $"{RateLimit.NetworkOf(http.Connection.RemoteIpAddress)} {userAgent}";
        var noted = new Noted(imageId, Today, kind, SHA256.HashData(Encoding.UTF8.GetBytes(who)), user ?? viewer, IsOfUser: user is not null);
        lock (_lock)
        {
            var ofUser = user is null ? 0 : _ofUsers.GetValueOrDefault(user);
            if (_waiting.Count < Capacity && ofUser < CapacityOfUser)
            {
                _waiting.Enqueue(noted);
                if (user is not null) _ofUsers[user] = ofUser + 1;
                if (_waiting.Count == BatchSize) _batchWaits.Release();
            }
            else Dropped.Add(1);
        }
    }

    /// <summary>Writes the visits that wait now. If it throws, they wait on.</summary>
    internal async Task FlushAsync(CancellationToken ct)
    {
        await _writing.WaitAsync(ct);
        try
        {
            for (var left = Count; left > 0;)
            {
                var batch = FirstBatch();
                await WriteAsync(batch, ct);
                lock (_lock)
                    for (var i = 0; i < batch.Length; i++) Dequeue();
                left -= batch.Length;
            }
        }
        finally
        {
            _writing.Release();
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        Dropped.Add(0);   // a counter that appears with its first visit hides it from Prometheus' increase()
        for (var isLast = false; !isLast;)
        {
            if (_isFailing || Count < BatchSize) await ((Task)_batchWaits.WaitAsync(Interval, stoppingToken)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            isLast = stoppingToken.IsCancellationRequested;   // requests have ended by then, so the last flush writes all
            await TryFlushAsync(isLast);
        }
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        if (Count is > 0 and var lost) LogLost(log, lost);
    }

    public override void Dispose()
    {
        base.Dispose();
        _batchWaits.Dispose();
        _writing.Dispose();
    }

    private DateOnly Today => DateOnly.FromDateTime(clock.GetUtcNow().UtcDateTime);

    private int Count
    {
        get
        {
            lock (_lock) return _waiting.Count;
        }
    }

    private void Dequeue()
    {
        if (_waiting.Dequeue() is not { IsOfUser: true, Viewer: { } user }) return;
        if (--_ofUsers[user] == 0) _ofUsers.Remove(user);
    }

    private Noted[] FirstBatch()
    {
        lock (_lock) return [.. _waiting.Take(_isFailing ? BatchSizeAfterFailure : BatchSize)];
    }

    /// <summary>Logs one line when the database begins to fail, and one when it works again.</summary>
    private async Task TryFlushAsync(bool isLast)
    {
        try
        {
            await FlushAsync(CancellationToken.None);   // a stop waits for it
            if (_isFailing) LogWritten(log);
            _isFailing = false;
        }
        catch (Exception e)   // whatever it is, the service goes on
        {
            if (!_isFailing && !isLast) LogFailed(log, e.GetBaseException().Message.ReplaceLineEndings(" "));
            _isFailing = true;
        }
    }

    private async Task WriteAsync(IReadOnlyList<Noted> batch, CancellationToken ct)
    {
        var visits = new List<Visit>(batch.Count);
        foreach (var noted in batch)
            visits.Add(new(noted.ImageId, noted.Day, noted.Kind, Hash(await FindOrAddSaltAsync(noted.Day, ct), noted), noted.Viewer));

        for (var tries = 1; ; tries++)
        {
            try
            {
                await statistics.AddVisitsAsync(visits, ct);
                return;
            }
            catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.ForeignKeyViolation && tries < MaximumTries)   // an image was purged meanwhile
            {
            }
        }
    }

    private async ValueTask<byte[]> FindOrAddSaltAsync(DateOnly day, CancellationToken ct)
    {
        if (_salts.TryGetValue(day, out var known)) return known;
        foreach (var old in _salts.Keys.Where(other => other < day.AddDays(-1)).ToList()) _salts.Remove(old);
        return _salts[day] = await statistics.FindOrAddSaltAsync(day, RandomNumberGenerator.GetBytes(SaltBytes), ct);
    }

    private static byte[] Hash(byte[] salt, Noted noted) => HMACSHA256.HashData(salt, (byte[])[.. noted.Visitor, .. noted.ImageId.ToByteArray()])[..VisitorBytes];

    [LoggerMessage(LogLevel.Warning, "Views are not written. They wait in memory and are tried again every second. {Reason}")]
    private static partial void LogFailed(ILogger log, string reason);

    [LoggerMessage(LogLevel.Information, "Views are written again")]
    private static partial void LogWritten(ILogger log);

    [LoggerMessage(LogLevel.Warning, "{Count} views and downloads were not counted, because the database was unavailable at the stop")]
    private static partial void LogLost(ILogger log, int count);

    /// <param name="Visitor">A digest of the visitor, without a salt.</param>
    private readonly record struct Noted(Guid ImageId, DateOnly Day, VisitKind Kind, byte[] Visitor, string? Viewer, bool IsOfUser);
}
