using Gallery.Service;
using Gallery.Service.Statistics;
using Gallery.Sql.Database;
using Gallery.Sql.Images;
using Gallery.Tests.Database;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Gallery.Tests.Service;

/// <summary>The real service on a real port of this machine, with a database of its own: a class fixture.</summary>
public sealed class TestService(TestServer server) : IAsyncLifetime
{
    public TestServer Server => server;

    private WebApplication? _service;
    private NpgsqlDataSource? _source;

    public TestDatabase Database { get; private set; } = null!;

    /// <summary>The service's own repository.</summary>
    public ImageRepository Images => _service!.Services.GetRequiredService<ImageRepository>();

    /// <summary>Counts the views and downloads that wait. The service itself does so every second.</summary>
    internal Task CountVisitsAsync() => _service!.Services.GetRequiredService<VisitBuffer>().FlushAsync(TestContext.Current.CancellationToken);

    /// <summary>Speaks to the service as any client would.</summary>
    public Api Api { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Database = await server.CreateDatabaseAsync(migrated: true);
        (_service, _source, Api) = await StartAsync(Database.ConnectionString);
    }

    public async ValueTask DisposeAsync()
    {
        Api.Dispose();
        await _service!.DisposeAsync();
        await _source!.DisposeAsync();
        await Database.DisposeAsync();
    }

    /// <summary>A service on any database, there as the role that may change rows only. The caller ends it.</summary>
    internal static Task<(WebApplication Service, NpgsqlDataSource Source, Api Api)> StartAsync(string connectionString) =>
        StartAsAsync(TestRoles.As(TestRoles.Service, connectionString));

    /// <summary>A service on any database, as the role that the connection names. The caller ends it.</summary>
    internal static async Task<(WebApplication Service, NpgsqlDataSource Source, Api Api)> StartAsAsync(string connectionString, params (string Name, string Value)[] more)
    {
        var settings = new ConfigurationBuilder()
            .AddInMemoryCollection([new("GALLERY_IMAGE_HOSTS", "assets.mycoolsite.com"), .. more.Select(each => KeyValuePair.Create(each.Name, (string?)each.Value))])
            .Build();
        var source = GalleryDatabase.Create(new NpgsqlConnectionStringBuilder(connectionString) { Pooling = true }, settings);
        var service = GalleryService.Build(source, settings, ["--urls", "http://127.0.0.1:0", "--Logging:Console:LogLevel:Default", nameof(LogLevel.Critical)]);
        await service.StartAsync();
        return (service, source, new Api(new Uri(service.Urls.Single())));
    }
}
