-- Purpose: what happened to each image, when, and who did it. It outlives the image, so a late save of a purged image is
--          refused. It holds no prompt and no metadata.
-- Locks:   none on anything in use. The tables are new.
-- Release: the previous release does not know the tables and writes no events. An image that it purges may be saved again.
create table gallery.image_event
(
    image_id    uuid             not null,
    revision    bigint           not null,   -- the image's after the event; a purge counts too, and an image that is created again goes on from there
    event       text             not null,
    fields      text[]           not null default '{}',   -- names only: what a save filled in, or an edit changed
    occurred_at timestamptz      not null,   -- the image's updated_at after the event
    actor       text,                        -- key:NAME, user:ID or gallery:retention; null if the service needed no credentials
    user_id     text collate "C" not null,   -- the owner after the event; empty once the user was erased
    position    bigint,                      -- in the change feed; null until the feed is first read after the event's commit

    -- Also keeps a save that races with a purge from creating the image again: both write revision 1 unless it is there.
    constraint image_event_pkey primary key (image_id, revision),
    constraint image_event_event_known check (event in ('created', 'filled_in', 'edited', 'trashed', 'restored', 'purged')),
    constraint image_event_revision_positive check (revision >= 1)
);

comment on table gallery.image_event is 'One event of an image''s life. The last one of a purged image is its tombstone.';
comment on column gallery.image_event.actor is 'Who did it: key:NAME, user:ID or gallery:retention. Null if the service needed no credentials.';
comment on column gallery.image_event.position is 'Place in the change feed, given after the commit. Null until then.';

-- Serves ListChangesAsync: events without a position yet, oldest first.
create index image_event_unplaced_idx
    on gallery.image_event (occurred_at, image_id, revision) where position is null;

-- Serves ListChangesAsync: everyone's events, oldest first.
create index image_event_position_idx
    on gallery.image_event (position) where position is not null;

-- Serves ListChangesAsync: the events of one user's images, oldest first. Also finds what is to be erased of a user.
create index image_event_user_id_position_idx
    on gallery.image_event (user_id, position);

-- Serves PurgeOldEventsAsync: events that are older than the retention.
create index image_event_occurred_at_idx
    on gallery.image_event (occurred_at);

-- The row is locked while events get positions. So a position that a reader sees is lower than every one that comes later.
create table gallery.change_feed
(
    is_only  boolean not null default true,
    position bigint  not null,

    constraint change_feed_pkey primary key (is_only),
    constraint change_feed_one_row check (is_only)
);

comment on table gallery.change_feed is 'At most one row: the highest position in the change feed.';
