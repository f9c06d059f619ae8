using Gallery.Sql.Database;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Gallery.Sql.Migrations;

/// <param name="Target">The number of the last script to run; null for all.</param>
/// <param name="ExpectedPlan">Run exactly this plan, by its hash, or nothing.</param>
/// <param name="WaitLock">How long to wait for another run to end.</param>
/// <param name="LockTimeout">How long a script may wait for a table, since whoever comes after it waits as well.</param>
/// <param name="LockRetries">How often it is tried again after that.</param>
internal sealed record ApplyOptions(int? Target, string? ExpectedPlan, TimeSpan WaitLock, TimeSpan LockTimeout, int LockRetries)
{
    public static readonly ApplyOptions Default = new(null, null, TimeSpan.FromSeconds(60), TimeSpan.FromSeconds(3), 5);
}

/// <summary>Brings a database up to date, for the service, the tests and the command line.</summary>
public static class Migrator
{
    /// <summary>Runs the embedded scripts that the database has not had, one transaction a script, one run at a time.</summary>
    /// <returns>The names of those it ran; none when there was nothing to do, and then it has not written.</returns>
    /// <exception cref="MigrationException">Some script did not run. Those before it stay.</exception>
    public static Task<IReadOnlyList<string>> ApplyAsync(string connectionString, ILogger log, CancellationToken ct) =>
        ApplyAsync(new NpgsqlConnectionStringBuilder(connectionString), ScriptFolder.ReadEmbedded(), ApplyOptions.Default, log, ct);

    /// <summary>The embedded scripts that the database has not had, in order. Reads the journal, and needs no other right.</summary>
    public static async Task<IReadOnlyList<string>> ListPendingAsync(NpgsqlDataSource database, CancellationToken ct)
    {
        var applied = await RetryPolicy.OneMoreTry(database, TransientFault.IsWorthOneMoreTry).ExecuteAsync(async token =>
        {
            await using var connection = await database.OpenConnectionAsync(token);
            return await Journal.ReadAppliedNamesAsync(connection, token);
        }, ct);
        return [.. ScriptFolder.ReadEmbedded().Select(script => script.Name).Where(name => !applied.Contains(name))];
    }

    internal static Task<IReadOnlyList<string>> ApplyAsync(
        NpgsqlConnectionStringBuilder target,
        IReadOnlyList<MigrationScript> scripts,
        ApplyOptions options,
        ILogger log,
        CancellationToken ct) =>
        MigrationLock.HoldAsync<IReadOnlyList<string>>(target, options.WaitLock, log, async session =>
        {
            // Read under the lock: what another run has just applied is no longer pending.
            var plan = MigrationPlan.Make(scripts, await Journal.ReadAsync(session.Connection, ct), options.Target);
            plan.RefuseProblems();
            await InvalidIndexes.RefuseAsync(session.Connection, ct);
            if (plan.Pending.Count > 0)
                await RunAsync(session, plan, options, log, ct);
            log.Summary(plan.Pending.Count, plan.Applied.Count() + plan.Pending.Count);
            return [.. plan.Pending.Select(script => script.Name)];
        }, ct);

    private static async Task RunAsync(
        MigratorSession session, MigrationPlan plan, ApplyOptions options, ILogger log, CancellationToken ct)
    {
        ScriptRules.Refuse(plan.Pending);
        if (options.ExpectedPlan is { } expected && expected != plan.Hash)
        {
            throw new MigrationException(ExitCode.Integrity, $"""
                the plan has moved: {expected} was approved, and {plan.Hash} would run now.
                nothing was changed.
                next: make the plan anew, and have it approved.
                """);
        }

        await Journal.PrepareAsync(session.Connection, ct);
        var executor = new ScriptExecutor(session, options.LockTimeout, options.LockRetries, log);
        foreach (var script in plan.Pending)
            await executor.RunAsync(script, ct);
        await InvalidIndexes.RefuseAsync(session.Connection, ct);
    }
}
