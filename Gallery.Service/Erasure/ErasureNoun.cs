using System.ComponentModel;
using System.Text.Json.Serialization;
using Gallery.Service.Http;
using Gallery.Sql.Erasure;

namespace Gallery.Service.Erasure;

internal static class ErasureNoun
{
    public static readonly Noun Noun = new(AddServices, ErasureEndpoints.MapErasure, ErasureJsonContext.Default, new Dictionary<string, (string, string)>());

    private static void AddServices(IServiceCollection services, IConfiguration settings)
    {
        services.AddSingleton<ErasureRepository>();
        services.AddHostedService<TrashSize>();
        var retention = RetentionOptions.From(settings);
        services.AddSingleton(retention);
        if (retention is not { TrashDays: null, HistoryDays: null }) services.AddHostedService<RetentionSweep>();
    }
}

/// <summary>What an erasure deleted.</summary>
public sealed record ErasureReport(
    [property: Description("The images that this request deleted permanently.")] int Purged,
    [property: Description("false: there is more to delete. Send the request again.")] bool IsComplete);

[JsonSerializable(typeof(Envelope<ErasureReport>))]
internal sealed partial class ErasureJsonContext : JsonSerializerContext;
