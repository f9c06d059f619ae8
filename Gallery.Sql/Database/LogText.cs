using System.Buffers;
using System.Text;

namespace Gallery.Sql.Database;

/// <summary>Text from outside, made safe for a log or a terminal.</summary>
internal static class LogText
{
    private const int Maximum = 600;   // the longest user id is 255 characters, each up to two UTF-16 units

    private static readonly SearchValues<char> Plain = SearchValues.Create([.. Enumerable.Range('!', '~' - '!' + 1).Select(code => (char)code).Except("\"\\")]);

    private static readonly SearchValues<char> Driving = SearchValues.Create(
        [.. Enumerable.Range(0, char.MaxValue).Select(code => (char)code).Where(char.IsControl), .. "\u061c\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"]);

    /// <summary>
    /// One line for a terminal. Control characters, which could drive it, and those that start a line or turn its direction are written as <c>\uXXXX</c>.
    /// </summary>
    public static string Line(string text)
    {
        if (!text.AsSpan().ContainsAny(Driving)) return text;

        var line = new StringBuilder();
        foreach (var character in text)
        {
            if (Driving.Contains(character)) line.Append(System.Globalization.CultureInfo.InvariantCulture, $"\\u{(int)character:x4}");
            else line.Append(character);
        }

        return line.ToString();
    }

    /// <summary>
    /// One word. Everything but printable ASCII is written as <c>\uXXXX</c>, and so are spaces, quotes and backslashes. So the text can neither start
    /// a line nor look like another field.
    /// </summary>
    public static string Word(string text)
    {
        if (text.Length <= Maximum && !text.AsSpan().ContainsAnyExcept(Plain)) return text;

        var word = new StringBuilder();
        foreach (var character in text.AsSpan(0, Math.Min(text.Length, Maximum)))
        {
            if (Plain.Contains(character)) word.Append(character);
            else word.Append(System.Globalization.CultureInfo.InvariantCulture, $"\\u{(int)character:x4}");
        }

        return word.ToString();
    }
}
