using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.Versioning;

namespace Gallery.Sql.Database;

/// <summary>
/// Refuses a <c>.env</c> that another user may have written: it could send keys and data elsewhere, and start other programs.
/// The owner of the folder in which the program was started is trusted, because root in a container works on a checkout of the host's user.
/// </summary>
[UnsupportedOSPlatform("windows")]
internal static class DotEnvGuard
{
    private const int Foreign = 3;

    /// <summary>Exits with <see cref="Foreign"/> unless the file $0 belongs to root, to this user or to the owner of the folder $1. .NET shows no owners.</summary>
    private const string CompareOwners = """
        set -f
        owner() { set -- $(ls -dn "$1") && echo "${3:?}"; }
        file=$(owner "$0") && folder=$(owner "$1") && me=$(id -u) || exit 1
        case $file in 0 | "$me" | "$folder") ;; *) exit 3 ;; esac
        """;

    /// <summary>Whether every user may create files in the folder, and only their owners may rename or delete them, as in /tmp.</summary>
    public static bool IsSharedByAll(string folder)
    {
        try
        {
            return File.GetUnixFileMode(folder).HasFlag(UnixFileMode.OtherWrite | UnixFileMode.StickyBit);
        }
        catch (UnauthorizedAccessException)
        {
            return false;   // a folder of root, in which sudo started this. Its files cannot be seen either
        }
    }

    /// <param name="file">The <c>.env</c>.</param>
    /// <param name="start">The folder in which the program was started: the file's, or one below it.</param>
    /// <exception cref="SettingsException">Another user may have written the file, or its owner cannot be found.</exception>
    public static void Check(string file, string start)
    {
        var folder = Path.GetDirectoryName(file)!;
        var mode = File.GetUnixFileMode(folder);
        // Otherwise everyone may write everything there, and chmod may change nothing: Windows' drives in WSL, folders of the host in a virtual machine.
        var hasModes = !mode.HasFlag(UnixFileMode.OtherWrite) || mode.HasFlag(UnixFileMode.StickyBit);
        if (hasModes && File.GetUnixFileMode(file).HasFlag(UnixFileMode.OtherWrite))
            throw new SettingsException($"{file} can be changed by every user. Check its settings and run chmod o-w {file}, or set them in the environment instead.");

        // Most starts end here: only the owner of the current folder creates files in it, and that costs no process.
        if (folder == start && (mode & (UnixFileMode.GroupWrite | UnixFileMode.OtherWrite)) == UnixFileMode.None) return;

        if (RunCompareOwners(file, start) is var exit and not 0)
            throw new SettingsException(exit == Foreign
                ? $"{file} belongs to another user. Start in another folder. If the settings are yours, run chown {Environment.UserName} {file}."
                : $"The owner of {file} cannot be found with ls. Set its settings in the environment instead.");
    }

    private static int RunCompareOwners(string file, string start)
    {
        try
        {
            using var shell = Process.Start("/bin/sh", ["-c", CompareOwners, file, start]);
            shell.WaitForExit();
            return shell.ExitCode;
        }
        catch (Win32Exception)
        {
            return 127;   // a shell's code for a program that is missing
        }
    }
}
