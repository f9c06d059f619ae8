using System.Text.RegularExpressions;

namespace Gallery.Sql.Database;

/// <summary>The names of all settings: those that <c>.env.example</c> lists, which is built into this assembly.</summary>
internal static partial class SettingNames
{
    private const int Typo = 2;   // edits

    private static readonly string[] OwnPrefixes = ["GALLERY_", "SUPABASE_DB_", "SUPABASE_DATABASE_", "DATABASE_"];

    public static IReadOnlyList<string> Known { get; } = Read();

    // The others are known to many programs, so a name near to them, such as HOST near PORT, is not ours.
    private static IEnumerable<string> Own => Known.Where(known => known.StartsWith("SUPABASE_", StringComparison.Ordinal) || OwnPrefixes.Any(prefix => known.StartsWith(prefix, StringComparison.Ordinal)));

    /// <summary>Other programs' settings may begin with SUPABASE_ too, so of those only a near miss is refused.</summary>
    /// <exception cref="SettingsException">A name looks like a setting but is unknown. The message names the nearest setting.</exception>
    public static void RefuseUnknown(IEnumerable<KeyValuePair<string, string>> settings, string source)
    {
        foreach (var (given, value) in settings)
        {
            var name = given.ToUpperInvariant();
            if (Known.Contains(name) || ServiceLink().IsMatch($"{name}={value}")) continue;

            var nearest = Own.MinBy(known => Spelling.Distance(name, known))!;
            if (OwnPrefixes.Any(prefix => HasPrefix(name, prefix)) || Spelling.Distance(name, nearest) <= Typo)
                throw new SettingsException($"Unknown setting {given} in {source}. Did you mean {nearest}? .env.example lists all settings.");
        }
    }

    /// <summary>Whether the name begins with the prefix, or with a misspelt one.</summary>
    private static bool HasPrefix(string name, string prefix)
    {
        var words = name.Split('_');
        var count = prefix.Count(letter => letter == '_');
        return name.StartsWith(prefix, StringComparison.Ordinal)
            || words.Length > count && words[0] != "SUPABASE" && Spelling.Distance($"{string.Join('_', words[..count])}_", prefix) <= Typo;
    }

    private static string[] Read()
    {
        using var example = new StreamReader(typeof(SettingNames).Assembly.GetManifestResourceStream(".env.example")!);
        return [.. Line().Matches(example.ReadToEnd()).Select(line => line.Groups["name"].Value)];
    }

    [GeneratedRegex("^#?(?<name>[A-Z_]+)=", RegexOptions.Multiline)]
    private static partial Regex Line();

    /// <summary>What Kubernetes sets in every pod for a Service that is named gallery or database.</summary>
    [GeneratedRegex(@"\A\w+(_SERVICE_(HOST|PORT)(_\w+)?=|_PORT_[0-9]+_(TCP|UDP|SCTP)(_\w+)?=|_PORT=[a-z]+://)", RegexOptions.ExplicitCapture)]
    private static partial Regex ServiceLink();
}
