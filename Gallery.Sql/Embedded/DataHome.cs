using System.Globalization;
using Gallery.Sql.Database;

namespace Gallery.Sql.Embedded;

/// <summary>The folder of one embedded PostgreSQL, and the paths in it.</summary>
internal sealed class DataHome
{
    private DataHome(string folder) => Folder = folder;

    /// <summary>Absolute, with symbolic links resolved, so that every spelling of the path means the same server.</summary>
    public string Folder { get; }

    /// <summary>The data and the password. Created as an <see cref="Unfinished"/> folder and renamed, so it is never incomplete.</summary>
    public string Server => Path.Combine(Folder, "server");
    public string Data => Path.Combine(Server, "data");
    public string VersionFile => Path.Combine(Data, "PG_VERSION");
    public string PasswordFile => Path.Combine(Server, "password");
    public string StartedInFile => Path.Combine(Server, "started-in");
    public string Log => Path.Combine(Folder, "server.log");
    public string Programs => Path.Combine(Folder, "programs");
    public string StartLock => Path.Combine(Folder, "start.lock");
    public string UsersLock => Path.Combine(Folder, "users.lock");

    public bool HasData => Directory.Exists(Server);

    /// <summary>Creates the folder if it is missing. Checks that only this process can write it and the server's user can enter it.</summary>
    /// <exception cref="SettingsException">The folder cannot be used.</exception>
    public static async Task<DataHome> OpenAsync(string folder, ServerUser user, CancellationToken ct)
    {
        var home = new DataHome(await HomeGuard.ResolveAsync(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)), ct));
        // pg_ctl passes paths to a shell in double quotes.
        if (!OperatingSystem.IsWindows() && home.Folder.IndexOfAny(['"', '$', '`', '\\', '\n']) >= 0)
            throw new SettingsException($"GALLERY_DATA={home.Folder} contains \", $, `, \\ or a line feed. Use a path without these.");

        try
        {
            Create(home.Folder);
            await HomeGuard.CheckAsync(home, user, ct);
            var probe = Path.Combine(home.Folder, $"probe-{Guid.NewGuid():N}");
            File.WriteAllBytes(probe, []);
            File.Delete(probe);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SettingsException(
                $"The data home {home.Folder} cannot be written by the user {Environment.UserName} ({e.Message.TrimEnd('.')}). " +
                "Make that user its owner, or set GALLERY_DATA to another folder.");
        }

        if (user.Name is not null)
            await home.EnsureCanEnterAsync(user, ct);
        return home;
    }

    /// <summary>The major version that wrote the data; null if there is no data yet.</summary>
    /// <exception cref="SettingsException">The data belongs to another user, or is incomplete.</exception>
    public async Task<int?> FindDataVersionAsync(ServerUser user, CancellationToken ct)
    {
        if (!HasData)
            return null;
        if (Directory.Exists(Data) && (new FileInfo(Data).LinkTarget is not null || !await user.OwnsAsync(Data, ct)))
            throw new SettingsException(
                $"The data in {Data} does not belong to the user {user.DisplayName}, who would run PostgreSQL. " +
                "Run the service as the owner, or set GALLERY_DATA to another folder.");

        return ServerFile.Find(PasswordFile) is not null && int.TryParse(ServerFile.Find(VersionFile), NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture, out var major)
            ? major
            : throw Incomplete();
    }

    /// <exception cref="SettingsException">The data is incomplete.</exception>
    public string ReadPassword() => ServerFile.Find(PasswordFile)?.Trim() ?? throw Incomplete();

    /// <summary>
    /// The name under which <paramref name="folder"/> is built before it is renamed. It is new each time, because an initdb or
    /// npm that a killed service left behind may still write to the last one.
    /// </summary>
    public static string Unfinished(string folder) => $"{folder}.new-{Guid.NewGuid():N}";

    /// <summary>Removes what interrupted starts left behind. Call it only while holding the start lock.</summary>
    public void RemoveLeftovers()
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
            // A process still writes to it. The next start removes it.
        }
    }

    private SettingsException Incomplete() => new(
        $"{Server} is incomplete: {VersionFile} or {PasswordFile} is missing. Restore it from a backup, " +
        "or move it away to start with an empty gallery.");

    private static void Create(string folder)
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(folder);
            return;
        }

        // Each with a mode, because the umask may let others write. The folders above may be open to readers: other programs use them.
        const UnixFileMode owner = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
        const UnixFileMode readers = UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;
        var missing = new Stack<string>();
        for (var above = Path.GetDirectoryName(folder); above is not null && !Directory.Exists(above); above = Path.GetDirectoryName(above))
            missing.Push(above);
        foreach (var above in missing)
            Directory.CreateDirectory(above, owner | readers);
        Directory.CreateDirectory(folder, owner);
    }

    /// <summary>For root, which runs the server as another user: that user must reach the data.</summary>
    private async Task EnsureCanEnterAsync(ServerUser user, CancellationToken ct)
    {
        // Opens the folder only if root owns it and it contains nothing but Gallery's files. Others can enter it, not list it.
        var names = new[] { Server, Log, Programs, StartLock, UsersLock };
        if (!OperatingSystem.IsWindows()
            && await ServerUser.Current.OwnsAsync(Folder, ct)
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
            $"The user {user.Name}, who runs PostgreSQL for root, cannot reach the data home {Folder}: " +
            $"{closed} is closed to others. Set GALLERY_DATA to another folder, such as /var/lib/gallery.");
    }
}
