using System.CommandLine;
using System.Runtime.InteropServices;
using Gallery.Service.Access;
using Gallery.Service.Health;
using Gallery.Service.Page.Demo;
using Gallery.Service.Telemetry;
using Gallery.Service.Transfers.Commands;
using Gallery.Sql;
using Gallery.Sql.Database;

namespace Gallery.Service;

internal static class ServiceProgram
{
    private static readonly Option<string?> Urls = new("--urls") { Description = "Where to listen, such as http://localhost:9998. Default: ASPNETCORE_URLS, then PORT, then http://localhost:9999" };

    private static async Task<int> Main(string[] args)
    {
        // Registered before anything starts, so that a signal ends the start too. System.CommandLine's own handler comes after the start.
        using var stop = new CancellationTokenSource();
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        var root = new RootCommand("Serves Gallery's REST API. Settings come from the environment and from .env; .env.example lists them.") { Urls, KeyCommand.Create(), ExportCommand.Create(), ImportCommand.Create(), OrphansCommand.Create(), DemoCommand.Create() };
        root.SetAction((parsed, stop) => ServeAsync(parsed.GetValue(Urls) is { } urls ? ["--urls", urls] : [], stop));
        var parsed = root.Parse(args);
        return parsed.Errors.Count > 0
            ? StartFailure.Report(StartFailure.Explain(parsed))
            : await parsed.InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = null, EnableDefaultExceptionHandler = false }, stop.Token);

        void Stop(PosixSignalContext signal)
        {
            signal.Cancel = true;
            stop.Cancel();
        }
    }

    private static async Task<int> ServeAsync(string[] hostArgs, CancellationToken stop)
    {
        try
        {
            var dotEnv = Settings.FindDotEnv(Directory.GetCurrentDirectory());
            var settings = Settings.Load(dotEnv);
            using var logs = LoggerFactory.Create(logging => logging.AddGalleryLogging(settings));
            var log = logs.CreateLogger("Gallery");
            GalleryService.LogStart(log, Release.Version, Release.Commit, dotEnv ?? "none");

            var builder = GalleryService.Prepare(settings, hostArgs);   // every setting is read before anything starts
            await using var database = await ServiceDatabase.OpenAsync(settings, builder.Configuration, log, stop);
            await using var service = GalleryService.Build(builder, database.Source, settings, database.IsPrivate);
            await ServiceAddress.StartAsync(service, stop);
            GalleryService.LogServing(log, string.Join(", ", service.Urls), database.Description);
            var ready = service.Services.GetRequiredService<Readiness>().WatchAsync(service.Lifetime.ApplicationStopping);
            await service.WaitForShutdownAsync(stop);
            await ready;
            return 0;
        }
        catch (Exception e)
        {
            return StartFailure.Report(e);
        }
    }
}
