-- Purpose: PostgreSQL knows that every row passes the checks that 0004 and 0005 have made again.
-- Locks:   SHARE UPDATE EXCLUSIVE on gallery.image while every row is read once. Reads and writes go on.
-- Release: the release before notices nothing.

alter table gallery.image
    validate constraint image_user_id_length,
    validate constraint image_metadata_is_object,
    validate constraint image_metadata_size,
    validate constraint image_metadata_depth;
