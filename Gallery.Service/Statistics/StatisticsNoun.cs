using System.Text.Json.Serialization;
using Gallery.Service.Http;
using Gallery.Service.Limits;
using Gallery.Sql.Statistics;

namespace Gallery.Service.Statistics;

internal static class StatisticsNoun
{
    /// <summary>The key of the turns of lists.</summary>
    public const string Lists = "statistics_lists";

    /// <summary>The key of the turns of batches of beacons.</summary>
    public const string Batches = "statistics_batches";

    public static readonly Noun Noun = new(AddServices, StatisticsEndpoints.MapStatistics, StatisticsJsonContext.Default, new Dictionary<string, (string, string)>
    {
        ["image_visit_kind_known"] = ("kind", "kind must be view or download."),
    });

    private static void AddServices(IServiceCollection services, IConfiguration settings) => services
        .AddSingleton<StatisticsRepository>()
        .AddKeyedSingleton<UserTurns>(Lists)
        .AddKeyedSingleton(Batches, (_, _) => new UserTurns(waiting: 64))
        .AddSingleton<VisitBuffer>()
        .AddHostedService(provider => provider.GetRequiredService<VisitBuffer>())
        .AddSingleton<VisitSweep>()
        .AddHostedService(provider => provider.GetRequiredService<VisitSweep>());
}

[JsonSerializable(typeof(Beacon))]
[JsonSerializable(typeof(BeaconBatch))]
[JsonSerializable(typeof(Envelope<ImageStatistics>))]
[JsonSerializable(typeof(PageEnvelope<ViewedImage>))]
internal sealed partial class StatisticsJsonContext : JsonSerializerContext;
