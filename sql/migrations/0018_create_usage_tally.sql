-- Purpose: views, downloads and openings of links for billing, counted up: one row for each user, month and kind. Anyone with a link
--          causes them. One line a statement, as before, let them fill gallery.usage_line without a bound. Lines of views that are
--          there stay, and count. The service may add rows and change their quantity, and may not delete them.
--          Rejected: the same for saves. A save is an event that has its own line, so that reconcile can prove it.
-- Locks:   none that others wait for. The table is new. Later, all openings and views of one user's images update that user's rows.
-- Release: the previous release writes lines, which count too. It does not read this table: while it serves, its totals and exports
--          lack what was counted here. Export a month when only this release serves.
create table gallery.usage_tally
(
    user_id     text        collate "C" not null,
    event_id    uuid        not null default gen_random_uuid(),   -- random, so that nobody can report an event under it before
    period      date        not null,   -- the first day of the month (UTC) in which it is counted, so that a month that is over never changes
    kind        text        not null,
    quantity    bigint      not null,
    recorded_at timestamptz not null default now(),   -- when it was last counted up

    constraint usage_tally_pkey primary key (user_id, period, kind),
    constraint usage_tally_period_is_month check (period = date_trunc('month', period::timestamp)::date)
)
with (fillfactor = 50);   -- room for updates on the same page (HOT)

comment on table gallery.usage_tally is 'How often one user''s images were viewed, downloaded or opened by links in one month. Together with gallery.usage_line it is the ledger. Erasing a user leaves it, because invoices refer to it.';

-- Serves ExportAsync.
create index usage_tally_period_idx
    on gallery.usage_tally (period, user_id, event_id);

do $$
begin
    if to_regrole('gallery_app') is not null then
        revoke update, delete on gallery.usage_tally from gallery_app;
        grant update (quantity, recorded_at) on gallery.usage_tally to gallery_app;
    end if;
end
$$;
