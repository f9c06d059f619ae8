-- Purpose: search in prompts reads the images with a word, and not all images.
-- Locks:   SHARE UPDATE EXCLUSIVE on gallery.image while the index is built. Reads and writes go on.
-- Release: the release before notices nothing.
-- migrator: no-transaction

-- Serves ListImagesAsync and CountImagesAsync with words, of one user and of everyone. Partial, so that a deletion writes no words.
create index concurrently image_words_idx
    on gallery.image using gin (gallery.image_words(user_id, refined_prompt)) where deleted_at is null;
