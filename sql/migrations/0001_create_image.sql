-- Purpose: the one table of the service, and the four indexes its lists are read by.
-- Locks:   none on anything in use: the schema and the table are new.
-- Release: the release before it does not know the table, and keeps working.

-- "create schema if not exists" asks for CREATE on the database even where the schema is there; a migrator whose DBA
-- has made the schema for it (least privilege) must not need that right.
do $$
begin
    if to_regnamespace('gallery') is null then
        create schema gallery;
        comment on schema gallery is 'Metadata of generated images; not to be exposed by a generated API: the service is the only way in.';
    end if;
end
$$;

-- One row per generated image; the picture itself lives at Cloudinary.
create table gallery.image
(
    image_id       uuid        not null,   -- from the Cloudinary URL: the caller's key, so a repeated save is one row
    user_id        text        not null,
    image_url      text        not null,
    refined_prompt text,
    intent         text,
    metadata       jsonb       not null default '{}',
    created_at     timestamptz not null default now(),
    updated_at     timestamptz not null default now(),
    deleted_at     timestamptz,
    revision       bigint      not null default 1,

    constraint image_pkey primary key (image_id),
    constraint image_image_id_not_nil check (image_id <> '00000000-0000-0000-0000-000000000000'),
    constraint image_user_id_length check (char_length(user_id) between 1 and 255),
    constraint image_image_url_length check (char_length(image_url) between 1 and 2048),
    constraint image_refined_prompt_length check (char_length(refined_prompt) <= 16384),
    constraint image_intent_length check (char_length(intent) <= 100),
    constraint image_metadata_is_object check (jsonb_typeof(metadata) = 'object'),
    -- The API takes 64 KB as sent. PostgreSQL prints a space after each comma and colon, at worst half as much again.
    constraint image_metadata_size check (octet_length(metadata::text) <= 98304),
    -- 32 containers in one another, the object itself being the first: no container stands 32 steps below it.
    constraint image_metadata_depth check (not jsonb_path_exists(
        metadata, 'strict $.**{32} ? (@.type() == "object" || @.type() == "array")')),
    constraint image_revision_positive check (revision >= 1)
);

comment on table gallery.image is 'Metadata of one generated image; the picture lives at Cloudinary.';
comment on column gallery.image.image_id is 'The UUID in the image''s Cloudinary URL.';
comment on column gallery.image.user_id is 'The owner, as the caller names it. Never changes.';
comment on column gallery.image.image_url is 'As saved, without Cloudinary''s access token (__cld_token__).';
comment on column gallery.image.metadata is 'Whatever the caller keeps with the image. Saves merge it key by key.';
comment on column gallery.image.deleted_at is 'When the image was moved to the trash; null while it is live.';
comment on column gallery.image.revision is '1 when inserted, 1 more with each change: tells a created row from a changed one.';

-- Serves ListImagesAsync: one user's images, newest first; image_id breaks ties so that paging is exact.
create index image_user_id_created_at_idx
    on gallery.image (user_id, created_at desc, image_id desc) where deleted_at is null;

-- Serves ListImagesAsync without a user: everyone's images, newest first.
create index image_created_at_idx
    on gallery.image (created_at desc, image_id desc) where deleted_at is null;

-- Serves ListDeletedImagesAsync: one user's trash, latest deletion first.
create index image_user_id_deleted_at_idx
    on gallery.image (user_id, deleted_at desc, image_id desc) where deleted_at is not null;

-- Serves ListDeletedImagesAsync without a user: everyone's trash, latest deletion first.
create index image_deleted_at_idx
    on gallery.image (deleted_at desc, image_id desc) where deleted_at is not null;
