using System.Globalization;
using Gallery.Service.Http;
using Gallery.Sql.Tags;

namespace Gallery.Service.Tags;

/// <summary>What a tag may be, wherever a request names one.</summary>
internal static class TagRules
{
    /// <summary>No control character, and no blank at an end. The same rule as <see cref="FindFault"/>, for the OpenAPI document.</summary>
    public const string Pattern = @"^[^\s\u0000-\u001f\u007f-\u009f]([^\u0000-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f])?$";

    /// <summary>What a maximum in code points does not say, for the OpenAPI document.</summary>
    public const string Length = "At most 64 characters in the Unicode form NFC, in which é is always one. maxLength counts code points as sent.";

    private const int MaximumSent = 2 * Tag.MaximumPerImage;   // equal ones included, because comparing them costs much

    /// <summary>The fault of a tag as a message; null if it has none.</summary>
    public static string? FindFault(string field, string label)
    {
        if (FindLengthFault(field, label, 1) is { } fault) return fault;
        if (label.FirstOrDefault(char.IsControl) is not '\0' and var control)
            return string.Create(CultureInfo.InvariantCulture, $"{field} contains the control character U+{(int)control:X4}. Remove it.");
        if (IsBlank(label[0]) || IsBlank(label[^1])) return $"{field} begins or ends with a blank. Remove the blank.";
        return label is "." or ".." ? $"{field} is '{label}', which a URL path cannot contain. Choose another tag." : null;
    }

    /// <summary>The fault of the length of a tag, or of its beginning, as a message; null if it has none.</summary>
    public static string? FindLengthFault(string field, string text, int minimum) =>
        text.Length > Tag.MaximumCodePoints && text.EnumerateRunes().Skip(Tag.MaximumCodePoints).Any()   // too long in any form. To compose it all would take time
            ? $"{field} has more than {Tag.MaximumLength} characters, which is the maximum."
            : TextRules.FindFault(field, text, minimum, Tag.MaximumLength, Tag.LengthOf);

    /// <summary>The different tags of a field. Null if it is absent or has a fault.</summary>
    public static IReadOnlyList<Tag>? FindTags(this JsonFields fields, string name, FieldErrors errors)
    {
        if (fields.FindTexts(name, MaximumSent, FindFault) is not { } labels) return null;
        var tags = labels.Select(Tag.Of).DistinctBy(tag => tag.Key).ToList();
        if (tags.Count <= Tag.MaximumPerImage) return tags;
        errors.Add(name, $"{name} has {tags.Count} tags. An image has at most {Tag.MaximumPerImage} tags.");
        return null;
    }

    /// <summary>White space as regular expressions of JavaScript define it, which <see cref="Pattern"/> uses. It includes U+FEFF.</summary>
    private static bool IsBlank(char character) => char.IsWhiteSpace(character) || character == '\ufeff';
}
