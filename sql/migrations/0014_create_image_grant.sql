-- Purpose: users whom an owner lets see or edit an image.
-- Locks:   none on anything in use. The table is new. Its foreign key locks gallery.image in SHARE ROW EXCLUSIVE for some milliseconds.
-- Release: the previous release shows shared images to nobody. Its deletions leave grants in place, so finish the deployment before users rely on that.
create table gallery.image_grant
(
    image_id   uuid             not null,
    user_id    text collate "C" not null,   -- who may see the image
    owner_id   text collate "C" not null,   -- who let them; the grant holds only while they own the image
    role       text             not null,
    granted_at timestamptz      not null default now(),

    constraint image_grant_pkey primary key (image_id, user_id),
    constraint image_grant_image_id_fkey foreign key (image_id) references gallery.image (image_id) on delete cascade,
    constraint image_grant_role_known check (role in ('view', 'edit')),
    constraint image_grant_to_another check (user_id <> owner_id)
);

comment on table gallery.image_grant is 'One user who may see or edit one image of another. Deleted when the image goes to the trash.';

-- Serves ListSharedWithAsync: the images that one user may see, the latest grant first.
create index image_grant_user_id_granted_at_idx
    on gallery.image_grant (user_id, granted_at, image_id);
