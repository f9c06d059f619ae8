using Microsoft.Extensions.Logging;

namespace Gallery.Sql.Migrations.Commands;

/// <summary>One plain line an event on standard error, written before the call returns: a log that a killed run leaves whole.</summary>
internal sealed class StandardErrorLog : ILogger
{
    public static readonly StandardErrorLog Instance = new();

    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Information;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        Console.Error.WriteLine(logLevel >= LogLevel.Warning ? $"warning: {formatter(state, exception)}" : formatter(state, exception));
}
