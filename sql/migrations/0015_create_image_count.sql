-- Purpose: how often each image was viewed and downloaded: in all, by day, and by whom within two days, so that a visitor counts
--          once a day. Rejected: counters in gallery.image. Each view would write the row with the prompt and the metadata.
-- Locks:   SHARE ROW EXCLUSIVE on gallery.image for some milliseconds, because of the foreign key. The tables are new.
-- Release: the previous release does not know the tables. If it purges an image, the foreign keys delete the image's counts.
create table gallery.image_count
(
    image_id  uuid   not null,
    views     bigint not null default 0,
    downloads bigint not null default 0,

    constraint image_count_pkey primary key (image_id),
    constraint image_count_image_id_fkey foreign key (image_id) references gallery.image (image_id) on delete cascade
)
with (fillfactor = 80);   -- views update the row where it is

comment on table gallery.image_count is 'How often one image was viewed and downloaded. The sum of its days.';

-- The foreign key refers to gallery.image_count, so that a view locks no row of gallery.image.
create table gallery.image_day
(
    image_id  uuid   not null,
    day       date   not null,   -- UTC
    views     bigint not null default 0,
    downloads bigint not null default 0,

    constraint image_day_pkey primary key (image_id, day),
    constraint image_day_image_id_fkey foreign key (image_id) references gallery.image_count (image_id) on delete cascade
)
with (fillfactor = 80);

comment on table gallery.image_day is 'How often one image was viewed and downloaded on one day (UTC).';

create table gallery.image_visit
(
    image_id uuid     not null,
    day      date     not null,   -- UTC
    kind     bigint   not null,   -- 1 view, 2 download
    visitor  bytea    not null,   -- the first 16 bytes of an HMAC with the day's salt, so that nobody can tell who it was

    constraint image_visit_pkey primary key (image_id, day, kind, visitor),
    constraint image_visit_image_id_fkey foreign key (image_id) references gallery.image_count (image_id) on delete cascade,
    constraint image_visit_kind_known check (kind in (1, 2))
);

comment on table gallery.image_visit is 'One visitor who counts for one image on one day. Deleted after two days.';

-- Serves PurgeOldVisitsAsync: the visits of days that are over.
create index image_visit_day_idx
    on gallery.image_visit (day);

create table gallery.visit_salt
(
    day  date  not null,   -- UTC
    salt bytea not null,   -- random. Without it no hash of the day can be made again

    constraint visit_salt_pkey primary key (day)
);

comment on table gallery.visit_salt is 'The salt of one day''s visitor hashes, shared by all instances. Deleted after two days.';
