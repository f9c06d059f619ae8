-- Purpose: the images with a value in metadata, such as all images of one session.
-- Locks:   SHARE UPDATE EXCLUSIVE on gallery.image while the index is built. Reads and writes go on.
-- Release: the release before notices nothing.
-- migrator: no-transaction

-- Serves ListImagesAsync and CountImagesAsync with a value of metadata. Partial, so that a deletion does not write it.
create index concurrently image_metadata_idx
    on gallery.image using gin (metadata jsonb_path_ops) where deleted_at is null;
