using System.Data;
using System.Globalization;
using Dapper;
using DbUp.Engine;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Gallery.Sql.Migrations;

/// <summary>Runs scripts one at a time, and journals each in the transaction that ran it.</summary>
internal sealed class ScriptExecutor(MigratorSession session, TimeSpan lockTimeout, int lockRetries, ILogger log)
{
    public static readonly string Client = $"{Environment.UserName}@{Environment.MachineName}";

    private readonly Guid _runId = Guid.CreateVersion7();

    /// <exception cref="MigrationException">The script failed. It was rolled back, unless it runs outside a transaction.</exception>
    public async Task RunAsync(MigrationScript script, CancellationToken ct)
    {
        for (var attempt = 1; ; attempt++)
        {
            var started = TimeProvider.System.GetTimestamp();
            await using var blockers = BlockerWatch.Start(session, ct);
            await session.RestoreAsync(ct);
            await SetLockTimeoutAsync(script, ct);
            if (await RunOnceAsync(script, ct) is not var (error, statement))
            {
                log.Applied(script.Name, (long)TimeProvider.System.GetElapsedTime(started).TotalMilliseconds);
                return;
            }

            var canRetry = script.InTransaction || script.IsBatched;
            if (canRetry)
                ct.ThrowIfCancellationRequested();   // a concurrent script is half done, which must be reported
            var blocker = await blockers.StopAsync();
            if (!canRetry || attempt > lockRetries || !IsLockTimeout(error))
                throw ScriptFailure.Explain(script, statement, error, IsLockTimeout(error) ? blocker : null);

            var delay = Random.Shared.Next(500, 1500) * attempt;   // random, so that it does not meet the same blocker again
            log.LockTimedOut(script.Name, $"{lockTimeout.TotalSeconds:0.###} s", blocker, attempt, lockRetries, delay);
            await Task.Delay(delay, ct);
        }
    }

    private async Task<(Exception Error, SqlStatement? Statement)?> RunOnceAsync(MigrationScript script, CancellationToken ct)
    {
        void LogNotice(object? sender, NpgsqlNoticeEventArgs e) => log.Notice(script.Name, e.Notice.Severity, e.Notice.MessageText);

        var engine = new DbUpEngine(session.Connection, script, new ScriptJournal(script, _runId), ct);
        session.Connection.Notice += LogNotice;
        try
        {
            var error = await Task.Run(engine.Run, CancellationToken.None);   // DbUp is synchronous; DbUpEngine cancels its commands
            if (error is null)
                return null;

            if (!script.InTransaction)
                await JournalFailureAsync(script, error);
            return (error, engine.Current);
        }
        finally
        {
            session.Connection.Notice -= LogNotice;
        }
    }

    /// <summary>
    /// A script that waits for a strong lock blocks every later query, so it waits only briefly. A concurrent index has no
    /// limit: its lock is weak, it must wait for old transactions, and it cannot be rolled back and retried.
    /// </summary>
    private Task<int> SetLockTimeoutAsync(MigrationScript script, CancellationToken ct) =>
        session.Connection.ExecuteAsync(new CommandDefinition(
            "select set_config('lock_timeout', @Timeout, false)",
            new { Timeout = script.InTransaction || script.IsBatched ? lockTimeout.TotalMilliseconds.ToString("0", CultureInfo.InvariantCulture) : "0" },
            cancellationToken: ct));

    private async Task JournalFailureAsync(MigrationScript script, Exception error)
    {
        try
        {
            await session.Connection.ExecuteAsync(
                JournalSql.FailRunning, new { Script = script.Name, RunId = _runId.ToString(), Error = error.Message });
        }
        catch (Exception e) when (e is NpgsqlException or InvalidOperationException)
        {
            // The connection was lost with the script. Its row stays "running", which is half done too.
        }
    }

    private static bool IsLockTimeout(Exception error) =>
        error is PostgresException { SqlState: PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.DeadlockDetected };

    /// <summary>DbUp calls it inside the script's transaction, before the first statement and after the last.</summary>
    private sealed class ScriptJournal(MigrationScript script, Guid runId) : IJournal
    {
        private readonly DynamicParameters _parameters = new(new
        {
            Script = script.Name,
            RunId = runId.ToString(),
            script.Checksum,
            script.Body,
            Client,
            ToolVersion = Release.Version,
        });

        public string[] GetExecutedScripts() => [];   // the plan has already chosen the scripts

        public void EnsureTableExistsAndIsLatestVersion(Func<IDbCommand> dbCommandFactory)
        {
            using var command = dbCommandFactory();
            if (script.InTransaction)
                _parameters.Add("TablesBefore", command.Connection!.ExecuteScalar<string>(JournalSql.NoteTables, transaction: command.Transaction));
            else
                command.Connection!.Execute(script.IsBatched ? JournalSql.InsertOrResume : JournalSql.InsertRunning, _parameters);
        }

        public void StoreExecutedScript(SqlScript executed, Func<IDbCommand> dbCommandFactory)
        {
            using var command = dbCommandFactory();
            command.Connection!.Execute(
                script.InTransaction ? JournalSql.InsertApplied : JournalSql.FinishRunning, _parameters, command.Transaction);
        }
    }
}
