using Dapper;
using Gallery.Sql.Database;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace Gallery.Sql.Migrations;

/// <summary>
/// Runs the pending scripts on a scratch database, after the scripts that the real one has. So the plan's locks and rewrites
/// are measured, not guessed. They are read from the scratch database's journal.
/// </summary>
internal static class Rehearsal
{
    // Scripts may name the roles of sql/roles.sql. They stay on the scratch server, and nobody can sign in as them.
    // language=PostgreSQL
    private const string CreateRoles = """
        do $$
        declare
            name text;
        begin
            foreach name in array array['gallery_owner', 'gallery_migrator', 'gallery_app', 'gallery_readonly'] loop
                if to_regrole(name) is null then
                    execute format('create role %I nologin', name);
                end if;
            end loop;
        exception
            when insufficient_privilege or duplicate_object or unique_violation then null;
        end
        $$;
        """;

    /// <summary>Returns the journal rows of the rehearsed scripts, by name.</summary>
    /// <param name="rows">How many images the tables have when the pending scripts run.</param>
    /// <exception cref="MigrationException">A script failed.</exception>
    public static Task<IReadOnlyDictionary<string, JournalRow>> RunAsync(
        RehearsalServer server, MigrationPlan plan, int rows, CancellationToken ct) =>
        OnScratchDatabaseAsync(server, async scratch =>
        {
            // Applied scripts come from the journal, because it has the text that ran.
            MigrationScript[] applied = [.. plan.Applied.Select(row => new MigrationScript(row.Script, row.Body, row.Script))];
            await ApplyAsync(scratch, applied, ct);
            await using var connection = await MigratorSession.ConnectAsync(scratch, ct);
            await RehearsalRows.FillAsync(connection, rows, ct);
            await ApplyAsync(scratch, [.. applied, .. plan.Pending], ct);

            var journal = await Journal.ReadAsync(connection, ct);
            return (IReadOnlyDictionary<string, JournalRow>)journal.ToDictionary(row => row.Script, StringComparer.Ordinal);
        }, ct);

    /// <summary>The snapshot of the schema that the scripts create in an empty database.</summary>
    public static Task<string> SnapshotAsync(
        RehearsalServer server, IReadOnlyList<MigrationScript> scripts, CancellationToken ct) =>
        OnScratchDatabaseAsync(server, async scratch =>
        {
            await ApplyAsync(scratch, scripts, ct);
            await using var session = await MigratorSession.OpenAsync(scratch, NullLogger.Instance, ct);
            return await Snapshot.ReadAsync(session.Connection, ct);
        }, ct);

    private static async Task ApplyAsync(
        NpgsqlConnectionStringBuilder scratch, IReadOnlyList<MigrationScript> scripts, CancellationToken ct)
    {
        try
        {
            await Migrator.ApplyAsync(scratch, scripts, ApplyOptions.Default, NullLogger.Instance, ct);
        }
        catch (MigrationException e)
        {
            if (e.InnerException is PostgresException { SqlState: PostgresErrorCodes.UndefinedObject, MessageText: var text }
                && await ListMissingRolesAsync(scratch, ct) is { Length: > 0 } missing && missing.Any(role => text.Contains(role, StringComparison.Ordinal)))
            {
                throw new SettingsException(
                    $"the server of {RehearsalServer.Setting} lacks roles that scripts may name, and its role may not create them. "
                    + $"Let a superuser create them there once: {string.Join(' ', missing.Select(role => $"create role {role} nologin;"))}");
            }

            throw new MigrationException(e.ExitCode, $"the rehearsal on a scratch database failed; the real database was not changed:\n{e.Message}", e);
        }
    }

    private static async Task<string[]> ListMissingRolesAsync(NpgsqlConnectionStringBuilder scratch, CancellationToken ct)
    {
        // language=PostgreSQL
        const string sql = """
            select coalesce(array_agg(r.name), '{}')
            from unnest(array['gallery_owner', 'gallery_migrator', 'gallery_app', 'gallery_readonly']) as r (name)
            where to_regrole(r.name) is null
            """;

        await using var connection = await MigratorSession.ConnectAsync(scratch, ct);
        return await connection.QuerySingleAsync<string[]>(new CommandDefinition(sql, cancellationToken: ct));
    }

    private static async Task<T> OnScratchDatabaseAsync<T>(
        RehearsalServer server, Func<NpgsqlConnectionStringBuilder, Task<T>> work, CancellationToken ct)
    {
        var scratch = new NpgsqlConnectionStringBuilder((server.Rehearser ?? server.Connection).ConnectionString) { Database = $"gallery_rehearsal_{Guid.NewGuid():n}" };
        var owner = server.Rehearser is null ? "" : "owner gallery_owner";
        await using var connection = await MigratorSession.ConnectAsync(server.Connection, ct);
        await connection.ExecuteAsync(new CommandDefinition(CreateRoles, cancellationToken: ct));
        await connection.ExecuteAsync(new CommandDefinition($"create database {scratch.Database} {owner} template template0", cancellationToken: ct));
        try
        {
            return await work(scratch);
        }
        finally
        {
            await connection.ExecuteAsync(new CommandDefinition(
                $"drop database if exists {scratch.Database} with (force)", cancellationToken: CancellationToken.None));
        }
    }
}
