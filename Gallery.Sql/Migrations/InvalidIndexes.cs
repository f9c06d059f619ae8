using Dapper;
using Npgsql;

namespace Gallery.Sql.Migrations;

/// <summary>Indexes left by an interrupted "create index concurrently". Every write maintains them, but no query uses them.</summary>
internal static class InvalidIndexes
{
    // For the psql bundle, which cannot act on a query's result: it raises an error instead.
    // language=PostgreSQL
    public const string RaiseIfAnySql = """
        do $gallery$
        declare
            invalid text;
        begin
            select string_agg(format('%I.%I', n.nspname, c.relname), ', ' order by n.nspname, c.relname)
            into invalid
            from pg_index i
            join pg_class c on c.oid = i.indexrelid
            join pg_namespace n on n.oid = c.relnamespace
            where n.nspname in ('gallery', 'gallery_migrations')
              and not i.indisvalid;
            if invalid is not null then
                raise exception 'invalid index, left by an interrupted run: %', invalid
                    using hint = 'Drop it with "drop index concurrently", then run this file again.';
            end if;
        end
        $gallery$;
        """;

    /// <exception cref="MigrationException">An index is invalid, or is being built by another run.</exception>
    public static async Task ThrowIfAnyAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        // language=PostgreSQL
        const string sql = """
            select format('%I.%I', n.nspname, c.relname)
            from pg_index i
            join pg_class c on c.oid = i.indexrelid
            join pg_namespace n on n.oid = c.relnamespace
            where n.nspname in ('gallery', 'gallery_migrations')
              and not i.indisvalid
            order by 1
            """;

        var invalid = (await connection.QueryAsync<string>(new CommandDefinition(sql, cancellationToken: ct))).AsList();
        if (invalid.Count == 0)
            return;

        await MigrationLock.ThrowIfUnderWayAsync(connection, ct);
        throw new MigrationException(ExitCode.Integrity, string.Join('\n', [
            .. invalid.Select(index => $"the index {index} is invalid: the run that built it was interrupted."),
            "next:",
            .. invalid.Select(index => $"      drop index concurrently {index};"),
            "      then run apply again."]));
    }
}
