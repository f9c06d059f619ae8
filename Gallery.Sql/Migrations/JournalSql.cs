namespace Gallery.Sql.Migrations;

/// <summary>
/// The journal's statements for one script. The executor sends them with parameters and the psql bundle prints them with
/// values, so that both write the same rows.
/// </summary>
internal static class JournalSql
{
    // Before the script: the existing tables, because only locks on these block others. Partitioned tables have no file.
    // language=PostgreSQL
    public const string NoteTables = """
        select coalesce(jsonb_agg(jsonb_build_object(
                   'oid', c.oid::bigint,
                   'name', format('%I.%I', n.nspname, c.relname),
                   'file', c.relfilenode::bigint,
                   'scans', pg_stat_get_xact_numscans(c.oid),
                   'rows', pg_stat_get_xact_tuples_returned(c.oid))), '[]')::text as tables_before
        from pg_class c
        join pg_namespace n on n.oid = c.relnamespace
        where c.relkind in ('r', 'p', 'm')
          and n.nspname not in ('pg_catalog', 'information_schema', 'gallery_migrations')
          and n.nspname not like 'pg\_%'
        """;

    // After the script, in its transaction. For each table noted before: the strongest lock, and the scans and rows read under
    // it. Another file means that the table was rewritten.
    // language=PostgreSQL
    public const string InsertApplied = """
        insert into gallery_migrations.journal
            (script, run_id, checksum, body, state, in_transaction, duration, client, tool_version, locks)
        select @Script,
               @RunId::uuid,
               @Checksum,
               @Body,
               'applied',
               true,
               clock_timestamp() - now(),
               @Client,
               @ToolVersion,
               (select jsonb_agg(jsonb_build_object(
                           'table', b.name,
                           'mode', l.mode,
                           'rewritten', coalesce(c.relfilenode <> b.file, false),
                           'scans', pg_stat_get_xact_numscans(b.oid) - b.scans,
                           'rows', pg_stat_get_xact_tuples_returned(b.oid) - b.rows) order by b.name)
                from jsonb_to_recordset(@TablesBefore::jsonb) as b (oid oid, name text, file oid, scans bigint, rows bigint)
                join lateral (select k.mode
                              from pg_locks k
                              where k.locktype = 'relation'
                                and k.pid = pg_backend_pid()
                                and k.relation = b.oid
                                and k.database = (select d.oid from pg_database d where d.datname = current_database())
                              order by array_position(array['AccessShareLock', 'RowShareLock', 'RowExclusiveLock',
                                                            'ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock',
                                                            'ExclusiveLock', 'AccessExclusiveLock'], k.mode) desc
                              limit 1) l on true
                left join pg_class c on c.oid = b.oid)
        """;

    // A concurrent script has no transaction. Its row is inserted before it, so that a killed run leaves a trace, and
    // updated after it.
    // language=PostgreSQL
    public const string InsertRunning = """
        insert into gallery_migrations.journal
            (script, run_id, checksum, body, state, in_transaction, client, tool_version)
        values (@Script, @RunId::uuid, @Checksum, @Body, 'running', false, @Client, @ToolVersion)
        """;

    // A batched script goes on after the batches that an earlier run has committed.
    // language=PostgreSQL
    public const string InsertOrResume = $"""
        {InsertRunning}
        on conflict (script) where state <> 'resolved'
        do update set state = 'running', run_id = excluded.run_id, started_at = excluded.started_at, duration = null, error = null, client = excluded.client, tool_version = excluded.tool_version
        """;

    // language=PostgreSQL
    public const string FinishRunning = """
        update gallery_migrations.journal
        set state    = 'applied',
            duration = clock_timestamp() - started_at
        where script = @Script
          and run_id = @RunId::uuid
        """;

    // language=PostgreSQL
    public const string FailRunning = """
        update gallery_migrations.journal
        set state    = 'failed',
            duration = clock_timestamp() - started_at,
            error    = @Error
        where script = @Script
          and run_id = @RunId::uuid
        """;
}
