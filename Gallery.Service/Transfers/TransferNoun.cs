using Gallery.Sql.Transfers;

namespace Gallery.Service.Transfers;

internal static class TransferNoun
{
    public static readonly Noun Noun = new(AddServices, TransferEndpoints.MapTransfers, TransferJsonContext.Default, new Dictionary<string, (string, string)>());

    private static void AddServices(IServiceCollection services, IConfiguration settings) => services
        .AddSingleton<TransferRepository>()
        .AddSingleton<Importer>();
}
