namespace Gallery.Sql.History;

/// <summary>A row of <c>gallery.image_event</c>, in the order of <see cref="Columns"/>.</summary>
/// <param name="Revision">The image's after the event. A purge counts too.</param>
/// <param name="Event">created, filled_in, edited, trashed, restored or purged.</param>
/// <param name="Fields">What a save filled in or an edit changed, with commas between. Empty for other events.</param>
/// <param name="OccurredAt">UTC.</param>
/// <param name="Actor"><c>key:NAME</c>, <c>user:ID</c>, or <c>gallery:retention</c> for a deletion by age. Null if it is unknown, or if the service needed no credentials.</param>
/// <param name="Position">In the change feed. Null until the event has its place there.</param>
public sealed record HistoryRow(Guid ImageId, long Revision, string Event, string Fields, DateTime OccurredAt, string? Actor, long? Position)
{
    internal const string Columns = "e.image_id, e.revision, e.event, array_to_string(e.fields, ',') as fields, e.occurred_at, e.actor, e.position";
}

/// <summary>Events of the change feed.</summary>
/// <param name="Next">The position after which the next page starts. It never skips an event that commits later.</param>
/// <param name="IsEarly">Whether the page is empty although its wait was not used up, or although the last event was not reached: in time, or because the database is read-only.</param>
public sealed record ChangePage(IReadOnlyList<HistoryRow> Events, long Next, bool IsEarly = false);
