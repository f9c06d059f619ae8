using System.Text.Json.Serialization;

namespace Gallery.Service.Batches;

internal static class BatchNoun
{
    public static readonly Noun Noun = new(AddServices, BatchEndpoints.MapBatches, BatchJsonContext.Default, new Dictionary<string, (string, string)>());

    private static void AddServices(IServiceCollection services, IConfiguration settings) => services.AddSingleton<BatchRun>();
}

/// <summary>The wire records of batches.</summary>
[JsonSerializable(typeof(SaveBatchRequest))]
[JsonSerializable(typeof(BatchRequest))]
[JsonSerializable(typeof(TagBatchRequest))]
[JsonSerializable(typeof(BatchAnswer))]
internal sealed partial class BatchJsonContext : JsonSerializerContext;
