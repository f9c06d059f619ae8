using System.Collections.Concurrent;
using Gallery.Service;
using Gallery.Tests.Database;
using Gallery.Tests.Service;
using Gallery.Tests.Settings;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Gallery.Tests.Http;

/// <summary>What an operator finds in the log of what a caller was told.</summary>
public sealed class LogTests(TestServer server)
{
    [Theory]
    [InlineData("drop table gallery.image cascade", 503, "schema_not_ready")]
    [InlineData("alter table gallery.image add constraint image_unknown_rule check (user_id <> 'user_123')", 500, "internal_error")]
    public async Task A_failure_is_one_line_with_the_route_and_the_answers_trace_id_and_no_word_of_the_body(string sabotage, int status, string code)
    {
        await using var database = await server.CreateDatabaseAsync(migrated: true);
        var settings = Given.Settings();
        await using var source = database.CreateSource();
        await using var service = GalleryService.Build(source, settings, ["--urls", "http://127.0.0.1:0"]);
        using var log = new Lines();
        service.Services.GetRequiredService<ILoggerFactory>().AddProvider(log);
        await service.StartAsync();
        using var api = new Api(new Uri(service.Urls.Single()));

        await database.ExecuteAsync(sabotage);
        var answer = await api.SaveAsync(Guid.NewGuid(), refinedPrompt: "SECRET PROMPT");

        Assert.Equal((status, code), (answer.Status, answer.Problem));
        var line = Assert.Single(log.Written);
        Assert.Contains("POST /v1/gallery/ ", line, StringComparison.Ordinal);
        Assert.Contains((string)answer.Body["trace_id"]!, line, StringComparison.Ordinal);
        Assert.DoesNotContain("SECRET", line, StringComparison.Ordinal);
        Assert.DoesNotContain("image_unknown_rule", answer.Text, StringComparison.Ordinal);
    }

    private sealed class Lines : ILoggerProvider, ILogger
    {
        public ConcurrentQueue<string> Written { get; } = [];

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Written.Enqueue($"{formatter(state, exception)} {exception}");

        public void Dispose()
        {
        }
    }
}
