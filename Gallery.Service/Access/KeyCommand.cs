using Gallery.Sql.Database;

namespace Gallery.Service.Access;

/// <summary><c>key NAME</c>: makes a service key. The key and its setting go to standard output, a line each; what to do with them, to standard error.</summary>
internal static class KeyCommand
{
    public const string Verb = "key";

    /// <exception cref="SettingsException">There is no name, or one that the setting does not take.</exception>
    public static int Run(string[] args)
    {
        // The name is not repeated: it may be a key, given by mistake.
        if (args is not [var name] || !ServiceKeys.IsName(name))
            throw new SettingsException($"key takes one name, that of the caller, as in: key pipeline. In it may be {ServiceKeys.NameRule}.");

        var (key, hash) = ServiceKeys.New();
        Console.Error.WriteLine($"The key of {name}, shown this once, and the setting that lets it in (several entries: commas between):");
        Console.WriteLine(key);
        Console.WriteLine($"{ServiceKeys.Setting}={name}:{hash}");
        return 0;
    }
}
