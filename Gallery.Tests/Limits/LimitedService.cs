using Gallery.Service;
using Gallery.Sql.Database;
using Gallery.Tests.Database;
using Gallery.Tests.Service;
using Gallery.Tests.Settings;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Gallery.Tests.Limits;

/// <summary>The service with limits that a test can reach. Whatever a client did to it, its log holds no stack trace in the end.</summary>
internal sealed class LimitedService : IAsyncDisposable
{
    private readonly WebApplication _service;
    private readonly NpgsqlDataSource _source;
    private readonly WarningLog _log = new();

    private LimitedService(NpgsqlDataSource source, string[] settings)
    {
        _source = source;
        _service = GalleryService.Build(source, Given.Settings(settings), ["--urls", "http://127.0.0.1:0", "--ForwardedHeaders_Enabled", "true"]);   // as ASPNETCORE_… in the environment
        _service.Services.GetRequiredService<ILoggerFactory>().AddProvider(_log);
    }

    public Api Api { get; private set; } = null!;

    public IReadOnlyCollection<string> Log => _log.Written;

    /// <param name="settings">Each <c>NAME=value</c>.</param>
    public static Task<LimitedService> StartAsync(TestDatabase database, params string[] settings) => StartAsync(database, pool: 12, settings);

    public static async Task<LimitedService> StartAsync(TestDatabase database, int pool, params string[] settings)
    {
        // No lock time-out: these tests make a statement last by a lock.
        var connection = new NpgsqlConnectionStringBuilder(TestRoles.As(TestRoles.Service, database.ConnectionString)) { Pooling = true, MaxPoolSize = pool, Options = "-c lock_timeout=0" };
        var limited = new LimitedService(GalleryDatabase.Create(connection, Given.Settings()), settings);
        await limited._service.StartAsync();
        limited.Api = new Api(new Uri(limited._service.Urls.Single()));
        return limited;
    }

    public Task<RawConnection> ConnectAsync(int? window = null) => RawConnection.OpenAsync(Api.Address, window);

    /// <summary>One request as these bytes, on a connection of its own.</summary>
    public async Task<RawAnswer?> SendAsync(string request)
    {
        using var connection = await ConnectAsync();
        await connection.SendAsync(request);
        return await connection.ReadAsync();
    }

    public async ValueTask DisposeAsync()
    {
        Api.Dispose();
        await _service.DisposeAsync();
        await _source.DisposeAsync();
        Assert.DoesNotContain(Log, line => line.Contains("   at ", StringComparison.Ordinal));
    }
}
