using Gallery.Service;
using Gallery.Sql.Database;
using Gallery.Tests.Database;
using Gallery.Tests.Service;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Gallery.Tests.Observability;

/// <summary>The real service with a test's settings. It keeps the log.</summary>
public sealed class ObservedService : IAsyncDisposable
{
    private readonly NpgsqlDataSource _source;

    private readonly LineLog _lines;

    private ObservedService(NpgsqlDataSource source, WebApplication host, WarningLog log, LineLog lines)
    {
        (_source, Host, Log, _lines) = (source, host, log, lines);
        Api = new Api(new Uri(host.Urls.First()));
    }

    public WebApplication Host { get; }

    public Api Api { get; }

    /// <summary>The log's lines of level warning or above.</summary>
    public WarningLog Log { get; }

    /// <summary>The log's lines of this category, of any level.</summary>
    public IReadOnlyList<string> Lines(string category) => _lines.Find(category);

    /// <param name="settings">Each <c>NAME=value</c>.</param>
    public static Task<ObservedService> StartAsync(string database, params string[] settings) => StartAsync(database, "http://127.0.0.1:0", settings);

    /// <param name="urls">The addresses to listen on. <see cref="Api"/> uses the first.</param>
    public static async Task<ObservedService> StartAsync(string database, string urls, string[] settings)
    {
        var given = new ConfigurationBuilder().AddInMemoryCollection(settings.Select(line => line.Split('=', 2)).Select(line => new KeyValuePair<string, string?>(line[0], line[1]))).Build();
        var connection = new NpgsqlConnectionStringBuilder(TestRoles.As(TestRoles.Service, database)) { Pooling = true };
        var source = GalleryDatabase.Create(connection, given);
        var host = GalleryService.Build(source, given, ["--urls", urls, "--Logging:Console:LogLevel:Default", "None"]);
        var (log, lines) = (new WarningLog(), new LineLog());
        host.Services.GetRequiredService<ILoggerFactory>().AddProvider(log);
        host.Services.GetRequiredService<ILoggerFactory>().AddProvider(lines);
        await host.StartAsync();
        return new ObservedService(source, host, log, lines);
    }

    public async ValueTask DisposeAsync()
    {
        Api.Dispose();
        await Host.DisposeAsync();
        await _source.DisposeAsync();
        Log.Dispose();
        _lines.Dispose();
    }
}
