using Gallery.Sql.Database;
using Microsoft.Extensions.Configuration;

namespace Gallery.Sql.Coalescing;

/// <summary><c>GALLERY_COALESCING</c>: whether single finds, saves, deletions, restores and purges share statements, and lists round trips.</summary>
internal static class CoalescingSetting
{
    private const string Name = "GALLERY_COALESCING";

    /// <summary>The time after which spare lanes help: more than a statement takes of a database that is merely busy.</summary>
    public static readonly TimeSpan StalledAfter = TimeSpan.FromMilliseconds(100);

    /// <exception cref="SettingsException">It is neither <c>on</c>, the default, nor <c>off</c>.</exception>
    public static bool IsOn(IConfiguration settings) => settings.Find(Name) switch
    {
        null or "on" => true,
        "off" => false,
        var other => throw new SettingsException($"{Name} is \"{other}\"; it takes on or off."),
    };
}
