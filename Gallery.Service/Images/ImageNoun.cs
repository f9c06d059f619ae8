using Gallery.Service.Limits;
using Gallery.Sql.Images;

namespace Gallery.Service.Images;

internal static class ImageNoun
{
    public const string Searches = "searches";
    public const string PlainLists = "plain lists";
    public const string Writes = "writes";

    public static readonly Noun Noun = new(AddServices, MapRoutes, ImageJsonContext.Default, new Dictionary<string, (string, string)>
    {
        ["image_image_id_not_nil"] = ("image_id", "image_id is the nil UUID. Name the file with another UUID."),
        ["image_user_id_length"] = ("user_id", "user_id must have 1 to 255 characters."),
        ["image_image_url_length"] = ("image_url", "image_url must have 1 to 2,048 characters."),
        ["image_refined_prompt_length"] = ("refined_prompt", "refined_prompt must have at most 16,384 characters."),
        ["image_intent_length"] = ("intent", "intent must have at most 100 characters."),
        ["image_metadata_is_object"] = ("metadata", "metadata must be a JSON object."),
        ["image_metadata_size"] = ("metadata", "metadata would exceed the 96 KB of one image, stored keys included. Send fewer keys."),
        ["image_metadata_depth"] = ("metadata", "metadata is nested too deeply. Use at most 32 levels."),
        ["image_tags_count"] = ("tags", "tags would exceed the 50 tags of one image. Remove some first."),
        ["image_revision_positive"] = ("revision", "revision must be at least 1."),
    });

    private static void MapRoutes(IEndpointRouteBuilder routes)
    {
        routes.MapImages();
        routes.MapImageLists();
    }

    private static void AddServices(IServiceCollection services, IConfiguration settings)
    {
        services.AddKeyedSingleton(PlainLists, (_, _) => new UserTurns(waiting: 64));   // these are short, and so are writes
        services.AddKeyedSingleton(Writes, (_, _) => new UserTurns(waiting: 64));
        services.AddKeyedSingleton(Searches, (_, _) => new UserTurns(waiting: 8));   // a page asks for lists and facets at the same time
        services.AddSingleton<ImageRepository>();
        services.AddSingleton(ImageHosts.From(settings));
        services.AddSingleton(ImageQuota.From(settings));
    }
}
