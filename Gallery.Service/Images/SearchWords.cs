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
            if (char.IsWhiteSpace(q[at]))
            {
                at++;
                continue;
            }

            var start = at;
            var isNegative = q[at] == '-' && at + 1 < q.Length && q[at + 1] != '-' && !char.IsDigit(q[at + 1]);   // --ar and -20 are copied from prompts
            if (isNegative) at++;
            var isPhrase = at < q.Length && q[at] == '"';
            var end = isPhrase ? EndOf(q, at + 1, character => character == '"') : EndOf(q, at, character => char.IsWhiteSpace(character) || character == '"');
            var text = q[(isPhrase ? at + 1 : at)..end];
            at = isPhrase ? Math.Min(end + 1, q.Length) : end;
            if (isPhrase && at < q.Length && q[at] == '*') (text, at) = (text + "*", at + 1);

            var isOr = q[start..at].Equals("or", StringComparison.OrdinalIgnoreCase);
            if (!isOr && Clean(text) is { } words) parts[^1].Add($"{(isNegative ? "-" : "")}\"{words}\"");
            else if (isOr && parts[^1].Count > 0 && !string.IsNullOrWhiteSpace(q[at..])) parts.Add([]);   // one that is not between terms means nothing
        }

        return parts.All(part => part.Any(term => term[0] != '-')) ? string.Join(" or ", parts.Select(part => string.Join(' ', part))) : null;
    }

    /// <summary>The character of ASCII for one of its full-width forms, which Japanese keyboards type.</summary>
    private static char Narrow(char character) => character is >= '\uff01' and <= '\uff5e' ? (char)(character - 0xfee0) : character;

    private static int EndOf(string q, int at, Func<char, bool> isEnd)
    {
        while (at < q.Length && !isEnd(q[at])) at++;
        return at;
    }

    /// <summary>The words of a term. Signs of ASCII become spaces, as in <c>gallery.image_words</c>. Null if it has no word.</summary>
    private static string? Clean(string text)
    {
        var trimmed = text.TrimEnd();
        var isPrefix = trimmed.Length > 1 && trimmed[^1] == '*' && char.IsLetterOrDigit(trimmed[^2]) && trimmed[^2] is < '\u1100' or >= '\u1e00' and < '\u2000';   // others may be words of their own
        var words = new StringBuilder(trimmed.Length);
        foreach (var character in trimmed) words.Append(char.IsAscii(character) && !char.IsAsciiLetterOrDigit(character) ? ' ' : character);
        var cleaned = words.ToString().Trim();
        return cleaned.EnumerateRunes().Any(IsWord) ? cleaned + (isPrefix ? Prefix : "") : null;
    }

    /// <summary>Whether it is a letter or a digit, or a sign that stands for some, such as ½, Ⅷ and ℃.</summary>
    private static bool IsWord(Rune rune) =>
        Rune.IsLetterOrDigit(rune) || Rune.GetUnicodeCategory(rune) is UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber || rune.Value is >= 0x2100 and < 0x2150 or >= 0x3200 and < 0x3400;
}
