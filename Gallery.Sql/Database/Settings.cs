using System.Collections;
using System.Text.RegularExpressions;
using dotenv.net;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Configuration.Memory;

namespace Gallery.Sql.Database;

/// <summary>Settings come from the environment, then from one <c>.env</c> file. The environment wins.</summary>
public static partial class Settings
{
    private const int MaximumSecretBytes = 64 * 1024;

    /// <summary>Ends the name of a setting that names a secret's file.</summary>
    public const string FileSuffix = "_FILE";

    /// <exception cref="SettingsException">The file cannot be read, or a name is unknown.</exception>
    public static IConfigurationRoot Load() => Load(FindDotEnv(Directory.GetCurrentDirectory()));

    /// <inheritdoc cref="Load()"/>
    /// <param name="dotEnv">The file's path. Null if there is no file.</param>
    public static IConfigurationRoot Load(string? dotEnv)
    {
        var file = dotEnv is null ? [] : ReadDotEnv(dotEnv);
        SettingNames.RefuseUnknown(file, dotEnv ?? "");
        SettingNames.RefuseUnknown(Environment.GetEnvironmentVariables().Cast<DictionaryEntry>().Select(entry => KeyValuePair.Create((string)entry.Key, (string?)entry.Value ?? "")), "the environment");
        return new ConfigurationBuilder().AddInMemoryCollection(file!).AddEnvironmentVariables().Build();
    }

    /// <summary>The nearest <c>.env</c> from the folder upwards to the solution. Without a solution above it, the folder's only.</summary>
    /// <exception cref="SettingsException">Another user may have written the file (<see cref="DotEnvGuard"/>).</exception>
    public static string? FindDotEnv(string folder)
    {
        var solution = FindSolution(folder);
        for (var at = folder; at is not null; at = at == (solution ?? folder) ? null : Path.GetDirectoryName(at))
        {
            var path = Path.Combine(at, ".env");
            if (!File.Exists(path)) continue;
            if (!OperatingSystem.IsWindows()) DotEnvGuard.Check(path, folder);
            return path;
        }

        return null;
    }

    /// <summary>The folder or the nearest one above it that holds a solution: this is a checkout. Null outside a checkout.</summary>
    /// <remarks>It is not searched for in folders such as /tmp, where every user may create one, nor above them.</remarks>
    public static string? FindSolution(string? folder)
    {
        var readable = new EnumerationOptions { IgnoreInaccessible = true };
        for (; folder is not null && (OperatingSystem.IsWindows() || !DotEnvGuard.IsSharedByAll(folder)); folder = Path.GetDirectoryName(folder))
            if (Directory.EnumerateFiles(folder, "*.sln", readable).Any()) return folder;
        return null;
    }

    /// <summary>The setting's value. Null if it is absent or empty, like an unfilled line of <c>.env</c>.</summary>
    /// <remarks>A secret may be in a file instead, which <c>NAME_FILE</c> names. The file is read at each call.</remarks>
    /// <exception cref="SettingsException">The file cannot be read or is empty, or the secret is also set itself.</exception>
    public static string? Find(this IConfiguration settings, string name)
    {
        var value = settings[name] is { } text && !string.IsNullOrWhiteSpace(text) ? text : null;
        var fileSetting = name + FileSuffix;
        if (!SettingNames.Known.Contains(fileSetting) || settings.Find(fileSetting) is not { } path) return value;
        return value is null
            ? ReadSecret(fileSetting, path.Trim())
            : throw new SettingsException($"{name} and {fileSetting} are both set. Remove one of the two.");
    }

    /// <summary>Whether the setting's value is that of <c>.env</c>, and not of the environment.</summary>
    public static bool IsFromDotEnv(this IConfigurationRoot settings, string name) =>
        settings.Providers.LastOrDefault(provider => provider.TryGet(name, out _)) is MemoryConfigurationProvider;

    /// <summary>Whether a file has the setting's value.</summary>
    public static bool IsInFile(this IConfiguration settings, string name) => settings.Find(name + FileSuffix) is not null;

    /// <summary>The file's settings. A line may begin with <c>export</c>, so that shells can read the file too.</summary>
    /// <exception cref="SettingsException">The file cannot be read, or has a line that is no setting, or the same name twice.</exception>
    internal static Dictionary<string, string> ReadDotEnv(string path)
    {
        try
        {
            CheckLines(path);
            return DotEnv.Read(new DotEnvOptions(ignoreExceptions: false, envFilePaths: [path], probeForEnv: false, trimValues: true))
                .ToDictionary(line => ExportWord().Replace(line.Key, ""), line => line.Value);
        }
        catch (Exception e) when (e is ArgumentException or IOException or UnauthorizedAccessException)
        {
            throw new SettingsException($"{path} cannot be read: {e.Message}");   // the parser names a line's variable, never its value
        }
    }

    /// <summary>The file's text, without the line end that editors and orchestrators append.</summary>
    private static string ReadSecret(string setting, string path)
    {
        // The path is not repeated: it may be the secret itself, by mistake.
        if (!File.Exists(path)) throw new SettingsException($"{setting} names no file that exists and may be seen. Correct the path or mount the file.");
        try
        {
            var file = new FileInfo((File.ResolveLinkTarget(path, returnFinalTarget: true) ?? new FileInfo(path)).FullName);
            if (file.Length > MaximumSecretBytes) throw new SettingsException($"{setting} names a file that is larger than 64 KB. Put only the value into it.");
            // Not read if it has no length, as a pipe or a device has: that could wait for good.
            var text = file.Length == 0 ? "" : File.ReadAllText(path).TrimEnd('\r', '\n');
            return string.IsNullOrWhiteSpace(text) ? throw new SettingsException($"{setting} names an empty file. Put the value into it.") : text;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SettingsException($"{setting} names a file that cannot be read ({e.GetType().Name}). Let the service read it.");   // the message would repeat the path
        }
    }

    /// <summary>The parser skips lines that it cannot read, and keeps the last of two values. Both could hide the wrong database.</summary>
    private static void CheckLines(string path)
    {
        var text = File.ReadAllText(path);
        var lines = new Dictionary<string, int>(StringComparer.OrdinalIgnoreCase);   // as IConfiguration compares names
        for (int at = 0, number = 1; at < text.Length;)
        {
            var line = Line().Match(text, at);
            if (!line.Success)
                throw new SettingsException($"{path}, line {number} is not NAME=value, a comment or blank.");
            if (line.Groups["name"] is { Success: true, Value: var name } && !lines.TryAdd(name, number))
                throw new SettingsException($"{path} sets {name} on line {lines[name]} and on line {number}. Keep one of the two.");
            at += line.Length;
            number += line.Value.Count(character => character == '\n');
        }
    }

    /// <summary>A blank line, a comment or a setting, up to the line's end. A quoted value may have several lines.</summary>
    [GeneratedRegex("""\G[\s-[\n]]*(\#.*|(export\s+)?(?<name>[A-Za-z_][A-Za-z0-9_.]*)\s*=[ \t]*("(\\.|[^"\\])*"|'(\\.|[^'\\])*')?.*|)(\n|\z)""", RegexOptions.ExplicitCapture)]
    private static partial Regex Line();

    [GeneratedRegex(@"\Aexport\s+")]
    private static partial Regex ExportWord();
}
