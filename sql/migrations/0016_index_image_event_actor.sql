-- Purpose: the events in which a user changed another user's image, so that erasing that user finds them.
-- Locks:   SHARE UPDATE EXCLUSIVE on gallery.image_event while the index is built. Reads and writes go on.
-- Release: the release before notices nothing.
-- migrator: no-transaction

-- Serves EraseActorAsync. Partial, because nearly all events are of keys and of owners.
create index concurrently image_event_actor_idx
    on gallery.image_event (actor) where actor like 'user:%' and actor <> 'user:' || user_id;
