-- Purpose: distributes Gallery's tables over the workers of a Citus cluster. Every table of images by image_id, so that all rows of
--          one image are on one worker; the usage ledger by user_id.
-- Run as:  gallery_owner, or a superuser, once: on a coordinator with its workers, after the migrations, before the service starts.
--          psql -X --single-transaction -v ON_ERROR_STOP=1 -f sql/citus.sql
--          psql takes its connection from PGHOST, PGUSER and PGDATABASE, and the password from ~/.pgpass.
-- Needs:   the extension citus, which a superuser creates, and the roles of roles.sql.
-- Locks:   every table, until the rows are moved. docs/scaling.md says when this is worth it.

-- A foreign key between a distributed table and one that is not yet distributed is refused, so the keys are made again at the end.
alter table gallery.image_tag drop constraint image_tag_image_id_fkey;
alter table gallery.image_share drop constraint image_share_image_id_fkey;
alter table gallery.image_grant drop constraint image_grant_image_id_fkey;
alter table gallery.image_day drop constraint image_day_image_id_fkey;
alter table gallery.image_count drop constraint image_count_image_id_fkey;

select create_distributed_table('gallery.image', 'image_id', colocate_with => 'none');
select create_distributed_table('gallery.image_tag', 'image_id', colocate_with => 'gallery.image');
select create_distributed_table('gallery.image_event', 'image_id', colocate_with => 'gallery.image');
select create_distributed_table('gallery.image_share', 'image_id', colocate_with => 'gallery.image');
select create_distributed_table('gallery.image_grant', 'image_id', colocate_with => 'gallery.image');
select create_distributed_table('gallery.image_count', 'image_id', colocate_with => 'gallery.image');
select create_distributed_table('gallery.image_day', 'image_id', colocate_with => 'gallery.image');
select create_distributed_table('gallery.image_visit', 'image_id', colocate_with => 'gallery.image');
select create_distributed_table('gallery.usage_line', 'user_id', colocate_with => 'none');
select create_distributed_table('gallery.usage_tally', 'user_id', colocate_with => 'gallery.usage_line');

-- One row, and one row for each day: each worker has all of them.
select create_reference_table('gallery.change_feed');
select create_reference_table('gallery.visit_salt');

alter table gallery.image_tag add constraint image_tag_image_id_fkey
    foreign key (image_id) references gallery.image (image_id) on delete cascade;
alter table gallery.image_share add constraint image_share_image_id_fkey
    foreign key (image_id) references gallery.image (image_id) on delete cascade;
alter table gallery.image_grant add constraint image_grant_image_id_fkey
    foreign key (image_id) references gallery.image (image_id) on delete cascade;
alter table gallery.image_count add constraint image_count_image_id_fkey
    foreign key (image_id) references gallery.image (image_id) on delete cascade;
alter table gallery.image_day add constraint image_day_image_id_fkey
    foreign key (image_id) references gallery.image_count (image_id) on delete cascade;
