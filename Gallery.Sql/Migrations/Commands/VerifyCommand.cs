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
        var isComplete = plan.Pending.Count == 0 && !plan.Newer.Any();
        var findings = new List<MigrationException>();
        await CheckAsync(() => plan.ThrowIfInconsistentAsync(connection, ct));
        await CheckAsync(() => InvalidIndexes.ThrowIfAnyAsync(connection, ct));
        await CheckAsync(CompareSnapshotAsync);
        await CheckAsync(() => Exposure.ThrowIfAnyAsync(connection, ct));
        if (!plan.Newer.Any()) await CheckAsync(() => Privileges.ThrowIfAnyDifferAsync(connection, ct));   // a newer release has other tables
        if (findings.Count > 0)
            throw new MigrationException(findings[0].ExitCode, string.Join("\n\n", findings.Select(finding => finding.Message)));

        Console.WriteLine(isComplete ? "ok: verify found no problem" : "verify found no problem in the rest");
        return ExitCode.Done;

        // Reports all findings at once. The first one decides the exit code.
        async Task CheckAsync(Func<Task> check)
        {
            try
            {
                await check();
            }
            catch (MigrationException finding) when (finding.ExitCode != ExitCode.LockHeld)   // until that run has finished, nothing is certain
            {
                findings.Add(finding);
            }
        }

        // The snapshot shows the schema after the last script, so it cannot be compared earlier.
        async Task CompareSnapshotAsync()
        {
            var otherwise = plan.Pending.Count > 0 ? (Reason: $"{plan.Pending.Count} scripts are pending", Next: "run apply first")
                : (Reason: $"a newer release has applied {string.Join(", ", plan.Newer)}", Next: "run verify of that release");
            if (!isComplete && writeSnapshot)
                throw new MigrationException(ExitCode.Usage, $"{otherwise.Reason}, so the snapshot was not written: {otherwise.Next}.");
            if (!isComplete)
                Console.WriteLine($"{otherwise.Reason}, so drift was not checked: {otherwise.Next}");
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
