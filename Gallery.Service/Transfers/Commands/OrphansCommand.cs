using System.CommandLine;
using System.Globalization;
using Gallery.Service.Images;
using Gallery.Sql.Database;

namespace Gallery.Service.Transfers.Commands;

/// <summary>
/// <c>orphans --public-ids FILE</c>: compares Cloudinary's public IDs with the images. They are compared by UUID, because a URL does not tell exactly where its
/// public ID begins: a folder may look like a transformation. So nothing that an image shows is ever listed.
/// </summary>
internal static class OrphansCommand
{
    private static readonly Option<string> PublicIds = new("--public-ids") { Description = "A file of the account's public IDs, one a line, with their folders and without extensions", Required = true };

    public static Command Create()
    {
        var command = new Command("orphans", "Lists pictures without a row and rows without a picture. Deletes nothing.") { PublicIds, GalleryClient.Url };
        command.SetAction((parsed, stop) => CommandRun.RunAsync(() => RunAsync(parsed, stop)));
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parsed, CancellationToken ct)
    {
        using var client = GalleryClient.Create(parsed);
        var name = parsed.GetValue(PublicIds)!;
        if (!File.Exists(name)) throw new SettingsException($"{name} does not exist. Name a file of public IDs.");

        var listed = ReadPublicIds(name).SelectMany(CloudinaryUrl.FindUuids).ToHashSet();
        var rows = new HashSet<Guid>();
        var (progress, withoutPicture, withoutRow) = (new Progress("images read"), 0L, 0L);
        var (held, belongs) = (new List<string>(), false);   // until a picture proves to be of this Gallery
        await using var output = new StreamWriter(Console.OpenStandardOutput(), bufferSize: 65_536);
        await foreach (var (id, imageUrl, _) in client.ExportAsync([], after: null, ct))   // with the trash: its images can be restored
        {
            rows.Add(id);
            progress.Show(rows.Count, ExportCommand.PlaceOf(id));
            if (listed.Contains(id)) belongs = true;
            else held.Add($"without picture\t{id}\t{LogText.Line(imageUrl)}");
            if (!belongs) continue;
            foreach (var line in held) await output.WriteLineAsync(line);
            withoutPicture += held.Count;
            held.Clear();
        }

        if (!belongs)
            throw new SettingsException($"None of the pictures in {name} has a row at {client.Address}. Name the right Gallery with --url. Nothing was deleted.");

        // Only now, because half an export would make pictures look unused.
        foreach (var publicId in ReadPublicIds(name))
        {
            if (CloudinaryUrl.FindUuids(publicId).Any(rows.Contains)) continue;
            withoutRow++;
            await output.WriteLineAsync($"without row\t{LogText.Line(publicId)}");
        }

        await output.FlushAsync(ct);
        progress.Say(string.Create(CultureInfo.InvariantCulture, $"{rows.Count:N0} images at {client.Address}, {withoutRow:N0} pictures without a row, {withoutPicture:N0} rows without a picture. Nothing was deleted."));
        return 0;
    }

    private static IEnumerable<string> ReadPublicIds(string name) => File.ReadLines(name).Where(line => !string.IsNullOrWhiteSpace(line));
}
