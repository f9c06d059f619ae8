-- Purpose: the grants that a user gave, so that erasing that user finds those that did not go with their images.
-- Locks:   SHARE UPDATE EXCLUSIVE on gallery.image_grant while the index is built. Reads and writes go on.
-- Release: the release before notices nothing.
-- migrator: no-transaction

-- Serves EraseGrantsAsync.
create index concurrently image_grant_owner_id_idx
    on gallery.image_grant (owner_id);
