using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;

namespace Gallery.Service;

/// <summary>
/// SIGINT and SIGTERM before the host runs, which minds them only then: a first start of the private PostgreSQL may take long. And after it,
/// until that is stopped in order.
/// </summary>
[SuppressMessage("Usage", "CA2213", Justification = "A handler may be at work still: it must find the source whole. It holds nothing.")]
internal sealed class StopSignals : IDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly PosixSignalRegistration _interrupted;
    private readonly PosixSignalRegistration _terminated;

    public StopSignals()
    {
        _interrupted = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        _terminated = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
    }

    /// <summary>Cancelled by the first of them.</summary>
    public CancellationToken Token => _stop.Token;

    public void Dispose()
    {
        _interrupted.Dispose();
        _terminated.Dispose();
    }

    private void Stop(PosixSignalContext signal)
    {
        signal.Cancel = true;
        _stop.Cancel();
    }
}
