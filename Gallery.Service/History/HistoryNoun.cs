using Gallery.Sql.History;

namespace Gallery.Service.History;

internal static class HistoryNoun
{
    public static readonly Noun Noun = new(
        (services, _) => services.AddSingleton<HistoryRepository>().AddSingleton<FeedPlaces>(), HistoryEndpoints.MapHistory, HistoryJsonContext.Default, new Dictionary<string, (string, string)>
        {
            ["change_feed_one_row"] = ("is_only", "The change feed has one row."),
            ["image_event_event_known"] = ("event", "event must be created, filled_in, edited, trashed, restored or purged."),
            ["image_event_revision_positive"] = ("revision", "revision must be at least 1."),
        });
}
