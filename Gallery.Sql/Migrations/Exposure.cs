using Dapper;
using Npgsql;

namespace Gallery.Sql.Migrations;

/// <summary>
/// Finds access to Gallery's tables and functions that bypasses the service. Supabase serves exposed schemas to everyone with
/// the public key, through the roles anon and authenticated. So this reads the real grants, not the scripts.
/// </summary>
internal static class Exposure
{
    /// <exception cref="MigrationException">Something is exposed. The message lists all of it.</exception>
    public static async Task ThrowIfAnyAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        // language=PostgreSQL
        const string sql = """
            with recursive relation as (
                select c.oid,
                       c.relkind,
                       c.relrowsecurity,
                       c.reloptions,
                       c.relacl,
                       format('%I.%I', n.nspname, c.relname) as name
                from pg_class c
                join pg_namespace n on n.oid = c.relnamespace
                where n.nspname in ('gallery', 'gallery_migrations')
                  and c.relkind in ('r', 'p', 'v', 'm', 'f')
            ),
            reader as (       -- the relations, and the views that read them, also through other views
                select r.name, r.oid
                from relation r

                union
                select q.name, w.ev_class
                from reader q
                join pg_depend d on d.refclassid = 'pg_class'::regclass and d.refobjid = q.oid and d.classid = 'pg_rewrite'::regclass
                join pg_rewrite w on w.oid = d.objid and w.ev_type = '1'
            ),
            definer as (      -- a function that runs with its owner's rights
                select p.oid,
                       p.proconfig,
                       p.oid::regprocedure::text as name
                from pg_proc p
                join pg_namespace n on n.oid = p.pronamespace
                where n.nspname in ('gallery', 'gallery_migrations')
                  and p.prosecdef
            )
            select format('%s is open to %s: revoke the grants, or enable row security', r.name, a.rolname)
            from relation r
            join pg_roles a on a.rolname in ('anon', 'authenticated')
            where (has_any_column_privilege(a.oid, r.oid, 'select, insert, update') or has_table_privilege(a.oid, r.oid, 'delete'))
              and not (r.relkind in ('r', 'p') and r.relrowsecurity)

            union all
            select format('%s grants %s to every role: revoke it from public', r.name, string_agg(a.privilege_type, ', ' order by a.privilege_type))
            from relation r
            join lateral
            (
                select x.privilege_type from aclexplode(r.relacl) x where x.grantee = 0
                union
                select x.privilege_type from pg_attribute c, lateral aclexplode(c.attacl) x where c.attrelid = r.oid and not c.attisdropped and x.grantee = 0
            ) a on true
            group by r.name

            union all
            select format('the view %s reads with its owner''s rights: set security_invoker', r.name)
            from relation r
            where r.relkind = 'v'
              and not coalesce(array_to_string(r.reloptions, ',') ~* 'security_invoker=(true|on|1|yes)', false)

            union all
            select format('the view %s reads %s and is open to %s: revoke the grants, or set security_invoker', v.oid::regclass, q.name, a.name)
            from reader q
            join pg_class v on v.oid = q.oid
            join pg_namespace n on n.oid = v.relnamespace and n.nspname not in ('gallery', 'gallery_migrations')
            join lateral
            (
                select o.rolname as name
                from pg_roles o
                where o.rolname in ('anon', 'authenticated')
                  and has_any_column_privilege(o.oid, v.oid, 'select')
                union all
                select 'every role'
                where has_any_column_privilege('public', v.oid, 'select')
            ) a on true
            where not coalesce(array_to_string(v.reloptions, ',') ~* 'security_invoker=(true|on|1|yes)', false)

            union all
            select format('the function %s runs with its owner''s rights but the caller''s search_path: set search_path', d.name)
            from definer d
            where not coalesce(array_to_string(d.proconfig, ',') ~ 'search_path=', false)

            union all
            select format('the function %s runs with its owner''s rights for every role: revoke execute from public', d.name)
            from definer d
            where has_function_privilege('public', d.oid, 'execute')

            order by 1
            """;

        var exposed = (await connection.QueryAsync<string>(new CommandDefinition(sql, cancellationToken: ct))).AsList();
        if (exposed.Count > 0)
            throw new MigrationException(ExitCode.Exposure, string.Join('\n', exposed));
    }
}
