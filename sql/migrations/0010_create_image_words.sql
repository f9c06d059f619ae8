-- Purpose: search in prompts. The functions say what the words of a prompt and of a search are, so that the index of 0011 and each
--          statement mean the same. The text search configuration is "simple", because prompts come in all languages.
--          Rejected: ranking, which computes every hit again; pg_trgm, whose index is three times as large and makes a save
--          seven times as expensive; "english", which drops words and is wrong for other languages.
-- Locks:   SHARE UPDATE EXCLUSIVE on gallery.image while a sample of its rows is read. Reads and writes go on.
-- Release: the release before notices nothing.

-- Case, accents and punctuation do not matter, whatever the database's locale: in the locale C, "simple" folds only ASCII. A German ß
-- is ss, and æ is ae. Each Chinese, Japanese, Korean or Thai character is a word, because it has no spaces around it. ASCII stays as it is.
create function gallery.image_folded(words text) returns text
    language plpgsql immutable strict parallel safe
as $$
declare
    folded text := words;
begin
    if octet_length(words) = char_length(words) then
        return words;
    end if;

    -- Signs that NFKD turns into letters or digits do not become part of the word beside them, such as ™ and ½.
    folded := regexp_replace(folded, '([\u00aa\u00b2\u00b3\u00b9\u00ba\u00bc-\u00be\u2070-\u209f\u2100-\u218b\u2460-\u24ff])', ' \1 ', 'g');
    -- Accents, and the soft hyphen.
    folded := normalize(regexp_replace(normalize(folded, NFKD), '[\u00ad\u0300-\u036f\u0591-\u05c7\u064b-\u065f]+', '', 'g'), NFC);
    -- Punctuation, signs and emoji.
    folded := regexp_replace(
        folded,
        '[\u0080-\u00bf\u00d7\u00f7\u02b9-\u02bf\u060c\u061b\u061f\u0964\u2000-\u2bff\u3000-\u3004\u3008-\u303f\u30fb\ufe00-\ufe0f\ufeff\ufffc\ufffd\U0001f000-\U0001faff]+',
        ' ', 'g');
    folded := regexp_replace(
        folded,
        '([\u0e01-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3100-\u312f\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\U00020000-\U0003ffff])',
        ' \1 ', 'g');
    if folded ~ '[\u00c0-\u024f\u0370-\u0556\u1e9e]' then
        folded := translate(
            folded,
            'ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩςЂЄЅІЈЉЊЋЏАБВГДЕЖЗИКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯҐҒҖҚҢҮҰҲҶҺӘӨԱԲԳԴԵԶԷԸԹԺԻԼԽԾԿՀՁՂՃՄՅՆՇՈՉՊՋՌՍՎՏՐՑՒՓՔՕՖÆŒØøŁłĐđÐðÞĦħŦŧŊƏı',
            'αβγδεζηθικλμνξοπρστυφχψωσђєѕіјљњћџабвгдежзиклмнопрстуфхцчшщъыьэюяґғҗқңүұҳҷһәөաբգդեզէըթժիլխծկհձղճմյնշոչպջռսվտրցւփքօֆæœoollddddþhhttŋəi');
        folded := replace(replace(replace(replace(replace(folded, 'ß', 'ss'), 'ẞ', 'ss'), 'æ', 'ae'), 'œ', 'oe'), 'þ', 'th');
    end if;
    return folded;
end
$$;

-- The owner is one more word. It begins with a space, so no prompt holds it, and one index finds a user's words without reading
-- everyone's. Null without a prompt. Some signs become spaces, or "red/blue" would be one word, a file's name.
-- In PL/pgSQL, so that the planner does not see through it and knows its cost, some 40 microseconds a row.
create function gallery.image_words(user_id text, refined_prompt text) returns tsvector
    language plpgsql immutable parallel safe cost 10000
as $$
begin
    return to_tsvector('simple', translate(gallery.image_folded(refined_prompt), '/.@-+_<>&~', '          ')) || array_to_tsvector(array[' ' || user_id]);
end
$$;

-- words: terms in double quotes, each with an optional minus before it, and "or" between terms. Where a term ends with zqzq, its last
-- word is a prefix.
create function gallery.image_words_query(words text) returns tsquery
    language sql immutable strict parallel safe
    return regexp_replace(websearch_to_tsquery('simple', gallery.image_folded(words))::text, '([^''])zqzq''', '\1'':*', 'g')::tsquery;

create function gallery.image_owner_query(user_id text) returns tsquery
    language sql immutable strict parallel safe
    return ('''' || ' ' || replace(replace(user_id, '\', '\\'), '''', '''''') || '''')::tsquery;

-- PostgreSQL has no statistics for a partial index on an expression. Without these it expects each word in one row of 200.
create statistics gallery.image_words_stat on (gallery.image_words(user_id, refined_prompt)) from gallery.image;

analyze gallery.image;
