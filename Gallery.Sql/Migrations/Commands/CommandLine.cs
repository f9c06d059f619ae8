using System.CommandLine;
using Gallery.Sql.Database;
using Microsoft.Extensions.Configuration;
using Npgsql;

namespace Gallery.Sql.Migrations.Commands;

/// <summary>The commands and their options; each command's work is a file of its own.</summary>
internal static class CommandLine
{
    private static readonly Option<string?> Scripts = new("--scripts")
    {
        Description = "the folder of the scripts; without it, those built into this program",
        Recursive = true,
    };

    private static readonly Option<string?> ConnectionFile = new("--connection-file")
    {
        Description = "a file that holds the connection, in either form of DATABASE_URL; without it, the environment or .env",
        Recursive = true,
    };

    public static async Task<int> RunAsync(string[] args)
    {
        var root = new RootCommand("Brings Gallery's database up to date, and shows beforehand what that means.")
        {
            Scripts,
            ConnectionFile,
            StatusCommand.Create(),
            PlanCommand.Create(),
            ApplyCommand.Create(),
            VerifyCommand.Create(),
            BaselineCommand.Create(),
            ResolveCommand.Create(),
        };
        var parsed = root.Parse(args);
        if (parsed.Errors.Count > 0)
        {
            foreach (var error in parsed.Errors)
                await Console.Error.WriteLineAsync(error.Message);
            return (int)ExitCode.Usage;
        }

        // A cancelled run still has to cancel its statement and roll back, which takes a round trip or two.
        return await parsed.InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = TimeSpan.FromSeconds(20) });
    }

    public static Option<int?> TargetOption() => new("--target") { Description = "the number of the last script to run; without it, all" };

    public static Option<TimeSpan> DurationOption(string name, string description, TimeSpan standard, TimeSpan atLeast = default) => new(name)
    {
        Description = $"{description}: 500ms, 3s, 2min",
        DefaultValueFactory = _ => standard,
        CustomParser = result =>
        {
            if (!Duration.TryParse(result.Tokens[0].Value, out var duration))
                result.AddError($"{name} {result.Tokens[0].Value}: a duration is a number and ms, s or min, as in 3s.");
            else if (duration < atLeast || duration.TotalMilliseconds > int.MaxValue)   // PostgreSQL's own limit
                result.AddError($"{name} {result.Tokens[0].Value}: it takes {atLeast.TotalMilliseconds:0}ms to {int.MaxValue}ms.");
            return duration;
        },
    };

    public static IReadOnlyList<MigrationScript> ReadScripts(ParseResult parsed) =>
        parsed.GetValue(Scripts) is { } directory ? ScriptFolder.Read(directory) : ScriptFolder.ReadEmbedded();

    /// <summary>The snapshot lies beside the scripts' folder, and like the scripts is built into this program too.</summary>
    public static string SnapshotPath(ParseResult parsed) =>
        Path.Combine(Path.GetDirectoryName(Path.TrimEndingDirectorySeparator(parsed.GetValue(Scripts) ?? ScriptFolder.DefaultPath))!, Snapshot.FileName);

    public static string ReadSnapshot(ParseResult parsed)
    {
        if (parsed.GetValue(Scripts) is null)
            return ScriptFolder.ReadResource(Snapshot.FileName);

        var path = SnapshotPath(parsed);
        return File.Exists(path) ? File.ReadAllText(path) : throw new MigrationException(
            ExitCode.Usage, $"there is no {path}: gallery-migrate verify --write-snapshot makes it.");
    }

    public static NpgsqlConnectionStringBuilder FindTarget(ParseResult parsed)
    {
        if (parsed.GetValue(ConnectionFile) is not { } path)
        {
            return ConnectionSettings.Find(Settings.Load()) ?? throw new SettingsException(
                "no database is set: set SUPABASE_DB_HOST and its fellows or DATABASE_URL, in the environment or .env, or give --connection-file.");
        }

        if (!File.Exists(path))
            throw new SettingsException($"--connection-file: there is no file {path}.");
        try
        {
            return ConnectionSettings.Find(new ConfigurationBuilder()
                .AddInMemoryCollection([new(ConnectionSettings.Url, File.ReadAllText(path).Trim())])
                .Build()) ?? throw new SettingsException($"--connection-file: {path} is empty.");
        }
        catch (SettingsException e)
        {
            // Whoever gives a file has set no DATABASE_URL to look at.
            throw new SettingsException(e.Message.Replace(ConnectionSettings.Url, $"--connection-file {path}", StringComparison.Ordinal));
        }
    }

    // Class 08 is also what pgbouncer says in statement mode.
    private static bool IsOfTheConnection(string? state) =>
        state == PostgresErrorCodes.InsufficientPrivilege || state?.StartsWith("08", StringComparison.Ordinal) == true;

    /// <summary>Runs a command, and says its failure once, on standard error.</summary>
    public static async Task<int> AnswerAsync(Func<Task<ExitCode>> command)
    {
        try
        {
            return (int)await command();
        }
        catch (MigrationException e)
        {
            await Console.Error.WriteLineAsync(e.Message);
            return (int)e.ExitCode;
        }
        catch (SettingsException e)
        {
            await Console.Error.WriteLineAsync(e.Message);
            return (int)ExitCode.Usage;
        }
        catch (OperationCanceledException)
        {
            await Console.Error.WriteLineAsync("cancelled: the script at work was rolled back, and those before it stay applied.");
            return (int)ExitCode.Unexpected;
        }
        catch (NpgsqlException e)
        {
            await Console.Error.WriteLineAsync(e is PostgresException { SqlState: var state, MessageText: var text } ? $"{state} {text}" : e.Message);
            return (int)(IsOfTheConnection(e.SqlState) ? ExitCode.Connection : ExitCode.Unexpected);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            await Console.Error.WriteLineAsync(e.Message);   // a full disk, a closed output, a file that may not be read
            return (int)ExitCode.Unexpected;
        }
        catch (Exception e)
        {
            await Console.Error.WriteLineAsync($"unexpected: {e}");   // a bug: whoever mends it needs the stack
            return (int)ExitCode.Unexpected;
        }
    }
}
