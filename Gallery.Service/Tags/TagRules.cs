using System.Globalization;
using Gallery.Service.Http;
using Gallery.Sql.Tags;
using Microsoft.OpenApi;

namespace Gallery.Service.Tags;

/// <summary>What a tag may be, wherever a request names one.</summary>
internal static class TagRules
{
    private const string Controls = @"\u0000-\u001f\u007f-\u009f";

    // Unicode's category Cf. Spelled out, because some languages have no \p in their regular expressions.
    private const string Hidden = @"\u00ad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb";

    /// <summary>No control character, and no blank and no invisible character at an end. For the OpenAPI document, <see cref="FindFault"/> without the segments <c>.</c> and <c>..</c>, because some languages have no lookahead.</summary>
    public const string Pattern =
        @"^[^\s" + Controls + Hidden + @"\ufe00-\ufe0f]([^" + Controls + @"]*[^\s" + Controls + Hidden + @"])?$";

    /// <summary>What a maximum in code points does not say, for the OpenAPI document.</summary>
    public const string Length = "At most 64 characters in the Unicode form NFC, in which é is always one. maxLength counts code points as sent.";

    private const int MaximumSent = 2 * Tag.MaximumPerImage;   // equal ones included, because comparing them costs much

    /// <summary>The fault of a tag as a message; null if it has none.</summary>
    public static string? FindFault(string field, string label)
    {
        if (FindLengthFault(field, label, 1) is { } fault) return fault;
        if (label.FirstOrDefault(char.IsControl) is not '\0' and var control)
            return string.Create(CultureInfo.InvariantCulture, $"{field} contains the control character U+{(int)control:X4}. Remove it.");
        if (char.IsWhiteSpace(label[0]) || char.IsWhiteSpace(label[^1])) return $"{field} begins or ends with a blank. Remove the blank.";
        if (IsHidden(label[0]) || IsHidden(label[^1]) || label[0] is >= '\ufe00' and <= '\ufe0f')   // these change how the character before them looks
            return string.Create(CultureInfo.InvariantCulture, $"{field} begins or ends with the invisible character U+{(int)(IsHidden(label[^1]) ? label[^1] : label[0]):X4}. Remove it.");
        return label is "." or ".." ? $"{field} is '{label}', which a URL path cannot contain. Choose another tag." : null;
    }

    /// <summary>The fault of the length of a tag, or of its beginning, as a message; null if it has none.</summary>
    public static string? FindLengthFault(string field, string text, int minimum) =>
        text.Length > Tag.MaximumCodePoints && text.EnumerateRunes().Skip(Tag.MaximumCodePoints).Any()   // too long in any form. To compose it all would take time
            ? $"{field} has more than {Tag.MaximumLength} characters. Send at most {Tag.MaximumLength}."
            : TextRules.FindFault(field, text, minimum, Tag.MaximumLength, Tag.LengthOf);

    /// <summary>The different tags of a field. Null if it is absent or has a fault.</summary>
    public static IReadOnlyList<Tag>? FindTags(this JsonFields fields, string name, FieldErrors errors)
    {
        if (fields.FindTexts(name, MaximumSent, $"Send at most {Tag.MaximumPerImage} different tags.", FindFault) is not { } labels) return null;
        var tags = labels.Select(Tag.Of).DistinctBy(tag => tag.Key).ToList();
        if (tags.Count <= Tag.MaximumPerImage) return tags;
        errors.Add(name, $"{name} has {tags.Count} tags. An image has at most {Tag.MaximumPerImage} tags.");
        return null;
    }

    /// <summary>A new description of a tag for the OpenAPI document.</summary>
    public static OpenApiSchema Schema() => new() { Type = JsonSchemaType.String, MinLength = 1, MaxLength = Tag.MaximumCodePoints, Pattern = Pattern, Description = Length };

    private static bool IsHidden(char character) => char.GetUnicodeCategory(character) == UnicodeCategory.Format;
}
