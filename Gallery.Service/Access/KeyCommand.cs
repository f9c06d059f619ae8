using System.CommandLine;
using Gallery.Sql.Database;

namespace Gallery.Service.Access;

/// <summary><c>key NAME</c>: makes a service key. Standard output has the key and its setting, one line each. Standard error has the explanation.</summary>
internal static class KeyCommand
{
    private static readonly Argument<string[]> Names = new("NAME") { Description = $"The caller's name: {ServiceKeys.NameRule}" };

    public static Command Create()
    {
        var command = new Command("key", "Makes a key for a service that calls, and the entry of its setting.") { Names };
        command.SetAction(parsed => Run(parsed.GetValue(Names)!));
        return command;
    }

    private static int Run(string[] names)
    {
        // A wrong name is not repeated: it may be a key, given by mistake.
        if (names is not [var name] || !ServiceKeys.IsName(name))
            return StartFailure.Report(new SettingsException($"key takes one name, the caller's, such as: key pipeline. A name has {ServiceKeys.NameRule}."));

        var (key, hash) = ServiceKeys.New();
        Console.Error.WriteLine($"The key of {name}, shown only now, and its setting. If {ServiceKeys.Setting} is set already, append the entry to it after a comma. Or append name:sha256 as a line to the file of {ServiceKeys.Setting}{Settings.FileSuffix}:");
        Console.WriteLine(key);
        Console.WriteLine($"{ServiceKeys.Setting}={name}:{hash}");
        return 0;
    }
}
