using System.Text.Json.Serialization;

namespace Gallery.Service;

/// <summary>What a noun gives the service. The shared folders know nouns through this record only.</summary>
/// <param name="AddServices">Registers its repository. A wrong setting throws here, before the service starts.</param>
/// <param name="MapRoutes">Maps its routes, each with the facts that the OpenAPI document and the tests read.</param>
/// <param name="Json">The serializer of its wire records.</param>
/// <param name="Constraints">The checks of its tables: a check's name, the field that breaks it, and the message.</param>
internal sealed record Noun(
    Action<IServiceCollection, IConfiguration> AddServices,
    Action<IEndpointRouteBuilder> MapRoutes,
    JsonSerializerContext Json,
    IReadOnlyDictionary<string, (string Field, string Message)> Constraints);
