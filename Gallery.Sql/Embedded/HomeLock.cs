using System.Diagnostics;
using Gallery.Sql.Database;
using Microsoft.Extensions.Logging;

namespace Gallery.Sql.Embedded;

/// <summary>
/// Two lock files in the data home. .NET takes an advisory lock (flock on Unix) with each opened file: exclusive for
/// <see cref="FileShare.None"/>, otherwise shared. The lock ends with the process, even if it is killed.
/// </summary>
internal static class HomeLock
{
    private const int Locked = 11, LockedOnMacOS = 35;              // EWOULDBLOCK
    private const int LockedOnWindows = unchecked((int)0x80070020);     // ERROR_SHARING_VIOLATION

    /// <summary>Long enough for the first start of another process, which downloads the programs.</summary>
    public static readonly TimeSpan StartTimeout = TimeSpan.FromMinutes(5);

    /// <summary>Shorter than a host's shut-down time-out (30 s by default).</summary>
    public static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(20);

    /// <summary>Takes the start lock: one process at a time initialises, starts or stops the server.</summary>
    /// <exception cref="SettingsException">Another process held it for longer than <paramref name="timeout"/>.</exception>
    public static async Task<FileStream> TakeStartLockAsync(DataHome home, TimeSpan timeout, ILogger log, CancellationToken ct)
    {
        var waited = Stopwatch.StartNew();
        for (var logged = false; ;)
        {
            if (TryOpen(home.StartLock, FileAccess.ReadWrite, FileShare.None) is { } startLock)
                return startLock;
            if (waited.Elapsed > timeout)
                throw new SettingsException(
                    $"Another process has been starting or stopping PostgreSQL in {home.Folder} for {timeout.TotalSeconds:0} s. " +
                    "End it, or set GALLERY_DATA to another folder.");
            if (!logged && waited.Elapsed > TimeSpan.FromSeconds(1))
            {
                log.WaitingForStartLock(home.Folder);
                logged = true;
            }

            await Task.Delay(50, ct);
        }
    }

    /// <summary>Marks this process as a user of the server. Call it only while holding the start lock.</summary>
    public static FileStream Share(DataHome home) =>
        TryOpen(home.UsersLock, FileAccess.Read, FileShare.Read)
        ?? throw new SettingsException($"A program other than Gallery has locked {home.UsersLock}. End it, or set GALLERY_DATA to another folder.");

    /// <summary>True if no process uses the server, not even this one. Call it only while holding the start lock.</summary>
    public static bool IsUnused(DataHome home)
    {
        using var alone = TryOpen(home.UsersLock, FileAccess.ReadWrite, FileShare.None);
        return alone is not null;
    }

    private static FileStream? TryOpen(string path, FileAccess access, FileShare share)
    {
        var options = new FileStreamOptions { Mode = FileMode.OpenOrCreate, Access = access, Share = share, BufferSize = 0 };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        try
        {
            return new FileStream(path, options);
        }
        catch (IOException e) when (e.HResult is Locked or LockedOnMacOS or LockedOnWindows)
        {
            return null;
        }
        catch (UnauthorizedAccessException)
        {
            throw new SettingsException(
                $"{path} belongs to another user. Run the service as that user, or set GALLERY_DATA to another folder.");
        }
    }
}
