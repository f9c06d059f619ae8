using Microsoft.Extensions.Logging;
using Npgsql;

namespace Gallery.Sql.Migrations;

/// <param name="Target">The number of the last script to run; null for all.</param>
/// <param name="ExpectedPlan">The hash of the only plan that may run; null for any.</param>
/// <param name="WaitLock">How long to wait for another run to finish.</param>
/// <param name="LockTimeout">How long a script may wait for a table lock. Queries queue behind it meanwhile.</param>
/// <param name="LockRetries">How often a script is retried after a lock time-out.</param>
internal sealed record ApplyOptions(int? Target, string? ExpectedPlan, TimeSpan WaitLock, TimeSpan LockTimeout, int LockRetries)
{
    public static readonly ApplyOptions Default = new(null, null, TimeSpan.FromSeconds(60), TimeSpan.FromSeconds(3), 5);
}

/// <summary>Applies migrations, for the service, the tests and the command line.</summary>
public static class Migrator
{
    // Reading the scripts also hashes them, and readiness probes are frequent.
    private static readonly Lazy<string[]> EmbeddedNames = new(() => [.. ScriptFolder.ReadEmbedded().Select(script => script.Name)]);

    /// <summary>Runs the pending embedded scripts, one transaction per script, one run at a time.</summary>
    /// <returns>The names of the scripts it ran. If this is empty, it has written nothing.</returns>
    /// <exception cref="MigrationException">A script did not run. Scripts before it stay applied.</exception>
    public static Task<IReadOnlyList<string>> ApplyAsync(string connectionString, ILogger log, CancellationToken ct) =>
        ApplyAsync(new NpgsqlConnectionStringBuilder(connectionString), ScriptFolder.ReadEmbedded(), ApplyOptions.Default, log, ct);

    /// <summary>The names of the pending embedded scripts, in order. Needs only the right to read the journal.</summary>
    public static async Task<IReadOnlyList<string>> ListPendingAsync(NpgsqlDataSource database, CancellationToken ct)
    {
        await using var connection = await database.OpenConnectionAsync(ct);
        var applied = await Journal.ReadAppliedNamesAsync(connection, ct);
        return [.. EmbeddedNames.Value.Where(name => !applied.Contains(name))];
    }

    internal static Task<IReadOnlyList<string>> ApplyAsync(
        NpgsqlConnectionStringBuilder target,
        IReadOnlyList<MigrationScript> scripts,
        ApplyOptions options,
        ILogger log,
        CancellationToken ct) =>
        MigrationLock.HoldAsync<IReadOnlyList<string>>(target, options.WaitLock, log, async session =>
        {
            // Read under the lock, so that scripts just applied by another run are not pending.
            var plan = MigrationPlan.Make(scripts, await Journal.ReadAsync(session.Connection, ct), options.Target);
            await plan.ThrowIfInconsistentAsync(session.Connection, ct);
            await InvalidIndexes.ThrowIfAnyAsync(session.Connection, ct);
            if (options.ExpectedPlan is { } approved && !plan.Matches(approved))
            {
                throw new MigrationException(ExitCode.Integrity, $"""
                    the plan has changed: {approved} was approved, but {plan.Hash} is the plan now.
                    nothing was changed.
                    next: run plan again, and have the new plan approved.
                    """);
            }

            if (plan.Newer.Any())
                log.NewerScripts(string.Join(", ", plan.Newer));
            if (plan.Pending.Count > 0)
                await RunAsync(session, plan, options, log, ct);
            log.Summary(plan.Pending.Count, plan.Applied.Count() + plan.Pending.Count);
            return [.. plan.Pending.Select(script => script.Name)];
        }, ct);

    private static async Task RunAsync(
        MigratorSession session, MigrationPlan plan, ApplyOptions options, ILogger log, CancellationToken ct)
    {
        ScriptRules.ThrowIfBroken(plan.Pending);
        await Journal.PrepareAsync(session.Connection, ct);
        var executor = new ScriptExecutor(session, options.LockTimeout, options.LockRetries, log);
        foreach (var script in plan.Pending)
        {
            try
            {
                await executor.RunAsync(script, ct);
            }
            catch (OperationCanceledException e)
            {
                throw new MigrationCancelledException(script switch
                {
                    { IsBatched: true } => $"cancelled: {script.Name} stopped after its last whole batch. Run apply again, and it goes on.",
                    { InTransaction: true } => $"cancelled: nothing of {script.Name} was applied. Scripts before it stay applied.",
                    _ => $"cancelled: {script.Name} may have stopped half-way. Run status, which says so.",
                }, e);
            }
        }

        await InvalidIndexes.ThrowIfAnyAsync(session.Connection, CancellationToken.None);   // all scripts are applied
    }
}
