using Dapper;
using Npgsql;

namespace Gallery.Sql.Migrations;

/// <summary>Compares owners and grants with <c>sql/roles.sql</c>. Where that was not run, gallery_owner owns nothing, and nothing is compared.</summary>
internal static class Privileges
{
    /// <exception cref="MigrationException">An owner or a grant differs. The message lists all of it.</exception>
    public static async Task ThrowIfAnyDifferAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        // language=PostgreSQL
        const string sql = """
            with namespace as (
                select n.oid,
                       n.nspname,
                       n.nspacl,
                       n.nspowner,
                       format('schema %I', n.nspname) as name
                from pg_namespace n
                where n.nspname in ('gallery', 'gallery_migrations')
                  and exists (
                      select 1
                      from pg_class c
                      join pg_namespace s on s.oid = c.relnamespace
                      where s.nspname in ('gallery', 'gallery_migrations')
                        and to_regrole('gallery_owner') in (c.relowner, s.nspowner)
                  )
            ),
            relation as (
                select c.oid,
                       n.nspname,
                       c.relname,
                       c.relkind,
                       c.relacl,
                       c.relowner,
                       format('%I.%I', n.nspname, c.relname) as name
                from pg_class c
                join namespace n on n.oid = c.relnamespace
                where c.relkind in ('r', 'p')
            ),
            owned as (
                select 'table ' || r.name as name, r.relowner as owner from relation r
                union all
                select n.name, n.nspowner from namespace n
                union all
                select 'function ' || p.oid::regprocedure, p.proowner
                from pg_proc p
                join namespace n on n.oid = p.pronamespace
                where not exists (select 1 from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')     -- an extension's
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
                union all
                select format('%s (%I)', r.name, c.name), 'gallery_app', 'UPDATE'
                from relation r, (values ('quantity'), ('recorded_at')) as c (name)
                where r.name = 'gallery.usage_tally'
                union all
                select n.name, d.grantee, 'USAGE'
                from namespace n, (values ('gallery_app'), ('gallery_readonly')) as d (grantee)
            ),
            found as (
                select g.name, a.grantee::regrole::text as grantee, a.privilege_type as privilege
                from (
                    select r.name, r.relacl as acl, r.relowner as owner from relation r
                    union all
                    select format('%s (%I)', r.name, c.attname), c.attacl, r.relowner from relation r join pg_attribute c on c.attrelid = r.oid and not c.attisdropped
                    union all
                    select n.name, n.nspacl, n.nspowner from namespace n
                ) g, lateral aclexplode(g.acl) a
                where a.grantee <> 0
                  and a.grantee not in (g.owner, to_regrole('gallery_owner'))     -- another owner is a line of its own
                  and a.grantee::regrole::text like 'gallery\_%'
            )
            select format('%s belongs to %s: alter %s owner to gallery_owner', o.name, o.owner::regrole, o.name)
            from owned o
            where o.owner <> to_regrole('gallery_owner')

            union all
            select format('%s has %s on %s, which sql/roles.sql does not grant: revoke it', e.grantee, string_agg(e.privilege, ', ' order by e.privilege), e.name)
            from (table found except table due) e
            group by e.grantee, e.name

            union all
            select format('%s lacks %s on %s, as sql/roles.sql grants: run it again', e.grantee, string_agg(e.privilege, ', ' order by e.privilege), e.name)
            from (table due except table found) e
            group by e.grantee, e.name

            order by 1
            """;

        var differences = (await connection.QueryAsync<string>(new CommandDefinition(sql, cancellationToken: ct))).AsList();
        if (differences.Count > 0)
            throw new MigrationException(ExitCode.Integrity, string.Join('\n', differences));
    }
}
