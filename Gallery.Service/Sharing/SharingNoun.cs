using System.Text.Json.Serialization;
using Gallery.Service.Http;
using Gallery.Service.Limits;
using Gallery.Sql.Sharing;

namespace Gallery.Service.Sharing;

internal static class SharingNoun
{
    /// <summary>The key of the turns of lists of what is shared with a user.</summary>
    public const string Lists = "shared_lists";

    public static readonly Noun Noun = new(AddServices, MapRoutes, SharingJsonContext.Default, new Dictionary<string, (string, string)>
    {
        ["image_share_max_views_positive"] = ("max_views", "max_views must be 1 or more."),
        ["image_share_note_length"] = ("note", "note must have at most 200 characters."),
        ["image_grant_role_known"] = ("role", "role must be view or edit."),
        ["image_grant_to_another"] = ("user_id", "This user owns the image. Name another one."),
    });

    private static void AddServices(IServiceCollection services, IConfiguration settings) =>
        services.AddSingleton<ShareRepository>().AddSingleton<GrantRepository>().AddSingleton<SharePasswords>().AddKeyedSingleton(Lists, (_, _) => new UserTurns(waiting: 4));

    private static void MapRoutes(IEndpointRouteBuilder routes)
    {
        routes.MapShares();
        routes.MapShared();
        routes.MapGrants();
    }
}

[JsonSerializable(typeof(CreateShareRequest))]
[JsonSerializable(typeof(Envelope<Share>))]
[JsonSerializable(typeof(PageEnvelope<Share>))]
[JsonSerializable(typeof(Envelope<Revocation>))]
[JsonSerializable(typeof(Envelope<SharedImage>))]
[JsonSerializable(typeof(PutGrantRequest))]
[JsonSerializable(typeof(Envelope<Grant>))]
[JsonSerializable(typeof(Envelope<GrantRemoval>))]
[JsonSerializable(typeof(PageEnvelope<Grant>))]
[JsonSerializable(typeof(PageEnvelope<GrantedImage>))]
internal sealed partial class SharingJsonContext : JsonSerializerContext;
