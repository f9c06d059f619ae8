using Dapper;
using Npgsql;

namespace Gallery.Sql.Migrations;

/// <summary>
/// The schema as sorted text, one line per object. <c>sql/schema.snapshot</c> is what the scripts create in an empty database;
/// any difference is drift. It omits owners and the grants of Gallery's roles, which differ by installation. It also omits
/// view bodies, which PostgreSQL's versions print differently.
/// </summary>
internal static class Snapshot
{
    public const string FileName = "schema.snapshot";

    /// <summary>Each line ends with a line feed. The search path must be pg_catalog, so that all names are qualified.</summary>
    public static async Task<string> ReadAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        // language=PostgreSQL
        const string sql = """
            with relation as (
                select c.oid,
                       c.relname,
                       c.relkind,
                       c.relrowsecurity,
                       c.relforcerowsecurity,
                       c.relpersistence,
                       c.relreplident,
                       c.reloptions,
                       c.relacl,
                       c.relowner,
                       format('%I.%I', n.nspname, c.relname) as name
                from pg_class c
                join pg_namespace n on n.oid = c.relnamespace
                where n.nspname = 'gallery'
                  and c.relkind in ('r', 'p', 'v', 'm', 'f')
            ),
            line as (
                select format('schema %I', n.nspname) as text
                from pg_namespace n
                where n.nspname = 'gallery'

                union all
                select format('table %s kind=%s persistence=%s replica_identity=%s row_security=%s forced=%s options=%s',
                              r.name, r.relkind, r.relpersistence, r.relreplident, r.relrowsecurity, r.relforcerowsecurity,
                              coalesce(r.reloptions::text, '-'))
                from relation r

                union all
                select format('column %s %s %I %s%s%s%s%s%s',
                              r.name,
                              -- not attnum, which keeps a gap for a dropped column
                              lpad(row_number() over (partition by r.oid order by a.attnum)::text, 3, '0'),
                              a.attname,
                              format_type(a.atttypid, a.atttypmod),
                              case when a.attcollation <> t.typcollation then ' collate ' || a.attcollation::regcollation else '' end,
                              case when a.attnotnull then ' not null' else '' end,
                              coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), ''),
                              coalesce(' identity ' || nullif(a.attidentity::text, ''), ''),
                              coalesce(' generated ' || nullif(a.attgenerated::text, ''), ''))
                from relation r
                join pg_attribute a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
                join pg_type t on t.oid = a.atttypid
                left join pg_attrdef d on d.adrelid = r.oid and d.adnum = a.attnum

                union all
                select format('constraint %s %I %s%s',
                              r.name, k.conname, pg_get_constraintdef(k.oid), case when k.convalidated then '' else ' NOT VALIDATED' end)
                from pg_constraint k
                join relation r on r.oid = k.conrelid
                where k.contype <> 'n'      -- PostgreSQL 18 lists "not null" here too; the column's line has it

                union all
                select format('index %s%s', pg_get_indexdef(i.indexrelid), case when i.indisvalid then '' else ' INVALID' end)
                from pg_index i
                join relation r on r.oid = i.indrelid

                union all
                select format('function %s returns=%s language=%s volatile=%s strict=%s md5=%s security_definer=%s settings=%s',
                              p.oid::regprocedure,
                              pg_get_function_result(p.oid),
                              (select l.lanname from pg_language l where l.oid = p.prolang),
                              p.provolatile,
                              p.proisstrict,
                              md5(p.prosrc || coalesce(pg_get_function_sqlbody(p.oid), '')),
                              p.prosecdef,
                              coalesce(p.proconfig::text, '-'))
                from pg_proc p
                join pg_namespace n on n.oid = p.pronamespace
                where n.nspname = 'gallery'

                union all
                select format('trigger %s enabled=%s', pg_get_triggerdef(t.oid), t.tgenabled)
                from pg_trigger t
                join relation r on r.oid = t.tgrelid
                where not t.tgisinternal

                union all
                select format('rule %s', pg_get_ruledef(w.oid))
                from pg_rewrite w
                join relation r on r.oid = w.ev_class
                where w.rulename <> '_RETURN'       -- the rule that every view has

                union all
                select format('policy %s %I command=%s permissive=%s roles=%s using=%s check=%s',
                              r.name,
                              p.polname,
                              p.polcmd,
                              p.polpermissive,
                              (select string_agg(case when o.role = 0 then 'public' else pg_get_userbyid(o.role)::text end, ',' order by 1)
                               from unnest(p.polroles) as o (role)),
                              coalesce(pg_get_expr(p.polqual, p.polrelid), '-'),
                              coalesce(pg_get_expr(p.polwithcheck, p.polrelid), '-'))
                from pg_policy p
                join relation r on r.oid = p.polrelid

                union all
                select format('enum %I.%I %s',
                              n.nspname,
                              t.typname,
                              (select string_agg(e.enumlabel, ',' order by e.enumsortorder) from pg_enum e where e.enumtypid = t.oid))
                from pg_type t
                join pg_namespace n on n.oid = t.typnamespace
                where n.nspname = 'gallery'
                  and t.typtype = 'e'

                union all
                select format('domain %I.%I %s%s%s %s',
                              n.nspname,
                              t.typname,
                              format_type(t.typbasetype, t.typtypmod),
                              case when t.typnotnull then ' not null' else '' end,
                              coalesce(' default ' || t.typdefault, ''),
                              (select string_agg(pg_get_constraintdef(k.oid), ' ' order by k.conname) from pg_constraint k where k.contypid = t.oid))
                from pg_type t
                join pg_namespace n on n.oid = t.typnamespace
                where n.nspname = 'gallery'
                  and t.typtype = 'd'

                union all
                select format('statistics %s', pg_get_statisticsobjdef(s.oid))
                from pg_statistic_ext s
                join pg_namespace n on n.oid = s.stxnamespace
                where n.nspname = 'gallery'

                union all
                select format('sequence %I.%I %s start=%s increment=%s',
                              n.nspname, c.relname, format_type(s.seqtypid, null), s.seqstart, s.seqincrement)
                from pg_sequence s
                join pg_class c on c.oid = s.seqrelid
                join pg_namespace n on n.oid = c.relnamespace
                where n.nspname = 'gallery'

                union all
                select format('grant %s %s to %s',
                              g.name,
                              string_agg(g.privilege_type, ',' order by g.privilege_type),
                              case when g.grantee = 0 then 'public' else pg_get_userbyid(g.grantee)::text end)
                from (
                    select r.name, a.privilege_type, a.grantee
                    from relation r, lateral aclexplode(r.relacl) a
                    where a.grantee <> r.relowner
                    union all
                    select format('schema %I', n.nspname), a.privilege_type, a.grantee
                    from pg_namespace n, lateral aclexplode(n.nspacl) a
                    where n.nspname = 'gallery'
                      and a.grantee <> n.nspowner
                ) g
                where g.grantee = 0
                   or pg_get_userbyid(g.grantee) not like 'gallery\_%'
                group by g.name, g.grantee
            )
            select l.text
            from line l
            order by l.text collate "C"
            """;

        var lines = await connection.QueryAsync<string>(new CommandDefinition(sql, cancellationToken: ct));
        return string.Concat(lines.Select(line => line + '\n'));
    }
}
