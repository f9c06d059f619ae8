using System.Buffers.Binary;
using System.CommandLine;
using System.Globalization;
using System.Text;
using Gallery.Sql.Database;
using ServerUser = Gallery.Sql.Embedded.ServerUser;

namespace Gallery.Service.Transfers.Commands;

/// <summary><c>export FILE</c>: writes an export into a file. Calls the API, like every client.</summary>
internal static class ExportCommand
{
    private static readonly Argument<string> FileName = new("FILE") { Description = "A new file, or - for standard output" };
    private static readonly Option<string?> UserId = new("--user-id") { Description = "Whose images. Default: everyone's" };
    private static readonly Option<string?> CreatedFrom = new("--created-from") { Description = "Only images created at this time or later, such as 2026-01-31" };
    private static readonly Option<string?> CreatedTo = new("--created-to") { Description = "Only images created before this time" };
    private static readonly Option<bool> Resume = new("--resume") { Description = "Goes on after the last whole line of FILE" };

    private const UnixFileMode ForOwner = UnixFileMode.UserRead | UnixFileMode.UserWrite;   // prompts are personal data

    public static Command Create()
    {
        var command = new Command("export", "Exports images into a file, one JSON object a line.") { FileName, GalleryClient.Url, UserId, CreatedFrom, CreatedTo, Resume };
        command.SetAction((parsed, stop) => CommandRun.RunAsync(() => RunAsync(parsed, stop)));
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parsed, CancellationToken ct)
    {
        using var client = GalleryClient.Create(parsed);
        var name = parsed.GetValue(FileName)!;
        (string, string?)[] filters = [("user_id", parsed.GetValue(UserId)), ("created_from", parsed.GetValue(CreatedFrom)), ("created_to", parsed.GetValue(CreatedTo))];
        var (file, after) = await OpenAsync(name, parsed.GetValue(Resume), ct);
        await using var __ = file;
        var isOnScreen = name == "-" && !Console.IsOutputRedirected;
        var progress = new Progress("exported");
        var (count, newline) = (0L, new[] { (byte)'\n' });
        try
        {
            await foreach (var (id, _, line) in client.ExportAsync(filters, after, ct))
            {
                await file.WriteAsync(isOnScreen ? Encoding.UTF8.GetBytes(LogText.Line(Encoding.UTF8.GetString(line.Span))) : line, ct);
                await file.WriteAsync(newline, ct);
                count++;
                progress.Show(count, PlaceOf(id));
            }
        }
        catch (Exception e) when (e is InvalidOperationException or IOException or OperationCanceledException)
        {
            await file.FlushAsync(CancellationToken.None);
            throw new InvalidOperationException($"{(e is OperationCanceledException ? "Stopped." : e.Message)} {count} images were exported{(name == "-" ? "." : "; add --resume to go on.")}", e);
        }

        await file.FlushAsync(ct);
        progress.Say(string.Create(CultureInfo.InvariantCulture, $"{count:N0} images exported"));
        return 0;
    }

    /// <summary>The place of a random id among all, 0 to 1. Exports come in the order of ids, so it is the part that is done.</summary>
    internal static double PlaceOf(Guid id)
    {
        Span<byte> bytes = stackalloc byte[16];
        id.TryWriteBytes(bytes, bigEndian: true, out _);
        return BinaryPrimitives.ReadUInt32BigEndian(bytes) / (double)uint.MaxValue;
    }

    /// <summary>The file, and the last image that it has.</summary>
    private static async Task<(Stream File, Guid? After)> OpenAsync(string name, bool resumes, CancellationToken ct)
    {
        if (name == "-") return resumes ? throw new SettingsException("--resume needs a file, not -.") : (new BufferedStream(Console.OpenStandardOutput(), 65_536), null);
        var isThere = File.Exists(name);
        if (new FileInfo(name).LinkTarget is not null) throw new SettingsException($"{name} is a symbolic link. Name the file itself.");
        if (!resumes && isThere) throw new SettingsException($"{name} exists. Add --resume to go on with it, or choose another file.");
        var options = new FileStreamOptions { Mode = isThere ? FileMode.Open : FileMode.CreateNew, Access = FileAccess.ReadWrite, BufferSize = 65_536 };
        if (!isThere && !OperatingSystem.IsWindows()) options.UnixCreateMode = ForOwner;
        var file = new FileStream(name, options);
        try
        {
            if (!file.CanSeek) throw new SettingsException($"{name} is a pipe or a device. Choose a file, or - for standard output.");
            if (isThere && File.Exists("/bin/sh") && !await IsOwnAsync(file, ct)) throw new SettingsException($"{name} belongs to another user. Choose another file.");
            return (file, isThere ? ContinueAfter(file) : null);
        }
        catch
        {
            await file.DisposeAsync();
            throw;
        }
    }

    /// <summary>Asks about the file that is open, where that is possible. Whoever owns the folder may have put another one in its place.</summary>
    private static Task<bool> IsOwnAsync(FileStream file, CancellationToken ct) => ServerUser.Current.OwnsAsync(
        OperatingSystem.IsLinux() ? $"/proc/{Environment.ProcessId}/fd/{file.SafeFileHandle.DangerousGetHandle()}" : file.Name, ct);

    /// <summary>Leaves whole lines, and returns the id of the last one. Null if there is none. Changes nothing before it knows that the file is an export.</summary>
    private static Guid? ContinueAfter(FileStream file)
    {
        var tail = new byte[Math.Min(file.Length, 2 * Lines.MostBytes)];
        var start = file.Seek(-tail.Length, SeekOrigin.End);
        file.ReadExactly(tail);
        var end = tail.AsSpan().LastIndexOf((byte)'\n');
        var lines = tail.AsSpan(0, Math.Max(0, end));
        var torn = tail.AsSpan(end + 1);
        var last = end < 0 ? null : ExportedLine.Read(lines[(lines.LastIndexOf((byte)'\n') + 1)..]);
        if ((end < 0 && start > 0) || (end >= 0 && last is null) || !ExportedLine.IsBeginning(torn) || !ExportedLine.IsBeginning(ReadBeginning(file)))
            throw new SettingsException($"{file.Name} is no export. Choose another file.");

        KeepForOwner(file);
        file.SetLength(start + end + 1);
        file.Seek(0, SeekOrigin.End);
        return last?.Id;
    }

    private static byte[] ReadBeginning(FileStream file)
    {
        var bytes = new byte[60];   // shorter than any line
        file.Seek(0, SeekOrigin.Begin);
        return bytes[..file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false)];
    }

    private static void KeepForOwner(FileStream file)
    {
        if (OperatingSystem.IsWindows() || (File.GetUnixFileMode(file.SafeFileHandle) & ~ForOwner) == UnixFileMode.None) return;
        if (file.Length == 0) throw new SettingsException($"{file.Name} is empty, and others may open it. Delete it first.");   // it may be a device
        File.SetUnixFileMode(file.SafeFileHandle, ForOwner);
    }
}
