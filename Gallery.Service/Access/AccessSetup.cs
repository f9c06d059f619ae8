using Gallery.Sql.Database;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Cors.Infrastructure;

namespace Gallery.Service.Access;

/// <summary>Sets up service keys, users' tokens, or both. With neither, anyone may call, but only from this machine.</summary>
internal static class AccessSetup
{
    /// <exception cref="SettingsException">A setting has an invalid value.</exception>
    /// <param name="publicAddress">An address that the service listens on and other machines can reach, or null.</param>
    public static void AddGalleryAccess(this IServiceCollection services, IConfiguration settings, string? publicAddress = null)
    {
        services.AddGalleryCors(settings);
        var permissions = new Permissions(settings);
        services.AddSingleton(permissions);

        var keys = ServiceKeys.Find(settings);
        var issuer = TokenIssuer.Find(settings);
        var insists = settings.FindSwitch(LoopbackGuard.InsistSetting, otherwise: false);
        if (keys is null && issuer is null && !insists)
        {
            if (publicAddress is not null) throw LoopbackGuard.Refuse(publicAddress);   // before a database is started
            services.AddSingleton<IConnectionListenerFactory, LoopbackGuard>();
            return;   // SIGHUP ends it, because it may run in a terminal that is closed
        }

        services.AddHostedService(provider => new KeyReloading(provider.GetService<ServiceKeys>(), settings, TimeProvider.System, provider.GetRequiredService<ILogger<KeyReloading>>()));
        if (keys is null && issuer is null) return;

        if (insists)
            throw new SettingsException(
                $"{LoopbackGuard.InsistSetting}=true and {(keys is null ? TokenIssuer.UrlSetting : ServiceKeys.Setting)} are both set. The first lets anyone in, the second does not. Remove one of them.");
        services.AddSingleton(keys ?? new ServiceKeys());
        if (issuer is not null)
            services.AddSingleton(provider => new UserTokens(issuer, permissions, TimeProvider.System, provider.GetRequiredService<ILogger<UserTokens>>()));
    }

    /// <summary>The setting that makes the service ask for credentials. Null if none does.</summary>
    public static string? FindCredentials(IConfiguration settings) =>
        ServiceKeys.Find(settings) is not null ? ServiceKeys.Setting : TokenIssuer.Find(settings) is not null ? TokenIssuer.UrlSetting : null;

    /// <summary>Protects a service without credentials from DNS rebinding.</summary>
    public static void UseLoopbackGuard(this WebApplication app)
    {
        if (app.Services.GetService<ServiceKeys>() is null) app.Use(LoopbackGuard.RefuseOtherNamesAsync);
    }

    /// <summary>Adds only the middleware that the settings ask for. Must come after trusted proxies, whose Host is the one that browsers see.</summary>
    public static void UseGalleryAccess(this WebApplication app)
    {
        // Before CORS, which answers preflights. So the log names each refused origin.
        app.UseMiddleware<CrossOriginGuard>();

        if (app.Services.GetService<ICorsService>() is not null) app.UseGalleryCors();   // before credentials: a preflight has no credentials, and pages must be able to read a 401
        if (app.Services.GetService<ServiceKeys>() is not null) app.UseMiddleware<Authentication>();
    }

    /// <summary>The caller that the request's credentials prove; <see cref="Caller.Anonymous"/> if the service needs none.</summary>
    public static Caller Caller(this HttpContext http) => http.Features.Get<Caller>() ?? Sql.Database.Caller.Anonymous;

    /// <summary>A setting that is <c>true</c> or <c>false</c>.</summary>
    /// <exception cref="SettingsException">It is neither.</exception>
    public static bool FindSwitch(this IConfiguration settings, string name, bool otherwise) => settings.Find(name)?.Trim().ToLowerInvariant() switch
    {
        null => otherwise,
        "true" => true,
        "false" => false,
        _ => throw new SettingsException($"{name} takes true or false."),
    };
}
