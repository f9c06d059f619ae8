using System.Text;

namespace Gallery.Service.Http;

/// <summary>What PostgreSQL takes as <c>text</c>.</summary>
internal static class TextRules
{
    /// <summary>What is wrong with a text, as a sentence; null if nothing is.</summary>
    /// <param name="minimum">Characters are Unicode code points here, as in PostgreSQL's <c>char_length</c>.</param>
    public static string? FindFault(string field, string value, int minimum, int maximum)
    {
        if (value.Contains('\0', StringComparison.Ordinal)) return $"{field} holds the character U+0000, which can not be stored; remove it.";

        var length = 0;
        for (var rest = value.AsSpan(); rest.Length > 0; length++)
        {
            if (Rune.DecodeFromUtf16(rest, out _, out var consumed) != System.Buffers.OperationStatus.Done)
                return $"{field} holds half of a surrogate pair, which is no character; send the whole pair or remove it.";
            rest = rest[consumed..];
        }

        if (length < minimum) return $"{field} is empty; it takes {minimum} to {maximum} characters.";
        return length > maximum ? $"{field} has {length} characters; {maximum} at most." : null;
    }
}
