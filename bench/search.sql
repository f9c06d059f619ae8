-- 1,000,000 images of 1,000 users, to be searched. user_0000 has some 200,000 of them, each other user some 800. A value in 40 % of the rows, in 1 %,
-- and in few: the words "and", "zeppelin" and "quetzal"; the intents "vary" and "upscale"; the models "gemini-pro" and "legacy"; the tags "favorite",
-- "style:noir" and "topic:7". The word "daguerreotype" is in the oldest 6,000 images only. Load it before the indexes of 0011 and 0012 are built.
select setseed(0.5);

insert into gallery.image (image_id, user_id, image_url, refined_prompt, intent, metadata, created_at, updated_at, deleted_at, tags)
select d.image_id, d.user_id, 'https://res.cloudinary.com/demo/image/upload/v1700000000/' || d.image_id || '.jpg',
       case when d.prompt >= 5 then d.words || case when d.prompt < 8 then ' 桜の木の下で、夜の東京' else '' end
           || case when d.common < 40 then ' and' else '' end || case when d.rare = 7 then ' zeppelin' else '' end || case when d.rare between 10 and 14 then ' lighthouse' else '' end
           || case when d.n % 27027 = 5 then ' quetzal' else '' end || case when d.n <= 6000 then ' daguerreotype' else '' end end,
       case when d.intent < 40 then 'vary' when d.intent = 50 then 'upscale' else 'generate' end,
       jsonb_build_object('model', case when d.model < 40 then 'gemini-pro' when d.model = 60 then 'legacy' else 'flux' end,
           'session_id', md5(d.user_id || d.n / 20000)::uuid, 'seed', d.n, 'options', jsonb_build_object('steps', 20 + d.n % 30)),
       d.at, d.at, case when d.trash < 3 then d.at + interval '1 hour' end,
       array_remove(array[case when d.favorite < 40 then 'favorite' end, case when d.noir = 1 then 'style:noir' end, 'style:' || d.n % 41, 'topic:' || d.n % 10007], null)
from (
    select n, gen_random_uuid() as image_id, timestamptz '2024-01-01' + n * interval '1 minute' as at,
           case when abs(hashint4extended(n, 1)) % 100 < 20 then 'user_0000' else 'user_' || lpad((abs(hashint4extended(n, 2)) % 999 + 1)::text, 4, '0') end as user_id,
           abs(hashint4extended(n, 3)) % 100 as prompt, abs(hashint4extended(n, 4)) % 100 as common, abs(hashint4extended(n, 5)) % 100 as rare, abs(hashint4extended(n, 6)) % 100 as intent, abs(hashint4extended(n, 7)) % 100 as model, abs(hashint4extended(n, 8)) % 100 as trash, abs(hashint4extended(n, 9)) % 100 as favorite, abs(hashint4extended(n, 10)) % 100 as noir,
           (select string_agg((array['a','the','of','with','in','on','soft','light','portrait','city','night','golden','hour','mountain','river','neon','rain','street','studio','detailed',
               'watercolor','oil','painting','cinematic','photo','forest','castle','dragon','cat','dog'])[1 + floor(30 * random() ^ 2)::int] || case when random() < 0.1 then ' word' || floor(20000 * random() ^ 3)::int else '' end, ' ')
            from generate_series(1, 30 + n % 2 - n % 2)) as words
    from generate_series(1, 1000000) as n
) as d;

insert into gallery.image_tag (image_id, tag, label, user_id, created_at)
select i.image_id, t.tag, t.tag, i.user_id, i.created_at
from gallery.image as i
cross join unnest(i.tags) as t (tag);
