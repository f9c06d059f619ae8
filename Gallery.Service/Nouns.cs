using Gallery.Service.Batches;
using Gallery.Service.Erasure;
using Gallery.Service.History;
using Gallery.Service.Images;
using Gallery.Service.Metering;
using Gallery.Service.Sharing;
using Gallery.Service.Statistics;
using Gallery.Service.Tags;
using Gallery.Service.Transfers;

namespace Gallery.Service;

internal static class Nouns
{
    /// <summary>Every noun of the service. A new noun is one more line.</summary>
    public static readonly IReadOnlyList<Noun> All =
    [
        ImageNoun.Noun,
        TagNoun.Noun,
        BatchNoun.Noun,
        HistoryNoun.Noun,
        ErasureNoun.Noun,
        TransferNoun.Noun,
        SharingNoun.Noun,
        StatisticsNoun.Noun,
        MeteringNoun.Noun,
    ];

    /// <summary>The field and the message of a violated check. Null if no noun knows the check.</summary>
    public static (string Field, string Message)? FindConstraint(string? name)
    {
        foreach (var noun in All)
            if (name is not null && noun.Constraints.TryGetValue(name, out var found))
                return found;
        return null;
    }
}
