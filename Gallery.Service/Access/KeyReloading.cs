using System.Runtime.InteropServices;
using Gallery.Sql.Database;

namespace Gallery.Service.Access;

/// <summary>
/// Reads the file of the service keys again, every second and on SIGHUP. It reads the content instead of watching the file, because
/// orchestrators replace a mounted secret by a symbolic link. A content counts from the second read on, because an editor may still be
/// writing it. After SIGHUP it counts at once. SIGHUP never ends the process.
/// </summary>
internal sealed partial class KeyReloading(ServiceKeys? keys, IConfiguration settings, TimeProvider time, ILogger<KeyReloading> log) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LogInterval = TimeSpan.FromMinutes(1);

    private readonly Lock _lock = new();
    private PosixSignalRegistration? _hangUp;
    private string? _read;
    private long? _loggedAt;

    public override Task StartAsync(CancellationToken cancellationToken)
    {
        _hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, signal =>
        {
            signal.Cancel = true;
            Reload(isWhole: true);
        });
        return base.StartAsync(cancellationToken);
    }

    public override void Dispose()
    {
        _hangUp?.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        await using var stop = stoppingToken.UnsafeRegister(static timer => ((PeriodicTimer)timer!).Dispose(), timer);   // ends the wait without an exception
        while (await timer.WaitForNextTickAsync(CancellationToken.None)) Reload(isWhole: false);
    }

    /// <summary>A file that cannot be used leaves the keys as they are.</summary>
    /// <param name="isWhole">False: a content that differs from the last read is not used yet.</param>
    internal void Reload(bool isWhole)
    {
        if (keys is null || !settings.IsInFile(ServiceKeys.Setting)) return;
        if (!_lock.TryEnter()) return;   // another read is under way, and the next one follows soon
        try
        {
            try
            {
                var text = settings.Find(ServiceKeys.Setting)!;
                var isSettled = text == _read;
                _read = text;
                if ((isWhole || isSettled) && keys.Reload(text) is { } names) LogChanged(names);
            }
            catch (SettingsException e)
            {
                if (_loggedAt is { } at && time.GetElapsedTime(at) < LogInterval) return;
                _loggedAt = time.GetTimestamp();
                LogUnusable(e.Message);
            }
        }
        finally
        {
            _lock.Exit();
        }
    }

    [LoggerMessage(LogLevel.Information, "The service keys have changed. Current keys: {Names}")]
    private partial void LogChanged(string names);

    [LoggerMessage(LogLevel.Error, "The service keys stay as they were. {Reason}")]
    private partial void LogUnusable(string reason);
}
