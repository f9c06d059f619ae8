using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using Gallery.Service.Http;
using Gallery.Sql.History;

namespace Gallery.Service.History;

/// <summary>What happened to an image, as callers see it.</summary>
public sealed record ImageEvent(
    Guid ImageId,
    [property: Description("The image's revision after the event. A purge counts too.")] long Revision,
    [property: AllowedValues("created", "filled_in", "edited", "trashed", "restored", "purged")]
    [property: Description("created, filled_in (a later save added something), edited, trashed, restored or purged (deleted permanently).")] string Event,
    [property: Description("UTC.")] DateTime At,
    [property: Description("key:NAME of a service key, user:ID, or gallery:retention. Null if the service asked for no credentials, or the image is older than its history.")] string? By,
    [property: Description("The fields that were filled in or edited. Their values are not kept.")] IReadOnlyList<string> Fields)
{
    internal static ImageEvent Of(HistoryRow row) => new(row.ImageId, row.Revision, row.Event, row.OccurredAt, row.Actor, row.Fields.Split(',', StringSplitOptions.RemoveEmptyEntries));
}

[JsonSerializable(typeof(PageEnvelope<ImageEvent>))]
internal sealed partial class HistoryJsonContext : JsonSerializerContext;
