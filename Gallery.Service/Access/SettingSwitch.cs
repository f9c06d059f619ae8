using Gallery.Sql.Database;

namespace Gallery.Service.Access;

internal static class SettingSwitch
{
    /// <summary>A setting that is <c>true</c> or <c>false</c>.</summary>
    /// <exception cref="SettingsException">It is neither.</exception>
    public static bool FindSwitch(this IConfiguration settings, string name, bool otherwise) => settings.Find(name)?.Trim().ToLowerInvariant() switch
    {
        null => otherwise,
        "true" => true,
        "false" => false,
        var other => throw new SettingsException($"{name} is \"{other}\"; it takes true or false."),
    };
}
