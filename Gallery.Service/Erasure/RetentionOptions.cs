using System.Globalization;
using Gallery.Sql.Database;

namespace Gallery.Service.Erasure;

/// <summary>How long the trash and the history are kept.</summary>
/// <param name="TrashDays">Null: until someone deletes permanently.</param>
/// <param name="HistoryDays">Null: forever.</param>
internal sealed record RetentionOptions(int? TrashDays, int? HistoryDays)
{
    private const int MaximumDays = 36_500;

    /// <exception cref="SettingsException">A setting is not a number of days.</exception>
    public static RetentionOptions From(IConfiguration settings) => new(Read(settings, "GALLERY_TRASH_DAYS"), Read(settings, "GALLERY_HISTORY_DAYS"));

    /// <summary>From when an image may be deleted permanently, UTC. Null if it is live, or if the trash is kept. At most the end of the year 9999.</summary>
    public DateTime? PurgeAt(DateTime? deletedAt) => (TrashDays, deletedAt) is ({ } days, { } at)
        ? at < DateTime.MaxValue.AddDays(-days) ? at.AddDays(days) : DateTime.SpecifyKind(DateTime.MaxValue, DateTimeKind.Utc)
        : null;

    private static int? Read(IConfiguration settings, string name)
    {
        if (settings.Find(name) is not { } text) return null;
        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var days) && days is >= 1 and <= MaximumDays
            ? days
            : throw new SettingsException($"{name} takes 1 to {MaximumDays} days, as a whole number. Remove it to keep everything.");
    }
}
