using System.Security.Cryptography;
using System.Text;
using Gallery.Service;
using Gallery.Service.Limits;
using Gallery.Service.Statistics;
using Gallery.Sql.Database;
using Gallery.Tests.Database;
using Gallery.Tests.Service;
using Gallery.Tests.Settings;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace Gallery.Tests.Access;

/// <summary>A service that asks for credentials.</summary>
internal sealed class GuardedService : IAsyncDisposable
{
    /// <summary>A service key, as a caller has it; any text is one, whatever "key" prints.</summary>
    public const string Key = "gallery_the-pipelines-key";

    private readonly WebApplication _service;
    private readonly NpgsqlDataSource _source;

    private GuardedService(WebApplication service, NpgsqlDataSource source)
    {
        (_service, _source) = (service, source);
        Api = new Api(new Uri(service.Urls.Single()));
    }

    public Api Api { get; }

    /// <summary>A turn of the user, until the result is disposed.</summary>
    /// <param name="kind">The key of the turns.</param>
    public Task<IDisposable?> TakeTurnAsync(string kind, string user) =>
        _service.Services.GetRequiredKeyedService<UserTurns>(kind).TakeAsync(Caller.User(user), TestContext.Current.CancellationToken);

    /// <inheritdoc cref="TestService.CountVisitsAsync"/>
    public Task CountVisitsAsync() => _service.Services.GetRequiredService<VisitBuffer>().FlushAsync(TestContext.Current.CancellationToken);

    /// <summary>The setting that lets <see cref="Key"/> in.</summary>
    public static string Keys => $"GALLERY_API_KEYS=other:{Hash("another")},pipeline:{Hash(Key)}";

    public static string Hash(string key) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)));

    public static async Task<GuardedService> StartAsync(string connectionString, params string[] settings)
    {
        var given = Given.Settings(settings);
        var source = GalleryDatabase.Create(new NpgsqlConnectionStringBuilder(TestRoles.As(TestRoles.Service, connectionString)) { Pooling = true }, given);
        var service = GalleryService.Build(source, given, ["--urls", "http://127.0.0.1:0", "--Logging:Console:LogLevel:Default", "Critical"]);
        await service.StartAsync();
        return new GuardedService(service, source);
    }

    /// <summary>Waits until the service has the public keys. On a busy machine, their first fetch may time out.</summary>
    public async Task WaitForKeysAsync(string token)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        while ((await Api.GetAsync("/v1/gallery/", Bearer(token))).Status == 503) await Task.Delay(100, patience.Token);
    }

    public async ValueTask DisposeAsync()
    {
        Api.Dispose();
        await _service.DisposeAsync();
        await _source.DisposeAsync();
    }

    public static (string Name, string Value) Bearer(string credential) => ("Authorization", $"Bearer {credential}");
}
