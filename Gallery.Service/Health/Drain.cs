using System.Runtime.InteropServices;
using Gallery.Service.Limits;

namespace Gallery.Service.Health;

/// <summary>
/// The time between SIGTERM and the end of new connections. Meanwhile readiness is 503 and every answer says <c>Connection: close</c>, so that balancers
/// choose another instance and clients reconnect between two requests. A second signal ends it. So does SIGINT, because a person at a terminal waits.
/// </summary>
internal sealed class Drain(IHostApplicationLifetime lifetime, ServiceLimits limits) : IHostedLifecycleService, IDisposable
{
    private static readonly PosixSignal[] Impatient = [PosixSignal.SIGINT, PosixSignal.SIGQUIT];

    private readonly CancellationTokenSource _impatience = new();
    private readonly List<PosixSignalRegistration> _signals = [];

    /// <summary>The host's own handlers also run, and start the stop.</summary>
    public Task StartingAsync(CancellationToken cancellationToken)
    {
        foreach (var signal in Impatient) _signals.Add(PosixSignalRegistration.Create(signal, _ => _impatience.Cancel()));
        _signals.Add(PosixSignalRegistration.Create(PosixSignal.SIGTERM, _ =>
        {
            if (lifetime.ApplicationStopping.IsCancellationRequested) _impatience.Cancel();
        }));
        return Task.CompletedTask;
    }

    /// <summary>Runs before any service stops, including Kestrel.</summary>
    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        lifetime.StopApplication();   // the host itself signals this only afterwards
        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _impatience.Token);
        await Task.Delay(limits.DrainTime, end.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose()
    {
        _signals.ForEach(signal => signal.Dispose());
        _impatience.Dispose();
    }
}
