using System.Globalization;
using Gallery.Sql.Database;

namespace Gallery.Sql.Embedded;

/// <summary>The folder that keeps everything of one embedded PostgreSQL, and what stands where in it.</summary>
internal sealed class DataHome
{
    private DataHome(string folder) => Folder = folder;

    /// <summary>Absolute, with symbolic links resolved: two services that spell it differently mean the same server.</summary>
    public string Folder { get; }

    /// <summary>The data and their password. Made in an <see cref="Unfinished"/> folder and renamed: it is there whole or not at all.</summary>
    public string Server => Path.Combine(Folder, "server");
    public string Data => Path.Combine(Server, "data");
    public string PasswordFile => Path.Combine(Server, "password");
    public string StartedInFile => Path.Combine(Server, "started-in");
    public string Log => Path.Combine(Folder, "server.log");
    public string Programs => Path.Combine(Folder, "programs");
    public string StartLock => Path.Combine(Folder, "start.lock");
    public string UsersLock => Path.Combine(Folder, "users.lock");

    public bool HasData => Directory.Exists(Server);

    /// <summary>Makes the folder if it is new, and sees that oneself can write it and the server's user enter it.</summary>
    /// <exception cref="SettingsException">It cannot be used; the message says why and what to do.</exception>
    public static async Task<DataHome> OpenAsync(string folder, ServerUser user, CancellationToken ct)
    {
        folder = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        // pg_ctl hands paths to a shell between double quotes.
        if (!OperatingSystem.IsWindows() && folder.IndexOfAny(['"', '$', '`', '\\', '\n']) >= 0)
            throw new SettingsException($"GALLERY_DATA: PostgreSQL cannot keep data in {folder}: choose a path without \", $, ` and \\.");

        try
        {
            Make(folder);
            var probe = Path.Combine(folder, $"probe-{Guid.NewGuid():N}");
            File.WriteAllBytes(probe, []);
            File.Delete(probe);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SettingsException(
                $"The data home {folder} cannot be written by the user {Environment.UserName} ({e.Message.TrimEnd('.')}): " +
                "give it to that user, or set GALLERY_DATA to a folder of your own.");
        }

        var home = new DataHome(RealPath(folder));
        if (user.Name is not null)
            await home.LetInAsync(user, ct);
        return home;
    }

    /// <summary>The major version that wrote the data; null when there are none yet.</summary>
    /// <exception cref="SettingsException">The data are another user's, or incomplete.</exception>
    public async Task<int?> FindDataVersionAsync(ServerUser user, CancellationToken ct)
    {
        if (!HasData)
            return null;
        if (Directory.Exists(Data) && !await user.OwnsAsync(Data, ct))
            throw new SettingsException(
                $"The data in {Data} do not belong to the user {user.Title}, who would run PostgreSQL: " +
                "run the service as their owner, or set GALLERY_DATA to another folder.");

        var versionFile = Path.Combine(Data, "PG_VERSION");
        if (File.Exists(versionFile) && File.Exists(PasswordFile)
            && int.TryParse(await File.ReadAllTextAsync(versionFile, ct), NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture, out var major))
            return major;
        throw new SettingsException(
            $"{Server} is not whole ({versionFile} or {PasswordFile} is missing): restore it from a backup, " +
            "or move it away to begin with an empty gallery.");
    }

    /// <summary>
    /// A name beside <paramref name="folder"/>, to work under until all is made and can be renamed. New each time: when a service
    /// is killed, the initdb or npm that it ran may go on writing under the last one.
    /// </summary>
    public static string Unfinished(string folder) => $"{folder}.new-{Guid.NewGuid():N}";

    /// <summary>Removes what interrupted starts left. Only inside one's turn.</summary>
    public void SweepUp()
    {
        foreach (var left in Directory.GetDirectories(Folder, "server.new-*"))
            TryDelete(left);
        foreach (var left in Directory.Exists(Programs) ? Directory.GetDirectories(Programs, "*.new-*") : [])
            TryDelete(left);
    }

    public static void TryDelete(string folder)
    {
        try
        {
            Directory.Delete(folder, recursive: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Someone is still writing in it: the next start sweeps it up.
        }
    }

    private static void Make(string folder)
    {
        if (Directory.Exists(folder))
            return;
        if (OperatingSystem.IsWindows())
            Directory.CreateDirectory(folder);
        else
            Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    /// <summary>As root: the server's user must be able to pass through to its data.</summary>
    private async Task LetInAsync(ServerUser user, CancellationToken ct)
    {
        // Only a folder of root's that is Gallery's alone is opened, and only to be passed through.
        var names = new[] { Server, Log, Programs, StartLock, UsersLock };
        if (!OperatingSystem.IsWindows()
            && await ServerUser.Oneself.OwnsAsync(Folder, ct)
            && Directory.EnumerateFileSystemEntries(Folder).All(path => names.Contains(path) || path.StartsWith($"{Server}.new-", StringComparison.Ordinal)))
            File.SetUnixFileMode(Folder, File.GetUnixFileMode(Folder) | UnixFileMode.OtherExecute);
        if (await user.CanEnterAsync(Folder, ct))
            return;

        var closed = Folder;
        for (var above = Folder; above is not null; above = Path.GetDirectoryName(above))
        {
            if (!await user.CanEnterAsync(above, ct))
                closed = above;
        }

        throw new SettingsException(
            $"The data home {Folder} is out of reach for the user {user.Name}, who runs PostgreSQL in root's place: " +
            $"{closed} is closed to others. Set GALLERY_DATA to a folder elsewhere, such as /var/lib/gallery.");
    }

    private static string RealPath(string path)
    {
        if (Path.GetDirectoryName(path) is not { } above)
            return path;
        var here = Path.Combine(RealPath(above), Path.GetFileName(path));
        return new DirectoryInfo(here).ResolveLinkTarget(returnFinalTarget: true) is { } target ? RealPath(target.FullName) : here;
    }
}
