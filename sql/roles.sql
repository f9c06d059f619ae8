-- Purpose: the four roles of Gallery and its two schemas, so that neither the service nor the migrator needs more rights
--          than its work takes. A DBA runs it once in Gallery's database, before the first migration or after; running it
--          again changes nothing.
-- Run as:  a role that may create roles and schemas (at Supabase, postgres):
--          psql -X --single-transaction -v ON_ERROR_STOP=1 -f sql/roles.sql "$DATABASE_URL"
-- Then:    give the three that sign in their passwords, which stand in no file: \password gallery_migrator in psql, and so on.

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

-- No statement of the service waits long for a lock or runs long, and nobody's idle transaction holds up a migration.
-- gallery_migrator has none of them: it sets its time-outs for each script, and "set role" takes over none.
alter role gallery_app set lock_timeout = '250ms';
alter role gallery_app set statement_timeout = '2s';
alter role gallery_app set idle_in_transaction_session_timeout = '10s';
alter role gallery_readonly set statement_timeout = '30s';
alter role gallery_readonly set idle_in_transaction_session_timeout = '30s';

grant gallery_owner to current_user;     -- who is no superuser may hand schemas only to a role of its own
grant gallery_owner to gallery_migrator;
alter role gallery_migrator set role = gallery_owner;   -- so what it creates is the owner's, and has the grants below

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

grant usage on schema gallery, gallery_migrations to gallery_app, gallery_readonly;

grant select, insert, update, delete on all tables in schema gallery to gallery_app;
grant select on all tables in schema gallery to gallery_readonly;
grant select on all tables in schema gallery_migrations to gallery_app, gallery_readonly;   -- readiness asks what is pending

-- The same for every table to come.
alter default privileges for role gallery_owner in schema gallery
    grant select, insert, update, delete on tables to gallery_app;
alter default privileges for role gallery_owner in schema gallery
    grant select on tables to gallery_readonly;
alter default privileges for role gallery_owner in schema gallery_migrations
    grant select on tables to gallery_app, gallery_readonly;
