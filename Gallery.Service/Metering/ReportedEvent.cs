using System.Text.RegularExpressions;
using Gallery.Service.Http;
using Gallery.Sql.Database;
using Gallery.Sql.Metering;

namespace Gallery.Service.Metering;

/// <summary>The rules of an event that another system reports.</summary>
internal static partial class ReportedEvent
{
    private static readonly TimeSpan ClocksDiffer = TimeSpan.FromHours(1);

    /// <summary>Null if it has a fault, which is added under the event's place.</summary>
    public static UsageEvent? Read(ReadOnlyMemory<byte> json, string place, DateTimeOffset now, FieldErrors errors)
    {
        if (json.Span[0] != '{')
        {
            errors.Add(place, $"{place} must be an object with event_id, user_id, kind and quantity.");
            return null;
        }

        var faults = new FieldErrors();
        var fields = JsonFields.Read(json, ["event_id", "user_id", "kind", "quantity", "image_id", "occurred_at", "corrects", "note"], faults);
        var eventId = fields.RequireId("event_id");
        var userId = fields.RequireText("user_id", 1, Caller.UserIdMaximum);
        var kind = fields.RequireText("kind", 1, ReportedUsage.KindMaximum);
        var quantity = fields.RequireNumber("quantity", fields.Has("corrects") ? -ReportedUsage.MaximumQuantity : 1, ReportedUsage.MaximumQuantity);
        var imageId = fields.FindId("image_id");
        var occurredAt = fields.FindTime("occurred_at");
        var corrects = fields.FindId("corrects");
        var note = fields.FindText("note", 1, ReportedUsage.NoteMaximum);
        if (kind is not null && !Kind().IsMatch(kind)) faults.Add("kind", ReportedUsage.KindMessage($"kind is '{TextRules.Clip(kind, 20)}'. It"));
        if (occurredAt > now.UtcDateTime + ClocksDiffer) faults.Add("occurred_at", "occurred_at is in the future. Send the time of the event.");
        if (corrects is null && kind is not null && UsageKinds.All.Contains(kind))
            faults.Add("kind", $"kind is {kind}, which the service itself meters. Send another kind, or corrects.");
        if (corrects is not null && note is null) faults.Add("note", "note is required in a correction. Say why.");
        if (corrects is not null && corrects == eventId) faults.Add("corrects", "corrects is the event itself. Give the correction another event_id.");
        if (!faults.Any) return new(userId!, eventId!.Value, kind!, quantity!.Value, imageId, occurredAt, corrects, note);

        errors.AddOf(place, faults);
        return null;
    }

    [GeneratedRegex(@"\A[a-z][a-z0-9_]{0,49}\z")]
    private static partial Regex Kind();
}
