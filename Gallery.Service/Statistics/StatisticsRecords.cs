using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using Gallery.Service.Images;
using Gallery.Sql.Database;
using Gallery.Sql.Statistics;

namespace Gallery.Service.Statistics;

/// <summary>What a beacon may send.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record Beacon(
    [property: MinLength(1), MaxLength(Beacon.VisitorMaximum), Description("Tells visitors apart. Without it, viewer does. Without both, their addresses and user agents do.")] string? Visitor = null,
    [property: MinLength(1), MaxLength(Caller.UserIdMaximum), Description("The user who views, so that owners do not count. For service keys; with a user's token it is the token's sub.")] string? Viewer = null)
{
    internal const int VisitorMaximum = 255;
}

/// <summary>Up to 500 views and downloads.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record BeaconBatch(
    [property: Required, MinLength(1), MaxLength(BeaconBatch.MaximumItems), Description("1 to 500 views and downloads.")] IReadOnlyList<BeaconItem> Items)
{
    internal const int MaximumItems = 500;
}

/// <summary>One view or download of a batch.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record BeaconItem(
    [property: Required, Description("Which image.")] Guid ImageId,
    [property: AllowedValues("view", "download"), Description("view (default) or download.")] string? Kind = null,
    [property: MinLength(1), MaxLength(Beacon.VisitorMaximum), Description("As in a single beacon.")] string? Visitor = null,
    [property: MinLength(1), MaxLength(Caller.UserIdMaximum), Description("As in a single beacon.")] string? Viewer = null);

/// <summary>The statistics of one image.</summary>
public sealed record ImageStatistics(
    [property: Description("The image.")] Guid ImageId,
    [property: Description("The first day, UTC.")] DateOnly From,
    [property: Description("The last day, UTC.")] DateOnly To,
    [property: AllowedValues("day", "month"), Description("What a bucket is.")] string Bucket,
    [property: Description("Views in all buckets.")] long Views,
    [property: Description("Downloads in all buckets.")] long Downloads,
    [property: Description("Views of all time.")] long TotalViews,
    [property: Description("Downloads of all time.")] long TotalDownloads,
    [property: Description("One for each day or month of the range, the oldest first, also if nothing was counted.")] IReadOnlyList<StatisticsBucket> Buckets)
{
    internal static ImageStatistics Of(Guid imageId, DayRange range, VisitStatistics found)
    {
        StatisticsBucket[] buckets = [.. range.Starts.Select(start => StatisticsBucket.Of(start, found.Buckets.GetValueOrDefault(start)))];
        return new(
            imageId, range.From, range.To, range.ByMonth ? "month" : "day", buckets.Sum(bucket => bucket.Views), buckets.Sum(bucket => bucket.Downloads),
            found.Total.Views, found.Total.Downloads, buckets);
    }
}

/// <summary>The views and downloads of one day or month.</summary>
public sealed record StatisticsBucket(
    [property: Description("Its first day, UTC.")] DateOnly Start,
    [property: Description("Each visitor counts once a day.")] long Views,
    [property: Description("Each visitor counts once a day.")] long Downloads)
{
    internal static StatisticsBucket Of(DateOnly start, VisitCount count) => new(start, count.Views, count.Downloads);
}

/// <summary>An image in the list of the most viewed.</summary>
public sealed record ViewedImage(
    [property: Description("The image.")] Guid ImageId,
    [property: Description("As the image has it."), Url] string ImageUrl,
    [property: Description("As the image has it."), Url] string? ThumbnailUrl,
    [property: Description("Views of all time.")] long Views,
    [property: Description("Downloads of all time.")] long Downloads)
{
    internal static ViewedImage Of(ViewedRow row) => new(row.ImageId, row.ImageUrl, Delivery.Of(row.ImageUrl, "{}").ThumbnailUrl, row.Views, row.Downloads);
}
