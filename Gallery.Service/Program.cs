using System.Runtime.InteropServices;
using Gallery.Service.Access;
using Gallery.Service.Telemetry;
using Gallery.Sql;
using Gallery.Sql.Migrations;

namespace Gallery.Service;

internal static class ServiceProgram
{
    private const int Unexpected = 1;
    private const int SettingsError = 2;
    private const int DatabaseError = 3;
    private const int AddressError = 4;

    private static async Task<int> Main(string[] args)
    {
        try
        {
            if (args is [KeyCommand.Verb, ..]) return KeyCommand.Run(args[1..]);
            var settings = Settings.Load();
            using var logs = LoggerFactory.Create(logging => logging.AddGalleryLogging(settings));
            await using var database = await OpenDatabaseAsync(settings, logs.CreateLogger("Gallery"));
            await using var service = GalleryService.Build(database.Source, settings, args);
            await ServiceAddress.StartAsync(service);
            GalleryService.LogServing(service.Logger, string.Join(", ", service.Urls), database.Description);
            await service.WaitForShutdownAsync();
            return 0;
        }
        catch (SettingsException e)
        {
            return Fail(SettingsError, e.Message);
        }
        catch (Exception e) when (e is DatabaseUnusableException or MigrationException)
        {
            return Fail(DatabaseError, e.Message);
        }
        catch (ServiceAddressException e)
        {
            return Fail(AddressError, e.Message);
        }
        catch (OperationCanceledException)
        {
            return Fail(Unexpected, "Stopped before it had started.");
        }
        catch (Exception e) when (e is FormatException or InvalidOperationException or IOException or UnauthorizedAccessException)
        {
            return Fail(Unexpected, e.Message);
        }
    }

    /// <summary>The host minds the signals once it runs; a first start of the private PostgreSQL, which takes longest, is before that.</summary>
    private static async Task<ServiceDatabase> OpenDatabaseAsync(IConfiguration settings, ILogger log)
    {
        using var stop = new CancellationTokenSource();
        using var interrupted = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        using var terminated = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        return await ServiceDatabase.OpenAsync(settings, log, stop.Token);

        void Stop(PosixSignalContext signal)
        {
            signal.Cancel = true;
            stop.Cancel();
        }
    }

    private static int Fail(int exitCode, string message)
    {
        Console.Error.WriteLine($"gallery: {message.ReplaceLineEndings(" ")}");
        return exitCode;
    }
}
