-- Purpose: everyone's trash, ascending, as 0002 does for the images.
-- Locks:   SHARE UPDATE EXCLUSIVE on gallery.image while the index is built. Reads and writes go on.
-- Release: the release before reads the old index until 0004 drops it, and then this one backwards.
-- migrator: no-transaction

-- Serves ListDeletedImagesAsync without a user: everyone's trash, latest deletion first (read backwards).
create index concurrently image_deleted_at_image_id_idx
    on gallery.image (deleted_at, image_id) where deleted_at is not null;
