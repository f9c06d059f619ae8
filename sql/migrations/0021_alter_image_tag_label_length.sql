-- Purpose: a tag has 64 characters in NFC, however it is written. 64 letters with an accent may have 128 code points, and those of
--          polytonic Greek 256. The service counts the characters, and the check bounds what it stores: a character of NFC has at
--          most 4 code points.
--          Rejected: char_length(normalize(label, NFC)) <= 64. Each version of PostgreSQL knows the characters of its own version of
--          Unicode, so an older server would refuse some tags that the service takes. It would also refuse tags that are stored:
--          NFC takes a few letters apart, such as Devanagari qa, and they counted as one.
-- Locks:   ACCESS EXCLUSIVE on gallery.image_tag for some milliseconds. 0022 validates.
-- Release: the previous release knows the same name. It shows and finds the longer labels. It takes them only in their composed form.

alter table gallery.image_tag
    drop constraint image_tag_label_length,
    add constraint image_tag_label_length check (char_length(label) between 1 and 256) not valid;
