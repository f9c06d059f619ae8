using System.CommandLine;
using System.Globalization;
using System.Text;
using Gallery.Service.Transfers.Commands;

namespace Gallery.Service.Page.Demo;

/// <summary><c>demo</c>: fills an open service on its private PostgreSQL with invented images, by an import. So it may be repeated.</summary>
internal static class DemoCommand
{
    public static Command Create()
    {
        var command = new Command("demo", "Fills an open service on its private PostgreSQL with 300 invented images. It may be repeated.") { GalleryClient.Url };
        command.SetAction((parsed, stop) => CommandRun.RunAsync(() => RunAsync(parsed, stop)));
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parsed, CancellationToken ct)
    {
        using var client = GalleryClient.Create(parsed);
        if (FindObstacle(await client.FindPageSettingsAsync(ct)) is { } obstacle) throw new InvalidOperationException(obstacle);

        var now = DateTime.UtcNow;
        var lines = string.Join('\n', DemoImage.All.Select((image, number) => image.Line(number, now)));
        var report = await client.ImportAsync(Encoding.UTF8.GetBytes(lines), recreates: true, ct);
        var progress = new Progress("images imported");
        foreach (var error in report.Errors) progress.Say($"image {error.Line}: {error.Code}: {error.Message}");
        if (report.Failed > 0) return 1;
        progress.Say(report.Created + report.Updated == 0
            ? $"Nothing changed: all {DemoImage.Count} invented images are there."
            : string.Create(CultureInfo.InvariantCulture, $"{report.Created} created, {report.Updated} updated, {report.Unchanged} unchanged. Open {client.Address} to see them. {DemoImage.InTrash} of them are in the trash."));
        return 0;
    }

    /// <summary>Why invented images must not go there, and what to do. Null if they may.</summary>
    private static string? FindObstacle(PageSettings? service) => service switch
    {
        { IsDemo: true } => null,
        null => "The service has no page, so nobody would see the images. Remove GALLERY_PAGE=off, or correct --url.",
        { AsksForCredentials: true } => "The service asks for credentials, so it may hold real images. Start one without GALLERY_API_KEYS and SUPABASE_URL.",
        _ => "The service's database is not its private one, so it may hold real images. Start one without DATABASE_URL and SUPABASE_DB_HOST.",
    };
}
