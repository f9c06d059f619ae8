using System.Globalization;
using System.Text.RegularExpressions;

namespace Gallery.Sql.Embedded;

/// <summary>A folder with initdb, postgres and pg_ctl that the server's user can run; and why it was chosen, for the log.</summary>
internal sealed partial record PostgresPrograms(string Folder, int Major, string Why)
{
    public string Initdb => Executable(Folder, "initdb");
    public string PgCtl => Executable(Folder, "pg_ctl");

    public override string ToString() => $"{Folder} ({Why})";

    /// <summary>
    /// The programs in the folder; null if one is missing or does not run. If initdb is a link, its target's folder is used,
    /// because PostgreSQL loads libraries relative to its programs.
    /// </summary>
    public static async Task<PostgresPrograms?> FindInAsync(string folder, string why, ServerUser user, CancellationToken ct)
    {
        var initdb = new FileInfo(Executable(folder, "initdb"));
        if (!initdb.Exists)
            return null;
        if (initdb.ResolveLinkTarget(returnFinalTarget: true) is { } real)
            folder = Path.GetDirectoryName(real.FullName)!;
        if (!new[] { "initdb", "postgres", "pg_ctl" }.All(name => File.Exists(Executable(folder, name))))
            return null;

        var version = await user.RunAsync(Executable(folder, "postgres"), ["-V"], ct);      // "postgres (PostgreSQL) 15.18 (Debian …)"
        return version.Succeeded && MajorVersion().Match(version.Output) is { Success: true } match
            ? new PostgresPrograms(folder, int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture), why)
            : null;
    }

    public static string Executable(string folder, string name) =>
        Path.Combine(folder, OperatingSystem.IsWindows() ? name + ".exe" : name);

    [GeneratedRegex(@"\(PostgreSQL\) ([0-9]+)")]
    private static partial Regex MajorVersion();
}
