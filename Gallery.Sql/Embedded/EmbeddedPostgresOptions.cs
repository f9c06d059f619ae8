using Gallery.Sql.Database;
using Microsoft.Extensions.Configuration;

namespace Gallery.Sql.Embedded;

/// <param name="DataHome">The folder for the data, the log and installed programs.</param>
/// <param name="Programs">A folder with initdb, postgres and pg_ctl, or <c>npm</c>; null searches for them.</param>
/// <param name="ServerSettings">Passed to a new server as <c>-c name=value</c>. A server that already runs keeps its settings.</param>
public sealed record EmbeddedPostgresOptions(
    string DataHome,
    string? Programs = null,
    IReadOnlyDictionary<string, string>? ServerSettings = null)
{
    /// <exception cref="SettingsException">No data home is set and the user has no home folder.</exception>
    public static EmbeddedPostgresOptions From(IConfiguration settings) =>
        new(settings.Find("GALLERY_DATA") ?? DefaultDataHome(), settings.Find("GALLERY_POSTGRES_BIN"));

    private static string DefaultDataHome()
    {
        if (Unix.IsRoot)
            return "/var/lib/gallery";      // not /root, which the server's user cannot enter

        // On Linux: XDG_DATA_HOME or ~/.local/share. DoNotVerify, because a new account does not have the folder yet.
        var home = Environment.GetFolderPath(
            Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.DoNotVerify);
        return Path.IsPathRooted(home)
            ? Path.Combine(home, "gallery")
            : throw new SettingsException($"The user {Environment.UserName} has no home folder. Set GALLERY_DATA to a folder for the data.");
    }
}
