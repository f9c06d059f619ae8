-- Purpose: PostgreSQL knows that every row passes the check that 0021 has made again.
-- Locks:   SHARE UPDATE EXCLUSIVE on gallery.image_tag while every row is read once. Reads and writes go on.
-- Release: the previous release notices nothing.
alter table gallery.image_tag
    validate constraint image_tag_label_length;
