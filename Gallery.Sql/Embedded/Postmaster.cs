using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;

namespace Gallery.Sql.Embedded;

/// <summary>A server as its data folder's postmaster.pid tells of it; it may have died without removing the file.</summary>
internal sealed record Postmaster(int Pid, int Port)
{
    /// <summary>Where process numbers mean the same: this machine and, within it, this container.</summary>
    public static string Here => OperatingSystem.IsLinux()
        ? $"{Environment.MachineName} {new FileInfo("/proc/self/ns/pid").LinkTarget}"
        : Environment.MachineName;

    private static string File(string data) => Path.Combine(data, "postmaster.pid");

    /// <summary>Null when there is no such file, or the server has not written all of it yet.</summary>
    public static Postmaster? Find(string data)
    {
        try
        {
            // Lines: process, data folder, start time, port, … (PostgreSQL's miscadmin.h)
            var lines = System.IO.File.ReadAllLines(File(data));
            return lines.Length > 3
                && int.TryParse(lines[0], NumberStyles.None, CultureInfo.InvariantCulture, out var pid)
                && int.TryParse(lines[3], NumberStyles.None, CultureInfo.InvariantCulture, out var port)
                ? new Postmaster(pid, port)
                : null;
        }
        catch (IOException)
        {
            return null;
        }
    }

    /// <summary>Whether the process lives and is the server of these data: process numbers are used again.</summary>
    public bool Serves(string data)
    {
        if (!Exists(out var name))
            return false;
        if (!OperatingSystem.IsLinux())
            return IsPostgres(name);

        // A server works in its data folder. A dead one may linger as a zombie, where nobody buries it (containers without an init).
        try
        {
            if (System.IO.File.ReadLines($"/proc/{Pid}/status").Any(line => line.StartsWith("State:\tZ", StringComparison.Ordinal)))
                return false;
            return new FileInfo($"/proc/{Pid}/cwd").LinkTarget is { } folder ? folder == data : IsPostgres(name);
        }
        catch (UnauthorizedAccessException)
        {
            return IsPostgres(name);        // root without the right to look at other users' processes
        }
        catch (IOException)
        {
            return false;
        }
    }

    /// <summary>
    /// Makes a file whose process number now belongs to someone else tell of a dead process. PostgreSQL would refuse to start
    /// beside a living one, and without the file it could not see whether orphans of the old server still have the data open.
    /// </summary>
    public void Disown(string data)
    {
        if (!Exists(out _))
            return;
        var lines = System.IO.File.ReadAllLines(File(data));
        lines[0] = int.MaxValue.ToString(CultureInfo.InvariantCulture);     // beyond every system's highest process number
        System.IO.File.WriteAllLines(File(data), lines);
    }

    private static bool IsPostgres(string name) => name.StartsWith("postgres", StringComparison.Ordinal);

    private bool Exists(out string name)
    {
        name = "";
        try
        {
            using var process = Process.GetProcessById(Pid);
            name = process.ProcessName;
            return true;
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException or Win32Exception)
        {
            return false;
        }
    }
}
