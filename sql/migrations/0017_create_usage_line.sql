-- Purpose: what each user used, for billing: lines that are written once, in the transaction of what they count. The service
--          may add and read them, and may not change them. Rejected: totals by user and month. A row that each save updates
--          makes the saves of a user wait for each other, and nobody could check the sum.
-- Locks:   none that others wait for. The table is new.
-- Release: the previous release does not know the table. What it saves has no line until gallery-migrate reconcile --mend.
create table gallery.usage_line
(
    user_id     text        collate "C" not null,
    event_id    uuid        not null,   -- an event counts once, however often it is reported
    period      date        not null,   -- the first day of the month (UTC) in which the line was written, so that a month that is over never changes
    kind        text        not null,
    quantity    bigint      not null,
    image_id    uuid,                   -- null if the line counts several images, or none
    occurred_at timestamptz not null,   -- may be in an earlier month
    recorded_at timestamptz not null default now(),
    corrects    uuid,                   -- the event that this line corrects
    note        text,

    constraint usage_line_pkey primary key (user_id, event_id),
    constraint usage_line_user_id_length check (char_length(user_id) between 1 and 255),
    constraint usage_line_period_is_month check (period = date_trunc('month', period::timestamp)::date),
    constraint usage_line_kind_form check (kind ~ '^[a-z][a-z0-9_]{0,49}$'),
    constraint usage_line_note_length check (char_length(note) between 1 and 500),
    constraint usage_line_correction_has_note check (corrects is null or note is not null)
);

comment on table gallery.usage_line is 'One amount that one user used. Lines are only added. Erasing a user leaves them, because invoices refer to them.';

-- Serves FindTotalsAsync, whose sums need no other page, and ExportAsync.
create index usage_line_period_idx
    on gallery.usage_line (period, user_id, event_id) include (kind, quantity);

do $$
begin
    if to_regrole('gallery_app') is not null then
        revoke update, delete on gallery.usage_line from gallery_app;
    end if;
end
$$;
