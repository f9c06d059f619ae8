using Dapper;
using Npgsql;

namespace Gallery.Sql.Migrations;

/// <summary>A row of the journal, in the order of the select list. Times are by the server's clock, in UTC.</summary>
internal sealed record JournalRow(
    string Script,
    Guid RunId,
    string Checksum,
    string Body,
    string State,
    bool InTransaction,
    DateTime StartedAt,
    TimeSpan? Duration,
    string Role,
    string Client,
    string ToolVersion,
    string ServerVersion,
    string? Locks,
    string? Error,
    string? Reason);

/// <summary>
/// The table <c>gallery_migrations.journal</c>, one row per run of a script. DbUp's journal is not used: it does not keep the
/// scripts' text, and it needs the CREATE privilege on the database.
/// </summary>
internal static class Journal
{
    public const string Applied = "applied";

    // The migrator does not create the service's data source, which also sets this.
    static Journal() => DefaultTypeMap.MatchNamesWithUnderscores = true;

    // language=PostgreSQL
    public const string CreateSql = """
        do $$
        begin
            if to_regnamespace('gallery_migrations') is null then
                create schema gallery_migrations;
            end if;
        end
        $$;

        create table gallery_migrations.journal
        (
            script         text        not null,
            run_id         uuid        not null,
            checksum       text        not null,
            body           text        not null,
            state          text        not null,
            in_transaction boolean     not null,
            started_at     timestamptz not null default now(),
            duration       interval,
            role           text        not null default session_user,
            client         text        not null,
            tool_version   text        not null,
            server_version text        not null default current_setting('server_version'),
            locks          jsonb,
            error          text,
            reason         text,

            constraint journal_pkey primary key (script, run_id),
            constraint journal_state_known check (state in ('running', 'applied', 'failed', 'resolved'))
        );

        comment on table gallery_migrations.journal is 'One row for each run of a migration script. Only gallery-migrate writes it.';
        comment on column gallery_migrations.journal.body is 'The exact text that ran.';
        comment on column gallery_migrations.journal.state is 'running, failed: half done, outside a transaction. resolved: closed by hand, see reason.';
        comment on column gallery_migrations.journal.locks is 'The locks that the script took on tables that existed before it.';

        -- A second safeguard beside the lock: a script has at most one live row.
        create unique index journal_script_live_idx on gallery_migrations.journal (script) where state <> 'resolved';
        """;

    /// <summary>The live rows in script order; empty if there is no journal yet. Reads only.</summary>
    public static async Task<IReadOnlyList<JournalRow>> ReadAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        // language=PostgreSQL
        const string sql = """
            select script,
                   run_id,
                   checksum,
                   body,
                   state,
                   in_transaction,
                   started_at,
                   duration,
                   role,
                   client,
                   tool_version,
                   server_version,
                   locks::text,
                   error,
                   reason
            from gallery_migrations.journal
            where state <> 'resolved'
            order by script collate "C"
            """;

        return await ExistsAsync(connection, ct)
            ? (await connection.QueryAsync<JournalRow>(new CommandDefinition(sql, cancellationToken: ct))).AsList()
            : [];
    }

    public static async Task<IReadOnlySet<string>> ReadAppliedNamesAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        // language=PostgreSQL
        const string sql = """
            select script
            from gallery_migrations.journal
            where state = 'applied'
            """;

        return await ExistsAsync(connection, ct)
            ? (await connection.QueryAsync<string>(new CommandDefinition(sql, cancellationToken: ct))).ToHashSet(StringComparer.Ordinal)
            : new HashSet<string>();
    }

    /// <summary>Creates the journal if it is missing, and checks that it can be written.</summary>
    /// <exception cref="MigrationException">This connection cannot write it.</exception>
    public static async Task PrepareAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        // language=PostgreSQL
        const string sql = """
            select case
                       when current_setting('transaction_read_only')::boolean then 'it is read-only'
                       when not has_table_privilege('gallery_migrations.journal', 'insert') then 'its role cannot write the journal'
                   end
            """;

        string? obstacle;
        try
        {
            if (!await ExistsAsync(connection, ct))
                await connection.ExecuteAsync(new CommandDefinition(CreateSql, cancellationToken: ct));
            obstacle = await connection.ExecuteScalarAsync<string?>(new CommandDefinition(sql, cancellationToken: ct));
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.InsufficientPrivilege or PostgresErrorCodes.ReadOnlySqlTransaction)
        {
            obstacle = $"{e.SqlState} {e.MessageText}";
        }

        if (obstacle is not null)
        {
            throw new MigrationException(ExitCode.Connection, $"""
                this connection cannot migrate: {obstacle}.
                nothing was changed.
                next: connect to the primary as the role gallery_migrator, which sql/roles.sql creates.
                """);
        }
    }

    /// <summary>Whether the journal has any row, including resolved ones.</summary>
    public static async Task<bool> HasRowsAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        // language=PostgreSQL
        const string sql = "select exists (select 1 from gallery_migrations.journal)";
        return await ExistsAsync(connection, ct) && await connection.ExecuteScalarAsync<bool>(new CommandDefinition(sql, cancellationToken: ct));
    }

    private static async Task<bool> ExistsAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        // language=PostgreSQL
        const string sql = "select to_regclass('gallery_migrations.journal') is not null";
        return await connection.ExecuteScalarAsync<bool>(new CommandDefinition(sql, cancellationToken: ct));
    }
}
