using Gallery.Sql.Database;

namespace Gallery.Sql.Embedded;

/// <summary>
/// Refuses a data home where another user could plant a link, which this process would then write to or give away.
/// On Windows it checks nothing, because folders there inherit their owner's access.
/// </summary>
internal static class HomeGuard
{
    private const int MaxLinks = 40;        // Linux's own limit

    /// <summary>
    /// Resolves symbolic links, so that every spelling of the path means the same server. A user who can rename a folder on the way can
    /// replace the home. So all of them must belong to this user or root, and be closed to others. Writes nothing.
    /// </summary>
    /// <exception cref="SettingsException">Another user could replace the home.</exception>
    public static async Task<string> ResolveAsync(string folder, CancellationToken ct)
    {
        var passed = new List<string>();
        var real = Resolve(folder, passed);
        // In a sticky folder such as /tmp, only the owner renames an entry. Many systems give each user a private group.
        await RefuseAsync(folder, passed, """
            ! -user 0 ! -user "$(id -u)" -o ! -perm -1000 \( -perm -002 -o -perm -020 ! -group "$(id -g)" \)
            """, ct);
        return real;
    }

    /// <exception cref="SettingsException">Another user owns the home or may write to it, or something in it is not Gallery's.</exception>
    public static async Task CheckAsync(DataHome home, ServerUser user, CancellationToken ct)
    {
        await RefuseAsync(home.Folder, [home.Folder], """! -user "$(id -u)" -o -perm -002 -o -perm -020""", ct);

        // Left from a time when others could write to the home.
        string[] files = [home.Server, home.Programs, home.Log, home.StartLock, home.UsersLock, home.PasswordFile, home.StartedInFile, home.VersionFile];
        var planted = await FindAsync(files, $"""
            ! -type f ! -type d -o -type f -links +1 -o ! -user "$(id -u)" ! -user "{user.Name ?? "$(id -u)"}" -o -type d \( -perm -002 -o -perm -020 \)
            """, ct);
        if (planted is not null)
            throw new SettingsException(
                $"{planted} is no plain file or folder, belongs to another user, or can be written by others. Remove it, or set GALLERY_DATA to another folder.");

        // A folder of something else, named by mistake. A start that was broken off leaves server.new-… and probe-….
        string[] ours = [.. files, Path.Combine(home.Folder, "probe-"), Path.Combine(home.Folder, "lost+found")];
        if (!home.HasData && Directory.EnumerateFileSystemEntries(home.Folder).FirstOrDefault(entry => !ours.Any(entry.StartsWith)) is { } foreign)
            throw new SettingsException($"GALLERY_DATA is {home.Folder}, which has other files, such as {Path.GetFileName(foreign)}. Set it to an empty or new folder.");
    }

    private static async Task RefuseAsync(string home, IEnumerable<string> folders, string condition, CancellationToken ct)
    {
        if (await FindAsync(folders, condition, ct) is { } found)
            throw new SettingsException(
                $"The data home {home} is not private: {found} belongs to another user, or others can write to it. " +
                $"Set GALLERY_DATA to another folder, or run chown {Environment.UserName} {found} and chmod go-w {found}.");
    }

    /// <summary>The first of the paths that exists and fits the condition, in the words of find(1); otherwise null. Follows no link.</summary>
    private static async Task<string?> FindAsync(IEnumerable<string> paths, string condition, CancellationToken ct)
    {
        string[] existing = [.. paths.Where(path => Path.Exists(path) || new FileInfo(path).LinkTarget is not null)];
        if (OperatingSystem.IsWindows() || existing.Length == 0)
            return null;
        var found = await Command.RunAsync("/bin/sh", ["-c", $"find \"$@\" -prune \\( {condition.Trim()} \\) -print", "sh", .. existing], ct);
        return !found.Succeeded
            ? throw new SettingsException($"The owners of the data home cannot be checked with find: {found.LastLine}. Set GALLERY_DATA to another folder.")
            : found.Output.Split('\n') is [{ Length: > 0 } first, ..] ? first : null;
    }

    /// <param name="path">Absolute. It need not exist yet.</param>
    /// <param name="passed">Gets each folder on the way to it, those of links included.</param>
    /// <param name="links">How many links were followed.</param>
    private static string Resolve(string path, List<string> passed, int links = 0)
    {
        if (Path.GetDirectoryName(path) is not { } above)
        {
            passed.Add(path);
            return path;
        }

        above = Resolve(above, passed, links);
        var here = Path.Combine(above, Path.GetFileName(path));
        if (new FileInfo(here).LinkTarget is { } target)
        {
            return links < MaxLinks
                ? Resolve(Path.TrimEndingDirectorySeparator(Path.GetFullPath(target, above)), passed, links + 1)
                : throw new SettingsException($"The data home cannot be found: {here} leads through too many symbolic links. Set GALLERY_DATA to another folder.");
        }

        passed.Add(here);
        return here;
    }
}
