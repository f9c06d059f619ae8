-- Purpose: a visit refers to no row. Deleting an image deleted its visits in the same statement, and millions of them took longer
--          than a statement may. Now they go with their day, after two days at most. The foreign key also cost each view a look
--          at gallery.image_count.
-- Locks:   ACCESS EXCLUSIVE on gallery.image_visit and gallery.image_count for some milliseconds.
-- Release: the previous release notices nothing.
alter table gallery.image_visit
    drop constraint if exists image_visit_image_id_fkey;
