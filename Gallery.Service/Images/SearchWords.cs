using System.Globalization;
using System.Text;

namespace Gallery.Service.Images;

/// <summary>
/// The parameter <c>q</c>: words, <c>"phrases"</c>, <c>-word</c>, <c>or</c> and <c>prefix*</c>, as in a web search. It becomes what
/// <c>gallery.image_words_query</c> takes: each term in quotes, so that PostgreSQL splits it into the same words as a prompt.
/// </summary>
internal static class SearchWords
{
    private const string Prefix = "zqzq";   // how the SQL knows a prefix, because web search has none

    /// <summary>Null if a part between <c>or</c> has no word to look for. Looking for what lacks a word would read every image.</summary>
    public static string? Parse(string q)
    {
        var parts = new List<List<string>> { new() };
        q = string.Concat(q.Select(Narrow));
        for (var at = 0; at < q.Length;)
        {
            if (IsBetween(q[at]))
            {
                at++;
                continue;
            }

            var start = at;
            var isNegative = q[at] == '-' && IsMinus(q, at);
            if (isNegative) at++;
            var isPhrase = at < q.Length && q[at] == '"';
            var end = isPhrase ? EndOf(q, at + 1, character => character == '"') : EndOf(q, at, character => IsBetween(character) || character == '"');
            var text = q[(isPhrase ? at + 1 : at)..end];
            at = isPhrase ? Math.Min(end + 1, q.Length) : end;
            if (isPhrase && at < q.Length && q[at] == '*') (text, at) = (text + "*", at + 1);

            var isOr = q[start..at].Equals("or", StringComparison.OrdinalIgnoreCase);
            if (!isOr && Clean(text) is { } words) parts[^1].Add($"{(isNegative ? "-" : "")}\"{words}\"");
            else if (isOr && parts[^1].Count > 0 && !string.IsNullOrWhiteSpace(q[at..])) parts.Add([]);   // one that is not between terms means nothing
        }

        return parts.All(part => part.Any(term => term[0] != '-')) ? string.Join(" or ", parts.Select(part => string.Join(' ', part))) : null;
    }

    /// <summary>The character of ASCII for one of its full-width forms, which Japanese keyboards type, and for a quotation mark, which phones type.</summary>
    private static char Narrow(char character) => character switch
    {
        >= '\uff01' and <= '\uff5e' => (char)(character - 0xfee0),
        '“' or '”' or '„' or '‟' or '«' or '»' => '"',
        _ => character,
    };

    /// <summary>Whether it separates terms. Commas and semicolons of ASCII, Chinese, Japanese and Arabic do, because people type them without a space.</summary>
    private static bool IsBetween(char character) => char.IsWhiteSpace(character) || character is ',' or ';' or '、' or '､' or '،' or '؛';

    /// <summary>Whether a hyphen before a term excludes it. <c>--ar</c>, <c>-20</c> and <c>-20°C</c> do not exclude: they are copied from prompts. <c>-3d</c> does, because a letter follows its digits.</summary>
    private static bool IsMinus(string q, int at)
    {
        var end = EndOf(q, at + 1, character => !char.IsDigit(character));
        return end < q.Length && (end == at + 1 ? q[end] != '-' : char.IsLetter(q, end));
    }

    private static int EndOf(string q, int at, Func<char, bool> isEnd)
    {
        while (at < q.Length && !isEnd(q[at])) at++;
        return at;
    }

    /// <summary>The words of a term. Signs of ASCII become spaces, as in <c>gallery.image_words</c>, and a star after a word marks a prefix. Null if it has no word.</summary>
    private static string? Clean(string text)
    {
        if (!text.EnumerateRunes().Any(IsWord)) return null;
        var words = new StringBuilder(text.Length);
        var isInWord = false;
        foreach (var rune in text.EnumerateRunes())
        {
            if (rune.Value == '*' && isInWord) words.Append(Prefix);
            words.Append(rune.IsAscii && !Rune.IsLetterOrDigit(rune) ? " " : rune.ToString());
            isInWord = !IsApart(rune) && (IsMark(rune) ? isInWord : IsLetterOrNumber(rune));
        }

        return words.ToString().Trim();
    }

    /// <summary>Whether it is a letter or a digit, or a sign that stands for some, such as ½, Ⅷ and ℃.</summary>
    internal static bool IsWord(Rune rune) => (IsLetterOrNumber(rune) || rune.Value is >= 0x2100 and < 0x2150 or >= 0x3200 and < 0x3400) && !IsSign(rune);

    private static bool IsLetterOrNumber(Rune rune) =>
        Rune.IsLetterOrDigit(rune) || Rune.GetUnicodeCategory(rune) is UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber;

    private static bool IsMark(Rune rune) => Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark;

    /// <summary>Those of these characters that <c>gallery.image_folded</c> turns into spaces. A test compares every one.</summary>
    private static bool IsSign(Rune rune) => rune.Value is
        >= 0x02B9 and <= 0x02BF or 0x0374 or 0x037A
        or 0x2104 or 0x2108 or 0x2114 or 0x2117 or 0x2118 or 0x211E or 0x211F or 0x2123 or 0x2125 or 0x2127 or 0x2129 or 0x212E or 0x2132 or 0x213A
        or >= 0x2140 and <= 0x2144 or >= 0x214A and <= 0x214F or >= 0x2180 and <= 0x2188 or >= 0x24EB and <= 0x24FF or >= 0x2776 and <= 0x2793
        or >= 0x3021 and <= 0x3029 or >= 0x3031 and <= 0x3035 or 0x303B or 0x303C
        or >= 0xFC5E and <= 0xFC62 or 0xFE70 or 0xFE72 or 0xFE74 or 0xFE76 or 0xFE78 or 0xFE7A or 0xFE7C or 0xFE7E or 0x1F10B or 0x1F10C;

    /// <summary>Whether <c>gallery.image_folded</c> makes it a word or a space, so that no longer word begins with it. A test compares every one.</summary>
    private static bool IsApart(Rune rune) => IsSign(rune) || rune.Value is
        0x00AA or 0x00B2 or 0x00B3 or 0x00B9 or 0x00BA or >= 0x00BC and <= 0x00BE or 0x013F or 0x0140 or 0x1E9A
        or >= 0x0E00 and < 0x0F00 or >= 0x1000 and < 0x10A0 or >= 0x1100 and < 0x1200 or >= 0x1780 and < 0x1800 or >= 0x2000 and < 0x2C00
        or >= 0x3000 and < 0x3130 or >= 0x3190 and < 0x31A0 or >= 0x31F0 and < 0xA000 or >= 0xAC00 and < 0xD7B0 or >= 0xF900 and < 0xFB00
        or >= 0xFE00 and < 0xFE10 or >= 0xFF66 and < 0xFFA0 or >= 0x1F000;
}
