using Dapper;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Gallery.Sql.Migrations;

/// <summary>Closes a concurrent script that stopped half-way, as the operator decides. Its row stays as history, with the reason.</summary>
internal static class Resolution
{
    /// <exception cref="MigrationException">The script is not half done; or <paramref name="asApplied"/>, and an index is invalid or the script's is missing.</exception>
    public static Task<int> ResolveAsync(
        NpgsqlConnectionStringBuilder target, string script, bool asApplied, string reason, ILogger log, CancellationToken ct) =>
        MigrationLock.HoldAsync(target, ApplyOptions.Default.WaitLock, log, async session =>
        {
            var halfDone = (await Journal.ReadAsync(session.Connection, ct)).SingleOrDefault(row => row.Script == script && row.State != Journal.Applied)
                ?? throw NothingToResolve();
            if (asApplied)
            {
                await InvalidIndexes.ThrowIfAnyAsync(session.Connection, ct);
                await ConcurrentIndex.ThrowIfMissingAsync(session.Connection, halfDone, ct);
            }

            // One statement, so that the old row is never closed without the new one.
            // language=PostgreSQL
            const string sql = """
                with resolved as (
                    update gallery_migrations.journal
                    set state  = 'resolved',
                        reason = @Reason
                    where script = @Script
                      and state in ('running', 'failed')
                    returning script,
                              checksum,
                              body,
                              in_transaction
                ),
                adopted as (
                    insert into gallery_migrations.journal
                        (script, run_id, checksum, body, state, in_transaction, client, tool_version, reason)
                    select r.script,
                           @RunId,
                           r.checksum,
                           r.body,
                           'applied',
                           r.in_transaction,
                           @Client,
                           @ToolVersion,
                           @Reason
                    from resolved r
                    where @AsApplied
                )
                select count(*)
                from resolved
                """;

            await Journal.PrepareAsync(session.Connection, ct);
            var resolved = await session.Connection.ExecuteScalarAsync<int>(new CommandDefinition(sql, new
            {
                Script = script,
                AsApplied = asApplied,
                Reason = reason,
                RunId = Guid.CreateVersion7(),
                ScriptExecutor.Client,
                ToolVersion = Release.Version,
            }, cancellationToken: ct));
            return resolved == 1 ? resolved : throw NothingToResolve();
        }, ct);

    // Does not repeat the name: it may be any word of the command line.
    private static MigrationException NothingToResolve() =>
        new(ExitCode.Usage, "no script of that name is half done, so there is nothing to resolve. See gallery-migrate status.");
}
