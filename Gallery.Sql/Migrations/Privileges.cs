using Dapper;
using Npgsql;

namespace Gallery.Sql.Migrations;

/// <summary>Compares owners and grants with <c>sql/roles.sql</c>. Where that was not run, gallery_owner does not own the schema, and nothing is compared.</summary>
internal static class Privileges
{
    /// <exception cref="MigrationException">An owner or a grant differs. The message lists all of it.</exception>
    public static async Task ThrowIfAnyDifferAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        // language=PostgreSQL
        const string sql = """
            with relation as (
                select c.oid,
                       n.nspname,
                       c.relname,
                       c.relkind,
                       c.relacl,
                       c.relowner,
                       format('%I.%I', n.nspname, c.relname) as name
                from pg_class c
                join pg_namespace n on n.oid = c.relnamespace
                where n.nspname in ('gallery', 'gallery_migrations')
                  and c.relkind in ('r', 'p')
                  and (select g.nspowner from pg_namespace g where g.nspname = 'gallery') = to_regrole('gallery_owner')
            ),
            due as (
                select r.name, d.grantee, d.privilege
                from relation r
                join (values
                    ('gallery', 'gallery_app', 'SELECT'),
                    ('gallery', 'gallery_app', 'INSERT'),
                    ('gallery', 'gallery_app', 'UPDATE'),
                    ('gallery', 'gallery_app', 'DELETE'),
                    ('gallery', 'gallery_readonly', 'SELECT'),
                    ('gallery_migrations', 'gallery_app', 'SELECT'),
                    ('gallery_migrations', 'gallery_readonly', 'SELECT')
                ) as d (schema, grantee, privilege) on d.schema = r.nspname
                where not (r.relname in ('usage_line', 'usage_tally') and d.privilege in ('UPDATE', 'DELETE'))      -- the ledger: lines are only added, and of tallies only the quantity changes
            ),
            found as (
                select r.name, a.grantee::regrole::text as grantee, a.privilege_type as privilege
                from relation r, lateral aclexplode(r.relacl) a
                where a.grantee <> 0
                  and a.grantee <> r.relowner
                  and a.grantee::regrole::text like 'gallery\_%'
            )
            select format('%s belongs to %s: alter table %s owner to gallery_owner', r.name, r.relowner::regrole, r.name)
            from relation r
            where r.relowner <> to_regrole('gallery_owner')

            union all
            select format('%s may %s on %s, which sql/roles.sql does not grant: revoke it', e.grantee, string_agg(e.privilege, ', ' order by e.privilege), e.name)
            from (table found except table due) e
            group by e.grantee, e.name

            union all
            select format('%s may not %s on %s, as sql/roles.sql grants: run it again', e.grantee, string_agg(e.privilege, ', ' order by e.privilege), e.name)
            from (table due except table found) e
            group by e.grantee, e.name

            order by 1
            """;

        var differences = (await connection.QueryAsync<string>(new CommandDefinition(sql, cancellationToken: ct))).AsList();
        if (differences.Count > 0)
            throw new MigrationException(ExitCode.Integrity, string.Join('\n', differences));
    }
}
