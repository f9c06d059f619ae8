-- Purpose: tags of images. gallery.image.tags shows them, and gallery.image_tag finds and counts them. One statement writes both.
--          Rejected: the table alone. A list of 50 images then reads 150 more buffers. Rejected: the array with a GIN index. It
--          has no order, so a tag's newest images need a sort, and each change of tags writes every index of the image.
-- Locks:   ACCESS EXCLUSIVE on gallery.image for some milliseconds. Nothing is rewritten.
-- Release: the previous release shows no tags and keeps those that are there. An edit by it that changes the owner of an image with
--          tags leaves the old owner in gallery.image_tag, so finish the deployment before accounts are merged.

alter table gallery.image add column tags text[] not null default '{}';

-- Every image has no tags yet, so there is nothing to validate.
alter table gallery.image add constraint image_tags_count check (cardinality(tags) <= 50) not valid;

comment on column gallery.image.tags is 'Labels as first written, in the order of adding. Equal to the labels in gallery.image_tag.';

create table gallery.image_tag
(
    image_id   uuid             not null,
    tag        text collate "C" not null,   -- as compared: decomposed (NFD) and case folded, by the service
    label      text collate "C" not null,   -- as first written
    user_id    text collate "C" not null,   -- the image's owner. An edit of the owner changes both
    created_at timestamptz      not null,   -- the image's, so that an index gives a tag's images in their order

    constraint image_tag_pkey primary key (image_id, tag),
    constraint image_tag_image_id_fkey foreign key (image_id) references gallery.image (image_id) on delete cascade,
    constraint image_tag_label_length check (char_length(label) between 1 and 64)
)
with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.02);   -- counts read the indexes alone, which needs a fresh visibility map

comment on table gallery.image_tag is 'One tag of one image, live or in the trash.';
comment on column gallery.image_tag.tag is 'The label decomposed (NFD) and case folded. Two labels are the same tag if these are equal.';

-- Serves ListTagsAsync: one user's tags. Also serves RenameTagsAsync: a user's images with a tag.
create index image_tag_user_id_tag_created_at_idx
    on gallery.image_tag (user_id, tag, created_at, image_id);

-- Serves ListTagsAsync without a user: everyone's tags.
create index image_tag_tag_created_at_idx
    on gallery.image_tag (tag, created_at, image_id);
