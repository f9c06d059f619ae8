using System.Globalization;
using System.Text.RegularExpressions;

namespace Gallery.Service.Http;

/// <summary>Times as requests send them.</summary>
internal static partial class TimeText
{
    /// <summary>A time of ISO 8601 with an offset, in UTC and to the microsecond. Null if it is none.</summary>
    public static DateTime? Parse(string text) =>
        Time().Match(text) is { Success: true } match
        && DateTimeOffset.TryParse($"{match.Groups["time"].Value}{match.Groups["seconds"].Value}{match.Groups["fraction"].Value}{match.Groups["offset"].Value}", CultureInfo.InvariantCulture, DateTimeStyles.None, out var time)
            ? time.UtcDateTime
            : null;

    // Digits after the sixth are cut off, as PostgreSQL has none. Seconds may be left out. A space for the T and an offset of hours are how PostgreSQL prints times.
    [GeneratedRegex(@"\A(?<time>[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2})((?<seconds>:[0-9]{2})((?<fraction>\.[0-9]{1,6})[0-9]*)?)?(?<offset>[Zz]|[+-][0-9]{2}(:?[0-9]{2})?)\z", RegexOptions.ExplicitCapture)]
    private static partial Regex Time();
}
