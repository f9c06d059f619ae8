using System.Diagnostics.Metrics;
using Gallery.Sql.Database;
using Npgsql;

namespace Gallery.Service.Health;

/// <summary>Looks at the standbys once a second, so that those that are down or late are left out.</summary>
internal sealed class StandbyWatch : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly Standbys _standbys;
    private readonly NpgsqlDataSource _primary;
    private readonly TimeProvider _clock;
    private readonly ILogger<StandbyWatch> _log;

    public StandbyWatch(Standbys standbys, NpgsqlDataSource primary, TimeProvider clock, ILogger<StandbyWatch> log, IMeterFactory meters)
    {
        (_standbys, _primary, _clock, _log) = (standbys, primary, clock, log);
        standbys.AddGauges(meters.Create(Standbys.MeterName));   // the factory ends with the service
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (_standbys.Any && !stoppingToken.IsCancellationRequested)
        {
            await _standbys.CheckAsync(_primary, _log, stoppingToken);
            await Task.Delay(Interval, _clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}
