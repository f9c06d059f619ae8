using Dapper;
using Npgsql;

namespace Gallery.Sql.Migrations;

/// <summary>What an interrupted "create index concurrently" leaves: kept up to date by every write, used by no query.</summary>
internal static class InvalidIndexes
{
    // For psql, which has nobody to read a result.
    // language=PostgreSQL
    public const string RefuseSql = """
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
                raise exception 'the run that built it was interrupted, and it is invalid: %', invalid
                    using hint = 'Drop it with "drop index concurrently", and run this again.';
            end if;
        end
        $gallery$;
        """;

    /// <exception cref="MigrationException">There are some.</exception>
    public static async Task RefuseAsync(NpgsqlConnection connection, CancellationToken ct)
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

        throw new MigrationException(ExitCode.Integrity, string.Join('\n', [
            .. invalid.Select(index => $"the index {index} is invalid: the run that built it was interrupted."),
            "next:",
            .. invalid.Select(index => $"      drop index concurrently {index};"),
            "      and run apply again."]));
    }
}
