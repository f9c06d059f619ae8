-- Purpose: the four roles of Gallery and its two schemas, so that neither the service nor the migrator needs more rights
--          than its work takes. A DBA runs it once in Gallery's database, before the first migration or after; running it
--          again changes nothing.
-- Run as:  a role that may create roles and schemas (at Supabase, postgres):
--          psql -X --single-transaction -v ON_ERROR_STOP=1 -f sql/roles.sql
--          psql takes its connection from PGHOST, PGUSER and PGDATABASE, and the password from ~/.pgpass.
-- Then:    give the three that sign in their passwords, which stand in no file: \password gallery_migrator in psql, and so on.

set search_path = pg_catalog, pg_temp;   -- so that nobody's function in another schema runs with the rights of whoever runs this

do $$
declare
    name text;
begin
    foreach name in array array['gallery_owner', 'gallery_migrator', 'gallery_app', 'gallery_readonly'] loop
        if to_regrole(name) is null then
            execute format('create role %I', name);
        end if;
    end loop;
    execute format('grant connect on database %I to gallery_migrator, gallery_app, gallery_readonly', current_database());
end
$$;

alter role gallery_owner nologin;        -- owns every table; nobody is it, the migrator only acts as it
alter role gallery_migrator login;       -- changes the schema, in CI
alter role gallery_app login;            -- the service: rows only
alter role gallery_readonly login;       -- people and reports

-- A leak or a flood of connections leaves room for everyone else (PostgreSQL's own limit is 100). 60 for the service are five
-- instances, whose pools have 12 each. 10 for the migrator are five runs, of which four wait. A limit that a DBA has set stays.
do $$
declare
    role record;
begin
    for role in
        select r.rolname, l.connections
        from (values ('gallery_app', 60), ('gallery_migrator', 10), ('gallery_readonly', 10)) as l (name, connections)
        join pg_roles r on r.rolname = l.name
        where r.rolconnlimit = -1
    loop
        execute format('alter role %I connection limit %s', role.rolname, role.connections);
    end loop;
end
$$;

-- No statement of the service waits long for a lock or runs long, and nobody's idle transaction holds up a migration.
-- gallery_migrator has none of them: it sets its time-outs for each script, and "set role" takes over none.
alter role gallery_app set lock_timeout = '250ms';
alter role gallery_app set statement_timeout = '2s';
alter role gallery_app set idle_in_transaction_session_timeout = '10s';
alter role gallery_migrator set search_path = pg_catalog;
alter role gallery_readonly set search_path = pg_catalog;
alter role gallery_app set search_path = pg_catalog;        -- so that nobody's function in public takes a built-in one's place. All else is named with its schema
alter role gallery_readonly set lock_timeout = '5s';
alter role gallery_readonly set statement_timeout = '30s';
alter role gallery_readonly set idle_in_transaction_session_timeout = '30s';

grant gallery_owner to current_user;     -- who is no superuser may hand schemas only to a role of its own
grant gallery_owner to gallery_migrator;
alter role gallery_migrator set role = gallery_owner;   -- so what it creates is the owner's, and has the grants below

-- So that the migrator can say what a session does that blocks it. It acts as gallery_owner.
do $$
begin
    grant pg_read_all_stats to gallery_owner;
exception
    when insufficient_privilege then
        raise notice 'Only a superuser may grant pg_read_all_stats. Without it the migrator names a session that blocks it, and not what it does.';
end
$$;

-- Made here, so that the migrator needs no CREATE on the database.
create schema if not exists gallery;
create schema if not exists gallery_migrations;
alter schema gallery owner to gallery_owner;
alter schema gallery_migrations owner to gallery_owner;

-- What was there before the roles were.
do $$
declare
    relation regclass;
begin
    for relation in
        select c.oid::regclass
        from pg_class c
        where c.relnamespace in ('gallery'::regnamespace, 'gallery_migrations'::regnamespace)
          and c.relkind in ('r', 'p')
          and c.relowner <> 'gallery_owner'::regrole
    loop
        execute format('alter table %s owner to gallery_owner', relation);
    end loop;
end
$$;
do $$
declare
    routine regprocedure;
begin
    for routine in
        select p.oid::regprocedure
        from pg_proc p
        where p.pronamespace = 'gallery'::regnamespace
          and p.proowner <> 'gallery_owner'::regrole
          and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')   -- an extension's
    loop
        execute format('alter routine %s owner to gallery_owner', routine);
    end loop;
end
$$;

grant usage on schema gallery, gallery_migrations to gallery_app, gallery_readonly;

grant select, insert, update, delete on all tables in schema gallery to gallery_app;
do $$
begin
    if to_regclass('gallery.usage_line') is not null then
        revoke update, delete on gallery.usage_line from gallery_app;   -- the ledger: lines are only added
    end if;
    if to_regclass('gallery.usage_tally') is not null then
        revoke update, delete on gallery.usage_tally from gallery_app;  -- and of tallies only the quantity changes
        grant update (quantity, recorded_at) on gallery.usage_tally to gallery_app;
    end if;
end
$$;
grant select on all tables in schema gallery to gallery_readonly;
grant select on all tables in schema gallery_migrations to gallery_app, gallery_readonly;   -- readiness asks what is pending

-- The same for every table to come.
alter default privileges for role gallery_owner in schema gallery
    grant select, insert, update, delete on tables to gallery_app;
alter default privileges for role gallery_owner in schema gallery
    grant select on tables to gallery_readonly;
alter default privileges for role gallery_owner in schema gallery_migrations
    grant select on tables to gallery_app, gallery_readonly;

-- In a database of Gallery alone, no other role may connect, make temporary tables, or create anything in the schema public.
-- A shared database stays as it is: at Supabase, its services sign in by PUBLIC's right to connect. The database postgres counts
-- as shared, because tools sign in there. To let another role in: grant connect on database … to …
do $$
begin
    if current_database() = 'postgres' or exists (
        select
        from pg_class c
        where c.relkind in ('r', 'p', 'f', 'v', 'm')
          and c.relnamespace::regnamespace::text !~ '^(gallery|gallery_migrations|information_schema|pg_.*)$'
          and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')   -- an extension's
    ) then
        raise notice 'The database % is shared: PUBLIC keeps its rights to connect and to make temporary tables.', current_database();
        return;
    end if;
    execute format('revoke connect, temporary on database %I from public', current_database());
    if to_regnamespace('public') is not null then
        revoke create on schema public from public;     -- it is there if an older PostgreSQL made the database
    end if;
end
$$;
