namespace Gallery.Sql.Tags;

/// <summary>A tag and its live images.</summary>
/// <param name="Tag">As it is compared, <see cref="Tags.Tag.Key"/>.</param>
/// <param name="Label">As the oldest image with the tag shows it.</param>
public sealed record TagRow(string Tag, string Label, long Images);

/// <summary>A page of tags.</summary>
/// <param name="Next">The key after which the next page starts. Null on the last page.</param>
public sealed record TagPage(IReadOnlyList<TagRow> Tags, string? Next);
