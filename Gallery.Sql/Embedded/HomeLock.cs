using System.Diagnostics;
using Gallery.Sql.Database;
using Microsoft.Extensions.Logging;

namespace Gallery.Sql.Embedded;

/// <summary>
/// Two files of the data home, locked by the processes that use it. .NET takes an advisory lock (flock on Unix) with each
/// opened file: exclusive for <see cref="FileShare.None"/>, else shared. It dies with the process, however that ends.
/// </summary>
internal static class HomeLock
{
    private const int Locked = 11, LockedOnMacOS = 35;              // EWOULDBLOCK
    private const int LockedOnWindows = unchecked((int)0x80070020);     // ERROR_SHARING_VIOLATION

    /// <summary>Long enough for another process's first start, with its download of the programs.</summary>
    public static readonly TimeSpan StartPatience = TimeSpan.FromMinutes(5);

    /// <summary>Shorter than a host gives a service to end (30 s by default).</summary>
    public static readonly TimeSpan StopPatience = TimeSpan.FromSeconds(20);

    /// <summary>One process at a time initialises, starts or stops.</summary>
    /// <exception cref="SettingsException">Another process kept it for longer than <paramref name="patience"/>.</exception>
    public static async Task<FileStream> TakeTurnAsync(DataHome home, TimeSpan patience, ILogger log, CancellationToken ct)
    {
        var waited = Stopwatch.StartNew();
        for (var told = false; ;)
        {
            if (TryOpen(home.StartLock, FileAccess.ReadWrite, FileShare.None) is { } turn)
                return turn;
            if (waited.Elapsed > patience)
                throw new SettingsException(
                    $"Another process has been starting or stopping PostgreSQL in {home.Folder} for {patience.TotalSeconds:0} s: " +
                    "end it, or set GALLERY_DATA to another folder.");
            if (!told && waited.Elapsed > TimeSpan.FromSeconds(1))
            {
                log.WaitingForTurn(home.Folder);
                told = true;
            }

            await Task.Delay(50, ct);
        }
    }

    /// <summary>Says that this process uses the server. Only inside one's turn, so that nobody holds it exclusively.</summary>
    public static FileStream Share(DataHome home) =>
        TryOpen(home.UsersLock, FileAccess.Read, FileShare.Read)
        ?? throw new SettingsException($"{home.UsersLock} is locked by a program that is not Gallery: end that, or set GALLERY_DATA.");

    /// <summary>True when no process uses the server. Only inside one's turn, and after letting go of one's own share.</summary>
    public static bool NobodyShares(DataHome home)
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
                $"{path} belongs to another user: run the service as that user, or set GALLERY_DATA to a folder of your own.");
        }
    }
}
