using System.Text.RegularExpressions;

namespace Gallery.Service.Statistics;

/// <summary>Tells programs that read the web from people, by the words that they put into their user agent.</summary>
internal static partial class Bots
{
    /// <summary>False without a user agent, because callers need credentials or a link anyway.</summary>
    public static bool IsBot(string userAgent) => Words().IsMatch(userAgent);

    // Cubot is a brand of telephones.
    [GeneratedRegex("(?<!cu)bot|crawl|spider|slurp|preview|headless|archiver|lighthouse|mediapartners|facebookexternalhit|^whatsapp/", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Words();
}
