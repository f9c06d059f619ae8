using System.Buffers;
using System.Text;

namespace Gallery.Service.Telemetry;

/// <summary>Text from outside, made safe for a log.</summary>
internal static class LogText
{
    private const int Maximum = 600;   // the longest user id is 255 characters, each up to two UTF-16 units

    private static readonly SearchValues<char> Plain = SearchValues.Create([.. Enumerable.Range('!', '~' - '!' + 1).Select(code => (char)code).Except("\"\\")]);

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
