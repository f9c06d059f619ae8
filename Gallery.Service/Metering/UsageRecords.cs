using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Text.Json.Serialization;
using Gallery.Service.Http;
using Gallery.Sql.Database;
using Gallery.Sql.Metering;

namespace Gallery.Service.Metering;

/// <summary>What a user used in a month.</summary>
public sealed record UserUsage(
    [property: Description("The user.")] string UserId,
    [property: Description("The month, UTC: 2026-01.")] string Period,
    [property: Description("Whether the month is over, so that its totals never change.")] bool IsClosed,
    [property: Description("The exact total of each kind. Those that the service meters are always there.")] IReadOnlyDictionary<string, Int128> Totals)
{
    internal static UserUsage Of(string userId, Month month, bool isClosed, IReadOnlyDictionary<string, Int128> totals) =>
        new(userId, month.ToString(), isClosed, UsageKinds.All.Concat(totals.Keys).Distinct().ToDictionary(kind => kind, kind => totals.GetValueOrDefault(kind)));
}

/// <summary>Up to 500 events.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record ReportedUsages(
    [property: Required, MinLength(1), MaxLength(ReportedUsages.MaximumEvents), Description("1 to 500 events.")] IReadOnlyList<ReportedUsage> Events)
{
    internal const int MaximumEvents = 500;
}

/// <summary>What another system metered.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record ReportedUsage(
    [property: Required, Description("Names the event. A user's event counts once, however often it is sent.")] Guid EventId,
    [property: Required, MinLength(1), MaxLength(Caller.UserIdMaximum), Description("Who used it.")] string UserId,
    [property: Required, RegularExpression(ReportedUsage.KindPattern), Description("What was used, in lower case: generated_images. Not one that the service itself meters, except in a correction.")] string Kind,
    [property: Required, Range(-ReportedUsage.MaximumQuantity, ReportedUsage.MaximumQuantity), Description("How much. Below 1 only in a correction.")] long Quantity,
    [property: Description("The image that it is about. It need not exist.")] Guid? ImageId = null,
    [property: Description("The event of this user and kind that this one corrects. It needs a note.")] Guid? Corrects = null,
    [property: MinLength(1), MaxLength(ReportedUsage.NoteMaximum), Description("For people. Required in a correction.")] string? Note = null)
{
    [Description("When it was used. Default: now. An earlier month is fine; the line belongs to the open month.")]
    public DateTime? OccurredAt { get; init; }

    internal const string KindPattern = "^[a-z][a-z0-9_]{0,49}$";
    internal const int KindMaximum = 50;
    internal const int NoteMaximum = 500;
    internal const long MaximumQuantity = 1_000_000_000_000;

    internal static string KindMessage(string name) => $"{name} must be a lower-case word such as generated_images: a letter, then up to 49 letters, digits and _.";
}

/// <summary>What became of an event.</summary>
public sealed record UsageResult(
    [property: Description("The event's place in the request, from 0.")] int Index,
    [property: Description("The event.")] Guid EventId,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull), AllowedValues("recorded", "known"), Description("recorded: it has a new line. known: it had one. Absent if it failed.")] string? Outcome = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull), Description("Why it failed. Absent if it did not.")] string? Code = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull), Description("What is wrong with a failed event, and what to do.")] string? Message = null);

/// <summary>A line of the ledger, as an export has it.</summary>
public sealed record ExportedUsage(
    [property: Description("Names the line, with user_id. A payment system can take both together as its idempotency key.")] Guid EventId,
    [property: Description("Who used it.")] string UserId,
    [property: Description("What was used.")] string Kind,
    [property: Description("How much. A correction may be negative.")] long Quantity,
    [property: Description("The image, if the line is about one.")] Guid? ImageId,
    [property: Description("When it was used. It may be in an earlier month. Of views, downloads and share_views, which are counted up: when the last one was counted.")] DateTime OccurredAt,
    [property: Description("When the line was written, or last counted up. It belongs to this month.")] DateTime RecordedAt,
    [property: Description("The event that the line corrects.")] Guid? Corrects,
    [property: Description("Why it corrects, or what the reporter says.")] string? Note)
{
    internal const string CsvHead = "event_id,user_id,kind,quantity,image_id,occurred_at,recorded_at,corrects,note\r\n";

    internal static ExportedUsage Of(UsageLine line) => new(line.EventId, line.UserId, line.Kind, line.Quantity, line.ImageId, line.OccurredAt, line.RecordedAt, line.Corrects, line.Note);

    /// <summary>A record of RFC 4180.</summary>
    internal string ToCsv() => string.Create(CultureInfo.InvariantCulture, $"{EventId},{Quote(UserId)},{Kind},{Quantity},{ImageId},{OccurredAt:yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'},{RecordedAt:yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'},{Corrects},{Quote(Note)}\r\n");

    private static string? Quote(string? text) => text is null || text.AsSpan().IndexOfAny(",\"\r\n") < 0 ? text : $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
}

[JsonSerializable(typeof(Envelope<UserUsage>))]
[JsonSerializable(typeof(Envelope<IReadOnlyList<UsageResult>>))]
[JsonSerializable(typeof(ReportedUsages))]
[JsonSerializable(typeof(ExportedUsage))]
internal sealed partial class UsageJsonContext : JsonSerializerContext;
