using System.Text.RegularExpressions;
using dotenv.net;
using Microsoft.Extensions.Configuration;

namespace Gallery.Sql.Database;

/// <summary>Where settings come from: the environment, and below it <c>.env</c> in the working directory.</summary>
public static partial class Settings
{
    public static IConfigurationRoot Load() => new ConfigurationBuilder().AddGallerySettings().Build();

    /// <summary>Adds <c>.env</c>, then the environment, so that a variable wins over a line of the file.</summary>
    public static IConfigurationBuilder AddGallerySettings(this IConfigurationBuilder builder) =>
        builder.AddInMemoryCollection(ReadDotEnv(".env")!).AddEnvironmentVariables();

    /// <summary>The setting's value; null when it is absent or empty, as an unfilled line of <c>.env</c> is.</summary>
    public static string? Find(this IConfiguration settings, string name) =>
        settings[name] is { } value && !string.IsNullOrWhiteSpace(value) ? value : null;

    /// <summary>The file's settings; none where there is no file. A line may begin with <c>export</c>, as in a file that shells read too.</summary>
    /// <exception cref="SettingsException">The file can not be read.</exception>
    internal static Dictionary<string, string> ReadDotEnv(string path)
    {
        try
        {
            RefuseStrayLines(path);
            var lines = DotEnv.Read(new DotEnvOptions(ignoreExceptions: false, envFilePaths: [path], probeForEnv: false, trimValues: true));
            var settings = new Dictionary<string, string>();
            foreach (var (name, value) in lines) settings[ExportWord().Replace(name, "")] = value;
            return settings;
        }
        catch (FileNotFoundException)
        {
            return [];
        }
        catch (Exception e) when (e is ArgumentException or IOException or UnauthorizedAccessException)
        {
            throw new SettingsException($"{path} can not be read: {e.Message}");   // the parser names a line's variable, never its value
        }
    }

    /// <summary>The parser passes over what it can not read, and a setting lost that way is another database.</summary>
    private static void RefuseStrayLines(string path)
    {
        var isQuoted = false;   // within a value of several lines
        foreach (var (line, number) in File.ReadLines(path).Select((line, index) => (line, index + 1)))
        {
            if (!isQuoted && !Line().IsMatch(line))
                throw new SettingsException($"{path}, line {number} is no setting (NAME=value), no comment and not blank.");
            if (line.Count(character => character == '"') % 2 == 1 && !line.TrimStart().StartsWith('#')) isQuoted = !isQuoted;
        }
    }

    [GeneratedRegex(@"\A\s*(\z|#|(export\s+)?[A-Za-z_][A-Za-z0-9_.]*\s*=)")]
    private static partial Regex Line();

    [GeneratedRegex(@"\Aexport\s+")]
    private static partial Regex ExportWord();
}
