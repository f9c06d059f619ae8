using Dapper;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Gallery.Sql.Migrations;

/// <summary>Adopts a database whose schema was made by hand or by another tool: journals the scripts without running them.</summary>
internal static class Baseline
{
    /// <summary>Journals the scripts if the schema equals <paramref name="expectedSnapshot"/>.</summary>
    /// <exception cref="MigrationException">The journal is not empty, or the schema differs.</exception>
    public static Task<int> AdoptAsync(
        NpgsqlConnectionStringBuilder target,
        IReadOnlyList<MigrationScript> scripts,
        string expectedSnapshot,
        ILogger log,
        CancellationToken ct) =>
        MigrationLock.HoldAsync(target, ApplyOptions.Default.WaitLock, log, async session =>
        {
            if (await Journal.HasRowsAsync(session.Connection, ct))
                throw new MigrationException(ExitCode.Integrity, "the journal is not empty: this database is already managed. Use apply instead of baseline.");

            Drift.ThrowIfAny(expectedSnapshot, await Snapshot.ReadAsync(session.Connection, ct), allowTuning: false);
            await Journal.PrepareAsync(session.Connection, ct);   // last, so that a rejected baseline leaves no journal behind

            // language=PostgreSQL
            const string sql = """
                insert into gallery_migrations.journal
                    (script, run_id, checksum, body, state, in_transaction, client, tool_version, reason)
                values (@Script, @RunId, @Checksum, @Body, 'applied', @InTransaction, @Client, @ToolVersion, 'baseline')
                """;

            var runId = Guid.CreateVersion7();
            await using var transaction = await session.Connection.BeginTransactionAsync(ct);
            foreach (var script in scripts)
            {
                await session.Connection.ExecuteAsync(new CommandDefinition(sql, new
                {
                    Script = script.Name,
                    RunId = runId,
                    script.Checksum,
                    script.Body,
                    script.InTransaction,
                    ScriptExecutor.Client,
                    ToolVersion = Release.Version,
                }, transaction, cancellationToken: ct));
            }

            await transaction.CommitAsync(ct);
            return scripts.Count;
        }, ct);
}
