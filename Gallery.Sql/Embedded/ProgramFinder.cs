using System.Globalization;
using System.Runtime.CompilerServices;
using Gallery.Sql.Database;

namespace Gallery.Sql.Embedded;

/// <summary>Chooses PostgreSQL's programs: from the setting, otherwise the first fit from the PATH, Debian (newest first) and npm.</summary>
internal sealed class ProgramFinder(
    NpmPackage npm, ServerUser user, string? searchPath, string debian = "/usr/lib/postgresql")
{
    public const string Remedies =
        "Install PostgreSQL (on Debian: apt-get install postgresql), or Node.js with npm, from which Gallery installs it; " +
        "or set DATABASE_URL or SUPABASE_DB_* to your database; or set GALLERY_POSTGRES_BIN to the folder with initdb.";

    /// <param name="setting">GALLERY_POSTGRES_BIN. If it is set, it is used or rejected, never ignored.</param>
    /// <param name="dataVersion">The major version of the data; null if there is no data yet.</param>
    /// <param name="home">For error messages.</param>
    /// <param name="ct">Cancels the search and npm.</param>
    /// <exception cref="SettingsException">No programs were found that can open the data.</exception>
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
            ? $"only the npm package with version {NpmPackage.Major} is available"
            : $"only {string.Join(", ", others.Select(found => $"version {found.Major} in {found}"))} was found");
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
                $"GALLERY_POSTGRES_BIN lacks initdb, postgres or pg_ctl, or the user {user.DisplayName} cannot run them. " +
                "Set it to a folder that has them, such as /usr/lib/postgresql/17/bin, or to npm, or remove it.");
        return dataVersion is null || taken.Major == dataVersion
            ? taken
            : throw AnotherVersion(home, dataVersion, $"GALLERY_POSTGRES_BIN={taken.Folder} is version {taken.Major}");
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

    // Compared as numbers, because 9.6 is older than 10.
    private static decimal VersionNumber(string folder) =>
        decimal.TryParse(Path.GetFileName(folder), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number) ? number : 0;

    private static SettingsException AnotherVersion(DataHome home, int? dataVersion, string found) => new(
        $"The data in {home.Data} needs PostgreSQL {dataVersion}, but {found}. Install version {dataVersion} " +
        $"(on Debian: postgresql-{dataVersion}), set GALLERY_POSTGRES_BIN to its folder, or set GALLERY_DATA to another data home.");
}
