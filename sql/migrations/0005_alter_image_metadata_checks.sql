-- Purpose: the metadata's checks run where metadata change, not at every update of a large row.
--          PostgreSQL evaluates every check at every update, and these unpack and print the whole value. What a statement
--          has made is not compressed yet. What is compressed was stored before, and was checked then.
--          Measured with 65 to 93 KB of metadata: to move a row to the trash takes 0.2 to 0.6 ms less CPU, and no more than
--          without checks. Where metadata do not compress (random text), it takes half. Small rows cost what they did.
--          Rejected: a bound on pg_column_size. Stored, the same metadata take from a sixth to 6 times their text, and
--          numbers such as 1e999 much less than they print.
-- Locks:   ACCESS EXCLUSIVE on gallery.image for some milliseconds. 0006 validates.
-- Release: the release before knows the same names, and its saves have the same bounds.

alter table gallery.image
    drop constraint image_metadata_is_object,
    drop constraint image_metadata_size,
    drop constraint image_metadata_depth;

-- PostgreSQL evaluates "or" from left to right. Were it not so, only the gain would be lost.
alter table gallery.image
    add constraint image_metadata_is_object check (
        pg_column_compression(metadata) is not null
        or jsonb_typeof(metadata) = 'object') not valid,
    -- The API takes 64 KB as sent. PostgreSQL prints a space after each comma and colon, at worst half as much again.
    add constraint image_metadata_size check (
        pg_column_compression(metadata) is not null
        or octet_length(metadata::text) <= 98304) not valid,
    -- 32 containers in one another, the object itself being the first: no container stands 32 steps below it.
    add constraint image_metadata_depth check (
        pg_column_compression(metadata) is not null
        or not jsonb_path_exists(metadata, 'strict $.**{32} ? (@.type() == "object" || @.type() == "array")')) not valid;
