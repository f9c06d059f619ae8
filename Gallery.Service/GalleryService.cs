using Gallery.Service.Access;
using Gallery.Service.Health;
using Gallery.Service.Http;
using Gallery.Service.Limits;
using Gallery.Service.OpenApi;
using Gallery.Service.Page;
using Gallery.Service.Telemetry;
using Gallery.Sql.Coalescing;
using Gallery.Sql.Database;
using Npgsql;

namespace Gallery.Service;

/// <summary>The host: what is registered, and what a request passes on its way to an endpoint.</summary>
public static partial class GalleryService
{
    /// <inheritdoc cref="Build(WebApplicationBuilder, NpgsqlDataSource, IConfiguration, bool)"/>
    public static WebApplication Build(NpgsqlDataSource database, IConfiguration settings, string[] args) => Build(Prepare(settings, args), database, settings);

    /// <summary>Reads every setting and registers everything but the database.</summary>
    /// <param name="settings">What <c>.env.example</c> lists.</param>
    /// <param name="args">The host's own, such as <c>--urls</c>.</param>
    /// <exception cref="SettingsException">A setting cannot be used.</exception>
    internal static WebApplicationBuilder Prepare(IConfiguration settings, string[] args)
    {
        // Settings are read once, at the start. Watching for changes would cover every file below the working folder.
        var builder = WebApplication.CreateSlimBuilder(["--hostBuilder:reloadConfigOnChange=false", .. args]);
        builder.Logging.AddGalleryLogging(settings);
        _ = AccessLog.IsOn(settings);
        builder.AddGalleryTelemetry(settings);
        if (ServiceAddress.Find(builder.Configuration, settings) is { } urls) builder.WebHost.UseUrls(urls);
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.AddServerHeader = false);
        var limits = ServiceLimits.From(settings);
        builder.AddLimits(limits);

        var standbys = Standbys.From(settings);
        builder.Services.AddSingleton(_ => standbys);   // the factory lets the host dispose them
        builder.Services.AddHostedService<StandbyWatch>();
        builder.Services.AddSingleton(limits);
        builder.Services.AddSingleton(BatchOptions.From(settings, limits.QueueLength));
        foreach (var noun in Nouns.All) noun.AddServices(builder.Services, settings);
        builder.Services.AddSingleton(PageOptions.From(settings));
        builder.Services.AddHostedService<Drain>();
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddSingleton<LogLimit>();
        builder.Services.AddSingleton<Audit>();
        builder.Services.AddSingleton<Readiness>();
        builder.Services.AddExceptionHandler<ProblemExceptionHandler>();
        builder.Services.Configure<RouteOptions>(routing => routing.SetParameterPolicy<UuidRouteConstraint>(UuidRouteConstraint.Name));
        builder.Services.ConfigureHttpJsonOptions(json => GalleryJson.Configure(json.SerializerOptions));
        JsonCompression.Register(builder.Services);
        builder.Services.AddGalleryAccess(settings, ServiceAddress.FindPublic(builder.Configuration));
        builder.Services.AddGalleryOpenApi("The metadata of generated images that Cloudinary hosts.");
        return builder;
    }

    /// <summary>
    /// Lets each request wait behind those of other connections. Kestrel would run all that a connection has sent ahead on one thread in one go, and probes would
    /// wait for a thousand refusals.
    /// </summary>
    private static async Task QueueAsync(HttpContext http, RequestDelegate next)
    {
        await Task.Yield();
        await next(http);
    }

    /// <summary>A service on this database, not started yet.</summary>
    /// <param name="database">Remains the caller's to dispose.</param>
    /// <param name="isPrivate">Whether it is the service's private PostgreSQL.</param>
    internal static WebApplication Build(WebApplicationBuilder builder, NpgsqlDataSource database, IConfiguration settings, bool isPrivate = false)
    {
        builder.Services.AddSingleton(database);
        // Routing by media type prefers a route with a parameter to the one with a body, so /a/restore/ without one would be /{id}/restore/. Handlers check the media type.
        builder.Services.Remove(builder.Services.Single(service => service.ImplementationType?.Name == "AcceptsMatcherPolicy"));
        var app = builder.Build();
        var limits = app.Services.GetRequiredService<ServiceLimits>();
        app.Use(QueueAsync);
        if (AccessLog.IsOn(settings)) app.UseMiddleware<AccessLog>();
        app.Use(RequestTags.AddCallerAsync);
        app.UseMiddleware<RequestIds>();
        app.UseExceptionHandler(_ => { });
        app.UseStatusCodePages(StatusProblems.WriteAsync);
        app.UseConnectionLimit();
        app.Use(DotSegments.RejectAsync);
        app.Use(StatusProblems.RefuseOtherCaseAsync);
        app.UseLoopbackGuard();   // before proxies, so that no X-Forwarded-Host replaces the Host that it checks
        app.UseTrustedProxies(limits);
        app.UseGalleryAccess();
        app.UseLimits(limits);
        app.UseResponseCompression();
        foreach (var noun in Nouns.All) noun.MapRoutes(app);
        app.MapHealth();
        app.MapGalleryOpenApi();
        app.MapPage(isPrivate);
        app.MapMetrics(settings);
        return app;
    }

    [LoggerMessage(LogLevel.Information, "Gallery {Version}, commit {Commit}. Settings come from the environment and from .env. The .env that was read: {DotEnv}")]
    internal static partial void LogStart(ILogger log, string version, string commit, string dotEnv);

    [LoggerMessage(LogLevel.Information, "Gallery serves {Urls} on {Database}; its routes are listed at /docs")]
    internal static partial void LogServing(ILogger log, string urls, string database);
}
