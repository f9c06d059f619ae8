using System.CommandLine;
using System.Data;
using Dapper;
using Npgsql;

namespace Gallery.Sql.Migrations.Commands;

internal static class VerifyCommand
{
    public static Command Create()
    {
        var writeSnapshot = new Option<bool>("--write-snapshot")
        {
            Description = $"write the schema to {Snapshot.FileName} beside the scripts' folder instead of comparing it",
        };
        var allowDrift = new Option<bool>("--allow-drift")
        {
            Description = "allow a DBA's tuning: storage parameters, replica identity, further indexes and statistics",
        };
        var command = new Command("verify", "Checks that the schema matches the scripts and that nothing is exposed. Only reads.") { writeSnapshot, allowDrift };
        command.SetAction((parsed, ct) => CommandLine.ExecuteAsync(() => VerifyAsync(parsed, parsed.GetValue(writeSnapshot), parsed.GetValue(allowDrift), ct)));
        return command;
    }

    private static async Task<ExitCode> VerifyAsync(ParseResult parsed, bool writeSnapshot, bool allowDrift, CancellationToken ct)
    {
        await using var connection = await CommandLine.ConnectAsync(CommandLine.FindTarget(parsed), ct);
        await using var transaction = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, ct);
        await connection.ExecuteAsync(new CommandDefinition(
            "set transaction read only; set local search_path = pg_catalog", transaction: transaction, cancellationToken: ct));

        var plan = MigrationPlan.Make(CommandLine.ReadScripts(parsed), await Journal.ReadAsync(connection, ct), target: null);
        var findings = new List<MigrationException>();
        await CheckAsync(() => { plan.ThrowIfInconsistent(); return Task.CompletedTask; });
        await CheckAsync(() => InvalidIndexes.ThrowIfAnyAsync(connection, ct));
        await CheckAsync(CompareSnapshotAsync);
        await CheckAsync(() => Exposure.ThrowIfAnyAsync(connection, ct));
        if (findings.Count > 0)
        if (!plan.Newer.Any()) await CheckAsync(() => Privileges.ThrowIfAnyDifferAsync(connection, ct));   // a newer release has other tables
            throw new MigrationException(findings[0].ExitCode, string.Join("\n\n", findings.Select(finding => finding.Message)));

        Console.WriteLine("ok: verify found no problem");
        return ExitCode.Done;

        // Reports all findings at once. The first one decides the exit code.
        async Task CheckAsync(Func<Task> check)
        {
            try
            {
                await check();
            }
            catch (MigrationException finding)
            {
                findings.Add(finding);
            }
        }

        // The snapshot shows the schema after the last script, so it cannot be compared earlier.
        async Task CompareSnapshotAsync()
        {
            if (plan.Pending.Count > 0)
                Console.WriteLine($"{plan.Pending.Count} scripts are pending, so drift was not checked: run apply first");
            else if (plan.Newer.Any())
                Console.WriteLine($"a newer release has applied {string.Join(", ", plan.Newer)}, so drift was not checked: run verify of that release");
            else if (writeSnapshot)
                await WriteSnapshotAsync(parsed, connection, ct);
            else
                Drift.ThrowIfAny(CommandLine.ReadSnapshot(parsed), await Snapshot.ReadAsync(connection, ct), allowDrift);
        }
    }

    private static async Task WriteSnapshotAsync(ParseResult parsed, NpgsqlConnection connection, CancellationToken ct)
    {
        var path = CommandLine.SnapshotPath(parsed);
        await File.WriteAllTextAsync(path, await Snapshot.ReadAsync(connection, ct), ct);
        Console.WriteLine($"wrote {path}");
    }
}
