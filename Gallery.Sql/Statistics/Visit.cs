namespace Gallery.Sql.Statistics;

/// <summary>What is counted. The values are those of <c>gallery.image_visit.kind</c>.</summary>
public enum VisitKind : long
{
    View = 1,
    Download = 2,
}

/// <summary>One view or download.</summary>
/// <param name="Day">UTC.</param>
/// <param name="Visitor">16 bytes that differ between visitors. The same visitor has others on another day and for another image.</param>
/// <param name="Viewer">The user who views, if known. Nothing is counted if they own the image.</param>
public readonly record struct Visit(Guid ImageId, DateOnly Day, VisitKind Kind, byte[] Visitor, string? Viewer);

/// <summary>How often an image was viewed and downloaded.</summary>
public readonly record struct VisitCount(long Views, long Downloads);

/// <summary>The statistics of one image.</summary>
/// <param name="IsInTrash">Then the rest is not for the caller.</param>
/// <param name="Total">Of all time.</param>
/// <param name="Buckets">By the bucket's first day. Days and months without a view are absent.</param>
public sealed record VisitStatistics(bool IsInTrash, VisitCount Total, IReadOnlyDictionary<DateOnly, VisitCount> Buckets);

/// <summary>An image that was viewed.</summary>
public sealed record ViewedRow(Guid ImageId, string ImageUrl, long Views, long Downloads);
