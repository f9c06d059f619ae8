namespace Gallery.Sql.Tags;

/// <summary>A tag of an image.</summary>
/// <param name="Key">As it is compared: decomposed and case folded.</param>
/// <param name="Label">As it is shown. Of equal tags, the one that the image had first.</param>
public sealed record Tag(string Key, string Label)
{
    /// <summary>The longest label, in characters of NFC: <see cref="LengthOf"/>.</summary>
    public const int MaximumLength = 64;

    /// <summary>The longest label, in Unicode code points as it was written: a character of NFC has at most 4. The table's check has the same limit.</summary>
    public const int MaximumCodePoints = 4 * MaximumLength;

    /// <summary>Maximum tags of one image. The table's check has the same limit.</summary>
    public const int MaximumPerImage = 50;

    /// <summary>The approximate cost of a tag in a statement, beside its text, in bytes: a row with its index entries.</summary>
    public const int RowBytes = 500;

    /// <summary>How many characters a label has in NFC. All spellings of a tag that differ only in their Unicode form have the same number.</summary>
    public static int LengthOf(string label) => Caseless.ComposedLength(label);

    public static Tag Of(string label) => new(Caseless.Fold(label), label);
}
