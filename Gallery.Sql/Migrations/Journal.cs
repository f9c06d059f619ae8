using Dapper;
using Npgsql;

namespace Gallery.Sql.Migrations;

/// <summary>A row of the journal, in select order. Times are the server's, UTC.</summary>
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
/// What the database remembers: <c>gallery_migrations.journal</c>, a row a script. It is our own, not DbUp's, because it
/// keeps what was run word for word, and needs no right to create anything in the database but its own schema.
/// </summary>
internal static class Journal
{
    public const string Applied = "applied";

    // The exe never makes the data source of the service, which sets this too.
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

        comment on table gallery_migrations.journal is 'One row for each run of a migration script; written by gallery-migrate alone.';
        comment on column gallery_migrations.journal.body is 'What was run, word for word.';
        comment on column gallery_migrations.journal.state is 'running and failed: half done, outside a transaction. resolved: closed by hand, see reason.';
        comment on column gallery_migrations.journal.locks is 'What the script locked of the tables that existed before it.';

        -- Whatever the lock has missed ends here: a script is live once.
        create unique index journal_script_live_idx on gallery_migrations.journal (script) where state <> 'resolved';
        """;

    /// <summary>The live rows in the scripts' order; none where the journal has not been made. Only reads.</summary>
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

    /// <summary>Makes the journal if it is not there, and finds out whether it can be written.</summary>
    /// <exception cref="MigrationException">This connection may not write it.</exception>
    public static async Task PrepareAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        // language=PostgreSQL
        const string sql = """
            select case
                       when current_setting('transaction_read_only')::boolean then 'it is read-only'
                       when not has_table_privilege('gallery_migrations.journal', 'insert') then 'its role may not write the journal'
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
                next: connect to the primary, as the role gallery_migrator (sql/roles.sql makes it).
                """);
        }
    }

    /// <summary>Whether anything has ever been journaled, closed by hand or not.</summary>
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
