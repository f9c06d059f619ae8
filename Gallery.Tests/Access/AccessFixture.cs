using Gallery.Tests.Database;
using Gallery.Tests.Service;

namespace Gallery.Tests.Access;

/// <summary>One database, an issuer, and a service for each family of users' tokens; both take the service key too.</summary>
public sealed class AccessFixture(TestServer server) : IAsyncLifetime
{
    private GuardedService? _withSecret;
    private GuardedService? _withKeys;

    public TestDatabase Database { get; private set; } = null!;

    internal TestIssuer Issuer { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Database = await server.CreateDatabaseAsync(migrated: true);
        Issuer = await TestIssuer.StartAsync();
        _withSecret = await StartAsync($"SUPABASE_JWT_SECRET={TestIssuer.Secret}");
        _withKeys = await StartAsync();
        await _withKeys.WaitForKeysAsync(Issuer.Token("ES256", "user_123"));
    }

    /// <summary>The service whose users have tokens of this algorithm.</summary>
    internal Api Api(string algorithm) => (algorithm == "HS256" ? _withSecret! : _withKeys!).Api;

    /// <summary>A turn of a user of the service with HS256, until the result is disposed.</summary>
    internal Task<IDisposable?> TakeTurnAsync(string kind, string user) => _withSecret!.TakeTurnAsync(kind, user);

    /// <summary>Another service on the same database, with both ways in and users who may save.</summary>
    internal Task<GuardedService> StartAsync(params string[] settings) =>
        GuardedService.StartAsync(Database.ConnectionString, [GuardedService.Keys, $"SUPABASE_URL={Issuer.Url}/", "GALLERY_USERS_MAY_SAVE=true", .. settings]);

    public async ValueTask DisposeAsync()
    {
        await _withSecret!.DisposeAsync();
        await _withKeys!.DisposeAsync();
        await Issuer.DisposeAsync();
        await Database.DisposeAsync();
    }
}
