using System.Globalization;
using System.Text.RegularExpressions;

namespace Gallery.Sql.Migrations;

/// <summary>Durations as PostgreSQL's settings write them: 500ms, 3s, 2min.</summary>
internal static partial class Duration
{
    public static bool TryParse(string text, out TimeSpan duration)
    {
        var match = Pattern.Match(text);
        if (!match.Success || !int.TryParse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture, out var number))
        {
            duration = default;
            return false;
        }

        duration = match.Groups[2].Value switch
        {
            "ms" => TimeSpan.FromMilliseconds(number),
            "s" => TimeSpan.FromSeconds(number),
            _ => TimeSpan.FromMinutes(number),
        };
        return true;
    }

    [GeneratedRegex(@"^([0-9]{1,7})(ms|s|min)\z")]
    private static partial Regex Pattern { get; }
}
