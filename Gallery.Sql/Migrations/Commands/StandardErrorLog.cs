using Microsoft.Extensions.Logging;

namespace Gallery.Sql.Migrations.Commands;

/// <summary>Writes one plain line per event to standard error before the call returns, so that a killed run's log is complete.</summary>
internal sealed class StandardErrorLog : ILogger
{
    public static readonly StandardErrorLog Instance = new();

    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Information;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        Console.Error.WriteLine(logLevel >= LogLevel.Warning ? $"warning: {formatter(state, exception)}" : formatter(state, exception));
}
