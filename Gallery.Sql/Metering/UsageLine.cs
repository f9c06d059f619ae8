namespace Gallery.Sql.Metering;

/// <summary>An amount that a user used.</summary>
/// <param name="EventId">Names the event. A user's event counts once.</param>
/// <param name="Quantity">Negative only in a correction.</param>
/// <param name="OccurredAt">UTC. It may be in an earlier month than the line is. Null: now.</param>
/// <param name="Corrects">The event that the line corrects. Null if it corrects none.</param>
/// <param name="Note">Why. Never null in a correction.</param>
public sealed record UsageEvent(string UserId, Guid EventId, string Kind, long Quantity, Guid? ImageId, DateTime? OccurredAt, Guid? Corrects, string? Note);

/// <summary>A line of the ledger. A tally is one too: a month's views, downloads or openings of links.</summary>
/// <param name="OccurredAt">UTC. Of a tally, when it was last counted up.</param>
/// <param name="RecordedAt">UTC. The line belongs to this month, whenever its event occurred.</param>
public sealed record UsageLine(
    string UserId, Guid EventId, string Kind, long Quantity, Guid? ImageId, DateTime OccurredAt, DateTime RecordedAt, Guid? Corrects, string? Note);

/// <summary>What became of an event that was reported.</summary>
public enum UsageOutcome
{
    /// <summary>It has a new line.</summary>
    Recorded,

    /// <summary>It had a line already, with the same values.</summary>
    Known,

    /// <summary>The user has another event with this id. Nothing was written.</summary>
    Differs,

    /// <summary>The user has no event of this kind with the id that it corrects. Nothing was written.</summary>
    CorrectsNothing,
}
