using System.CommandLine;
using Gallery.Sql.Database;
using Gallery.Sql.Metering;
using Npgsql;

namespace Gallery.Sql.Migrations.Commands;

/// <summary>What the commands share: options, connection, scripts, error output. Each command has its own file.</summary>
internal static class CommandLine
{
    private static readonly Option<string?> Scripts = new("--scripts")
    {
        Description = "the folder that contains the scripts; without it, the scripts built into this program",
        Recursive = true,
    };

    private static readonly Option<string?> ConnectionFile = new("--connection-file")
    {
        Description = "a file that contains the connection, in either form of DATABASE_URL; without it, the environment or .env",
        Recursive = true,
    };

    public static async Task<int> RunAsync(string[] args)
    {
        var root = new RootCommand("Migrates Gallery's database. Run plan first to see what apply would do.")
        {
            Scripts,
            ConnectionFile,
            StatusCommand.Create(),
            PlanCommand.Create(),
            ApplyCommand.Create(),
            VerifyCommand.Create(),
            BaselineCommand.Create(),
            ResolveCommand.Create(),
            ReconcileCommand.Create(),
        };
        var parsed = root.Parse(args);
        if (parsed.Errors.Count > 0)
        {
            await PrintFailureAsync(CommandFault.Explain(parsed));
            return (int)ExitCode.Usage;
        }

        // Gives a cancelled run time to cancel its statement and roll back.
        return await parsed.InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = TimeSpan.FromSeconds(20) });
    }

    public static Option<int?> TargetOption() => new("--target") { Description = "the number of the last script to run; without it, all" };

    public static Option<TimeSpan> DurationOption(string name, string description, TimeSpan defaultValue, TimeSpan atLeast = default) => new(name)
    {
        Description = $"{description}: 500ms, 3s, 2min",
        DefaultValueFactory = _ => defaultValue,
        CustomParser = result =>
        {
            if (!Duration.TryParse(result.Tokens[0].Value, out var duration))
                result.AddError($"{name}: not a duration. Use a number and ms, s or min, such as 3s.");
            else if (duration < atLeast || duration.TotalMilliseconds > int.MaxValue)   // PostgreSQL's limit
                result.AddError($"{name}: it must be between {atLeast.TotalMilliseconds:0}ms and {int.MaxValue}ms.");
            return duration;
        },
    };

    public static IReadOnlyList<MigrationScript> ReadScripts(ParseResult parsed) =>
        parsed.GetValue(Scripts) is { } directory ? ScriptFolder.Read(directory) : ScriptFolder.ReadEmbedded();

    /// <summary>The snapshot's file, which is beside the scripts' folder.</summary>
    public static string SnapshotPath(ParseResult parsed) =>
        Path.Combine(Path.GetDirectoryName(Path.TrimEndingDirectorySeparator(parsed.GetValue(Scripts) ?? ScriptFolder.DefaultPath))!, Snapshot.FileName);

    public static string ReadSnapshot(ParseResult parsed)
    {
        if (parsed.GetValue(Scripts) is null)
            return ScriptFolder.ReadResource(Snapshot.FileName);

        var path = SnapshotPath(parsed);
        return File.Exists(path) ? ScriptFolder.ReadText(path) : throw new MigrationException(
            ExitCode.Usage, $"{path} is missing: create it with gallery-migrate verify --write-snapshot.");
    }

    public static NpgsqlConnectionStringBuilder FindTarget(ParseResult parsed)
    {
        var dotEnv = Settings.FindDotEnv(Directory.GetCurrentDirectory());
        var settings = Settings.Load(dotEnv);
        if (dotEnv is not null)
            StandardErrorLog.Instance.DotEnvRead(dotEnv);
        if (parsed.GetValue(ConnectionFile) is { } path)
            return ConnectionSettings.Read(ReadConnectionFile(path), ConnectionFile.Name, settings, StandardErrorLog.Instance);
        return ConnectionSettings.Find(settings, StandardErrorLog.Instance) ?? throw new SettingsException(
            "no database is set: set DATABASE_URL or SUPABASE_DB_* in the environment or .env, or use --connection-file.");
    }

    /// <summary>No message repeats the path: it may be the connection itself, by mistake.</summary>
    private static string ReadConnectionFile(string path)
    {
        try
        {
            return File.ReadAllText(path).Trim() is { Length: > 0 } text ? text : throw new SettingsException($"{ConnectionFile.Name} names an empty file. Put the connection into it.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new SettingsException($"{ConnectionFile.Name} names no file that can be read ({e.GetType().Name}). Correct the path, or let the migrator read the file.");
        }
    }

    /// <summary>A connection for commands that only read. The log names the servers.</summary>
    public static async Task<NpgsqlConnection> ConnectAsync(NpgsqlConnectionStringBuilder target, CancellationToken ct)
    {
        var connection = await MigratorSession.ConnectAsync(target, ct);
        StandardErrorLog.Instance.Connected(MigratorSession.Describe(target));
        return connection;
    }

    /// <summary>Whether the connection was lost or cannot be used. pgbouncer in statement mode also answers with class 08.</summary>
    private static bool IsConnectionFailure(NpgsqlException fault) => fault is not PostgresException { InvariantSeverity: "ERROR" }
        || fault.SqlState is PostgresErrorCodes.InsufficientPrivilege or ['0', '8', ..];

    /// <summary>Runs a command, and prints a failure once, on standard error.</summary>
    public static async Task<int> ExecuteAsync(Func<Task<ExitCode>> command)
    {
        try
        {
            return (int)await command();
        }
        catch (MigrationException e)
        {
            await PrintFailureAsync(e.Message);
            return (int)e.ExitCode;
        }
        catch (SettingsException e)
        {
            await PrintFailureAsync(e.Message);
            return (int)ExitCode.Usage;
        }
        catch (OperationCanceledException e)
        {
            await PrintFailureAsync(e is MigrationCancelledException ? e.Message : "cancelled: nothing was changed.");
            return (int)ExitCode.Unexpected;
        }
        catch (NpgsqlException e)
        {
            await PrintFailureAsync(e is PostgresException { SqlState: var state, MessageText: var text } ? $"{state} {text}" : e.Message);
            return (int)(IsConnectionFailure(e) ? ExitCode.Connection : ExitCode.Unexpected);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            await PrintFailureAsync(e.Message);   // a full disk, a closed output, an unreadable file
            return (int)ExitCode.Unexpected;
        }
        catch (Exception e)
        {
            await PrintFailureAsync($"unexpected: {e}");   // a bug, so print the stack
            return (int)ExitCode.Unexpected;
        }
    }

    /// <summary>A message may contain what callers or servers sent.</summary>
    private static Task PrintFailureAsync(string message) => Console.Error.WriteLineAsync(string.Join('\n', message.ReplaceLineEndings("\n").Split('\n').Select(LogText.Line)));
}
