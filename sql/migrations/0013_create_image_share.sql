-- Purpose: links that show one image to anyone who has them.
--          Rejected: the token itself as the key. Whoever reads the table could open every link.
-- Locks:   none on anything in use. The table is new. Its foreign key locks gallery.image in SHARE ROW EXCLUSIVE for some milliseconds.
-- Release: the previous release does not know the table, and notices nothing.
create table gallery.image_share
(
    image_id       uuid             not null,
    share_id       uuid             not null,   -- the first 128 bits of the SHA-256 of the token's secret
    user_id        text collate "C" not null,   -- the image's owner when the link was made; it opens only while they own the image
    created_at     timestamptz      not null default now(),
    expires_at     timestamptz,
    max_views      bigint,
    openings       bigint           not null default 0,   -- requests to open it while it was open. The last ones may exceed max_views, and saw nothing
    last_viewed_at timestamptz,
    password_hash  text,                        -- as ASP.NET Core Identity writes it
    attempts       bigint           not null default 0,         -- wrong passwords, and those being checked, since attempts_since
    attempts_since timestamptz      not null default 'epoch',
    show_prompt    boolean          not null default false,
    note           text,

    constraint image_share_pkey primary key (image_id, share_id),
    constraint image_share_image_id_fkey foreign key (image_id) references gallery.image (image_id) on delete cascade,
    constraint image_share_max_views_positive check (max_views >= 1),
    constraint image_share_note_length check (char_length(note) <= 200)
)
with (fillfactor = 80);   -- each opening updates its row

comment on table gallery.image_share is 'One link to one image. A revoked link has no row.';
comment on column gallery.image_share.share_id is 'The first 128 bits of the SHA-256 of the secret in the link. The secret is stored nowhere.';
comment on column gallery.image_share.openings is 'Requests to open the link while it was open. So it was viewed as often, but at most max_views times.';
comment on column gallery.image_share.attempts is 'Wrong passwords, and those being checked, in the 15 minutes from attempts_since on.';

-- Serves ListUsersSharesAsync and RevokeUsersSharesAsync: the links of one user, newest first.
create index image_share_user_id_created_at_idx
    on gallery.image_share (user_id, created_at, share_id);
