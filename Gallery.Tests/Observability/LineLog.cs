using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Gallery.Tests.Observability;

/// <summary>Keeps what a service logs at its levels, by category.</summary>
internal sealed class LineLog : ILoggerProvider
{
    private readonly ConcurrentQueue<(string Category, string Line)> _written = [];

    public IReadOnlyList<string> Find(string category) => [.. _written.Where(entry => entry.Category == category).Select(entry => entry.Line)];

    public ILogger CreateLogger(string categoryName) => new Category(categoryName, _written);

    public void Dispose()
    {
    }

    private sealed class Category(string name, ConcurrentQueue<(string, string)> written) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            written.Enqueue((name, formatter(state, exception)));
    }
}
