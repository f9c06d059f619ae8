using Gallery.Service.Access;
using Gallery.Service.Telemetry;
using Gallery.Sql.Database;
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
            using var stop = new StopSignals();
            await using var database = await ServiceDatabase.OpenAsync(settings, logs.CreateLogger("Gallery"), stop.Token);
            var connecting = Task.Run(() => database.ConnectAsync(stop.Token));   // beside the host's making: each is a third of the start
            await using var service = GalleryService.Build(database.Source, settings, args);
            var server = await connecting;
            await ServiceAddress.StartAsync(service, stop.Token);
            GalleryService.LogServing(service.Logger, string.Join(", ", service.Urls), server);
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

    private static int Fail(int exitCode, string message)
    {
        Console.Error.WriteLine($"gallery: {message.ReplaceLineEndings(" ")}");
        return exitCode;
    }
}
