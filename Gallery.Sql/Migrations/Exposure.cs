using Dapper;
using Npgsql;

namespace Gallery.Sql.Migrations;

/// <summary>
/// Who can reach Gallery's tables and functions past the service. Supabase serves schemas to everyone who has the public
/// key, by the roles anon and authenticated; so it looks at the real grants, whatever the scripts say.
/// </summary>
internal static class Exposure
{
    /// <exception cref="MigrationException">There is a way in; each is told.</exception>
    public static async Task RefuseAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        // language=PostgreSQL
        const string sql = """
            with relation as (
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
            definer as (      -- a function that runs with its owner's rights
                select p.oid,
                       p.proconfig,
                       p.oid::regprocedure::text as name
                from pg_proc p
                join pg_namespace n on n.oid = p.pronamespace
                where n.nspname in ('gallery', 'gallery_migrations')
                  and p.prosecdef
            )
            select format('%s is open to %s: it has grants, and no row security', r.name, a.rolname)
            from relation r
            join pg_roles a on a.rolname in ('anon', 'authenticated')
            where (has_any_column_privilege(a.oid, r.oid, 'select, insert, update') or has_table_privilege(a.oid, r.oid, 'delete'))
              and not (r.relkind in ('r', 'p') and r.relrowsecurity)

            union all
            select format('%s grants %s to every role', r.name, string_agg(a.privilege_type, ', ' order by a.privilege_type))
            from relation r, lateral aclexplode(r.relacl) a
            where a.grantee = 0
            group by r.name

            union all
            select format('the view %s reads with its owner''s rights: it needs security_invoker', r.name)
            from relation r
            where r.relkind = 'v'
              and not coalesce(array_to_string(r.reloptions, ',') ~* 'security_invoker=(true|on|1|yes)', false)

            union all
            select format('the function %s runs with its owner''s rights under the caller''s search_path', d.name)
            from definer d
            where not coalesce(array_to_string(d.proconfig, ',') ~ 'search_path=', false)

            union all
            select format('the function %s runs with its owner''s rights for every role', d.name)
            from definer d
            where has_function_privilege('public', d.oid, 'execute')

            order by 1
            """;

        var ways = (await connection.QueryAsync<string>(new CommandDefinition(sql, cancellationToken: ct))).AsList();
        if (ways.Count > 0)
            throw new MigrationException(ExitCode.Exposure, string.Join('\n', ways));
    }
}
