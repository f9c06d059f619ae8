using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Gallery.Sql.Embedded;

/// <summary>A server according to postmaster.pid in its data folder. It may have died without removing the file.</summary>
internal sealed partial record Postmaster(int Pid, int Port)
{
    /// <summary>The scope in which a process ID is unique: this machine and, within it, this container.</summary>
    public static string Here => OperatingSystem.IsLinux()
        ? $"{Environment.MachineName} {new FileInfo("/proc/self/ns/pid").LinkTarget}"
        : Environment.MachineName;

    private static string File(string data) => Path.Combine(data, "postmaster.pid");

    /// <summary>Returns null if there is no such file, if it is none that a server writes, or if the server has not written all of it yet.</summary>
    public static Postmaster? Find(string data)
    {
        // Lines: process, data folder, start time, port, … (PostgreSQL's miscadmin.h)
        return ReadLines(data) is [var first, _, _, var fourth, ..]
            && int.TryParse(first, NumberStyles.None, CultureInfo.InvariantCulture, out var pid)
            && int.TryParse(fourth, NumberStyles.None, CultureInfo.InvariantCulture, out var port)
            ? new Postmaster(pid, port)
            : null;
    }

    /// <summary>The port of the server's last start. Null if there was none.</summary>
    public static int? FindLastPort(string data) =>
        ServerFile.Find(Path.Combine(data, "postmaster.opts")) is { } options && LastPort().Match(options) is { Success: true } match
            ? int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture)
            : null;

    /// <summary>Whether the process is alive and is the server of this data. The system may have reused its ID.</summary>
    public bool Serves(string data)
    {
        if (!Exists(out var name))
            return false;
        if (!OperatingSystem.IsLinux())
            return IsPostgres(name);

        // A server's working folder is its data folder. A dead one may remain as a zombie in a container without an init.
        try
        {
            if (System.IO.File.ReadLines($"/proc/{Pid}/status").Any(line => line.StartsWith("State:\tZ", StringComparison.Ordinal)))
                return false;
            return new FileInfo($"/proc/{Pid}/cwd").LinkTarget is { } folder ? folder == data : IsPostgres(name);
        }
        catch (UnauthorizedAccessException)
        {
            return IsPostgres(name);        // root without the capability to inspect other users' processes
        }
        catch (IOException)
        {
            return false;
        }
    }

    /// <summary>
    /// Replaces the process ID in the file, if another process has it now, by one that cannot exist. PostgreSQL refuses to start
    /// while the ID is alive. Without the file it could not detect orphans of the old server that still use the data.
    /// </summary>
    public async Task ReplacePidAsync(string data, ServerUser user, CancellationToken ct)
    {
        if (!Exists(out _))
            return;
        if (ReadLines(data) is not { Length: > 0 } lines)
            return;     // the server has removed it meanwhile
        lines[0] = int.MaxValue.ToString(CultureInfo.InvariantCulture);     // above every system's highest process ID
        if (user.Name is null)
            await System.IO.File.WriteAllLinesAsync(File(data), lines, ct);
        else    // not as root, which would follow a link that the server's user has put there
            await user.RunAsync("/bin/sh", ["-c", "printf '%s\n' \"$@\" >\"$0\"", File(data), .. lines], ct);
    }

    private static string[] ReadLines(string data) => ServerFile.Find(File(data))?.ReplaceLineEndings("\n").TrimEnd('\n').Split('\n') ?? [];

    [GeneratedRegex("\"port=([0-9]{1,5})\"")]
    private static partial Regex LastPort();

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
