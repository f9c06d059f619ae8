using System.Globalization;
using System.Text;

namespace Gallery.Sql.Tags;

/// <summary>
/// Caseless matching of Unicode (chapter 3.13, D145): text is decomposed canonically (NFD), then case folded. Two texts are the same if the results are equal.
/// It is the same relation as with NFC. <c>string.Normalize</c> does nothing in .NET's invariant mode, so the data is in <c>canonical.txt</c>.
/// </summary>
internal static class Caseless
{
    private const int FirstSyllable = 0xAC00, LeadingConsonants = 0x1100, Vowels = 0x1161, TrailingConsonants = 0x11A7;   // of Hangul, which Unicode composes by arithmetic
    private const int Syllables = 11_172, LeadingCount = 19, VowelCount = 21, TrailingCount = 28;

    private static readonly Lazy<(Dictionary<int, int[]> Decompositions, Dictionary<int, int> Classes, Dictionary<(int First, int Second), int> Compositions)> Data = new(Read);

    private static readonly Lazy<string[]> AllMarks = new(() => [.. Data.Value.Classes.Keys.Select(char.ConvertFromUtf32)]);

    /// <summary>The marks that belong to the character before them, such as an accent.</summary>
    internal static string[] Marks => AllMarks.Value;

    /// <summary>Foldings to more than one character, and of ſ, which .NET leaves out because it folds to ASCII. All others are .NET's.</summary>
    private static readonly Dictionary<int, string> Foldings = new()
    {
        ['ß'] = "ss",
        ['ẞ'] = "ss",
        ['ſ'] = "s",
        ['ŉ'] = "\u02bcn",
        ['ẚ'] = "a\u02be",
        ['և'] = "եւ",
        ['ﬀ'] = "ff",
        ['ﬁ'] = "fi",
        ['ﬂ'] = "fl",
        ['ﬃ'] = "ffi",
        ['ﬄ'] = "ffl",
        ['ﬅ'] = "st",
        ['ﬆ'] = "st",
        ['ﬓ'] = "մն",
        ['ﬔ'] = "մե",
        ['ﬕ'] = "մի",
        ['ﬖ'] = "վն",
        ['ﬗ'] = "մխ",
    };

    /// <param name="text">Well-formed UTF-16.</param>
    public static string Fold(string text)
    {
        if (Ascii.IsValid(text)) return text.ToLowerInvariant();

        var folded = new StringBuilder();
        Span<char> two = stackalloc char[2];
        foreach (var rune in Decompose(text))
            if (Foldings.TryGetValue(rune, out var folding)) folded.Append(folding);
            else folded.Append(two[..new Rune(rune).EncodeToUtf16(two)]);
        // Upper case first, because some characters share a capital, such as σ and ς. Turkish ı has no partner here, as in Unicode.
        return folded.ToString().ToUpperInvariant().ToLowerInvariant();
    }

    /// <summary>How many characters the text has in NFC. Canonically equal texts have the same number.</summary>
    /// <param name="text">Well-formed UTF-16.</param>
    public static int ComposedLength(string text)
    {
        if (!text.AsSpan().ContainsAnyExceptInRange('\0', '\u02ff')) return text.Length;   // below U+0300 every character is one in NFC

        var classes = Data.Value.Classes;
        var (length, first, between) = (0, 0, 0);   // the last base as composed so far, and the class of the last mark after it that stayed apart
        foreach (var part in Decompose(text))
        {
            var mark = classes.GetValueOrDefault(part);
            if ((between == 0 || between < mark) && FindComposition(first, part) is { } composed)
            {
                first = composed;
                continue;
            }

            length++;
            (first, between) = mark == 0 ? (part, 0) : (first, mark);
        }

        return length;
    }

    /// <summary>NFD: every character in its parts, and the marks after each base in the order of their classes.</summary>
    internal static List<int> Decompose(string text)
    {
        var (decompositions, classes, _) = Data.Value;
        var parts = new List<int>(text.Length * 2);
        foreach (var rune in text.EnumerateRunes())
        {
            var syllable = rune.Value - FirstSyllable;
            if (syllable is >= 0 and < Syllables)
            {
                parts.Add(LeadingConsonants + syllable / (VowelCount * TrailingCount));
                parts.Add(Vowels + syllable / TrailingCount % VowelCount);
                if (syllable % TrailingCount is > 0 and var trailing) parts.Add(TrailingConsonants + trailing);
            }
            else if (decompositions.TryGetValue(rune.Value, out var decomposition)) parts.AddRange(decomposition);
            else parts.Add(rune.Value);
        }

        for (var (start, end) = (0, 0); end <= parts.Count; end++)
        {
            if (end < parts.Count && classes.ContainsKey(parts[end])) continue;   // a run of marks goes on
            if (end - start > 1)
                foreach (var mark in parts.GetRange(start, end - start).OrderBy(mark => classes[mark])) parts[start++] = mark;   // equal classes keep their order
            start = end + 1;
        }

        return parts;
    }

    /// <summary>The number of the character that NFC composes from the two. Null if it leaves them apart.</summary>
    private static int? FindComposition(int first, int second)
    {
        var (leading, vowel, syllable, trailing) = (first - LeadingConsonants, second - Vowels, first - FirstSyllable, second - TrailingConsonants);
        if (leading is >= 0 and < LeadingCount && vowel is >= 0 and < VowelCount) return FirstSyllable + (leading * VowelCount + vowel) * TrailingCount;
        if (syllable is >= 0 and < Syllables && syllable % TrailingCount == 0 && trailing is > 0 and < TrailingCount) return first + trailing;
        return Data.Value.Compositions.TryGetValue((first, second), out var composed) ? composed : null;
    }

    private static (Dictionary<int, int[]>, Dictionary<int, int>, Dictionary<(int, int), int>) Read()
    {
        Dictionary<int, int[]> decompositions = [];
        Dictionary<int, int> classes = [];
        HashSet<int> excluded = [];
        using var lines = new StreamReader(typeof(Caseless).Assembly.GetManifestResourceStream("canonical.txt")!);
        while (lines.ReadLine() is { } line)
        {
            if (line.StartsWith('#')) continue;
            var colon = line.IndexOf(':', StringComparison.Ordinal);
            foreach (var item in line[(colon + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries))
                if (colon < 0)
                {
                    var (character, parts) = (item[..item.IndexOf('=', StringComparison.Ordinal)], item[(item.IndexOf('=', StringComparison.Ordinal) + 1)..]);
                    decompositions[Hex(character)] = [.. parts.Split('+').Select(Hex)];
                }
                else
                {
                    var ends = item.Split('-');
                    for (var character = Hex(ends[0]); character <= Hex(ends[^1]); character++)
                        if (line.StartsWith("excluded", StringComparison.Ordinal)) excluded.Add(character);
                        else classes[character] = int.Parse(line.AsSpan(0, colon), CultureInfo.InvariantCulture);
                }
        }

        // Each pair gets a number below 0, which is no character. A character of three parts begins with one of two, so its last part pairs with that number.
        Dictionary<(int, int), int> compositions = [];
        foreach (var (_, parts) in decompositions.Where(one => !excluded.Contains(one.Key)))
        {
            var composed = parts[0];
            foreach (var part in parts[1..])
            {
                if (!compositions.TryGetValue((composed, part), out var both)) compositions[(composed, part)] = both = -1 - compositions.Count;
                composed = both;
            }
        }

        return (decompositions, classes, compositions);

        static int Hex(string digits) => int.Parse(digits, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
    }
}
