using System.Text.Json;
using System.Text.Json.Nodes;
using Gallery.Service.Health;
using Gallery.Service.Http;
using Gallery.Service.Images;

namespace Gallery.Service.OpenApi;

/// <summary>One example for each answer, made of the wire's own types, so that its form can not drift from theirs.</summary>
internal static class Examples
{
    private const string ImageId = "8d76bd3a-053e-4bb5-a2ab-ce147e53f40c";
    private static readonly DateTime Created = new(2026, 1, 15, 10, 30, 0, DateTimeKind.Utc);
    private static readonly DateTime Deleted = Created.AddHours(1);

    private static readonly Image Live = new(
        Guid.Parse(ImageId),
        "user_123",
        $"https://res.cloudinary.com/demo/image/upload/{ImageId}.jpg",
        "A vibrant sunset over mountains",
        "generate",
        """{"model": "gemini-pro", "generation_time": 3.5}""",
        Created,
        Created,
        null,
        1);

    private static readonly Image InTrash = Live with { UpdatedAt = Deleted, DeletedAt = Deleted, Revision = 2 };

    public static JsonNode Request() => new JsonObject
    {
        ["user_id"] = Live.UserId,
        ["image_url"] = Live.ImageUrl,
        ["refined_prompt"] = Live.RefinedPrompt,
        ["intent"] = Live.Intent,
        ["metadata"] = JsonNode.Parse(Live.Metadata),
    };

    /// <summary>The example of an operation's answer; null where its schema alone says it.</summary>
    public static JsonNode? Find(string operationId, string status) => (operationId, status) switch
    {
        ("FindLiveness", "200") => Of(new HealthReport("alive"), "The service is alive"),
        ("FindReadiness", "200") => Of(new HealthReport("ready"), "The database is reachable and has had all migrations"),
        ("CreateImage", "201") => Of(Live, "Image created successfully"),
        ("CreateImage", "200") => Of(Live, "Image already saved; nothing changed"),
        ("FindImage", "200") => Of(Live, "Image retrieved successfully"),
        ("SoftDeleteImage", "200") => Of(InTrash, "Image deleted successfully"),
        ("RestoreImage", "200") => Of(Live with { Revision = 3, UpdatedAt = Deleted.AddHours(1) }, "Image restored successfully"),
        ("PurgeImage", "200") => Of(InTrash, "Image permanently deleted"),
        ("ListImages", "200") => Page(Live, "Images retrieved successfully"),
        ("ListDeletedImages", "200") => Page(InTrash, "Deleted images retrieved successfully"),
        ("ListImages" or "ListDeletedImages", "400") =>
            Problem(400, "validation_failed", "limit takes a whole number from 1 to 200; leave it out for 50.", "limit"),
        ("CreateImage", "400") => Problem(
            400, "no_uuid_in_file_name", "The URL's file name, 'cat.png', holds no UUID of its own: name the file by one, with its dashes.", "image_url"),
        (_, "408") => Problem(408, "request_timeout", "The body came too slowly, or was not whole in time. Send it again, faster or smaller."),
        ("CreateImage", "409") => Problem(
            409, "image_owned_by_another_user", $"Image {ImageId} belongs to another user, and an image never changes its owner."),
        ("CreateImage", "413") => Problem(413, "body_too_large", "The body is over 262,144 bytes, the most that is taken here."),
        (_, "413") => Problem(413, "body_too_large", "The body is over 4,096 bytes, the most that is taken here."),
        ("CreateImage", "415") => Problem(
            415, "unsupported_media_type", "The body must be JSON in UTF-8, sent as Content-Type: application/json and without a Content-Encoding."),
        (_, "400") => Problem(400, "several_credentials", "Authorization and X-API-Key hold different credentials, and which is meant can not be told; send one."),
        (_, "401") => Problem(401, "expired_token", "The token has expired. Refresh the session, or sign in again."),
        ("PurgeImage", "403") => Problem(
            403, "forbidden_purge", "Users' tokens may not delete for good here; DELETE /v1/gallery/{image_id}/ moves an image to the trash."),
        (_, "403") => Problem(403, "forbidden_user_id", "user_id is not the token's own user (its sub); leave it out, or send that.", "user_id"),
        ("FindImage", "404") => Problem(404, "image_deleted", $"Image {ImageId} is in the trash. POST /v1/gallery/{ImageId}/restore/ brings it back."),
        (_, "404") => Problem(404, "image_not_found", $"There is no image {ImageId}."),
        (_, "429") => Problem(429, "rate_limited", "More than 100 requests a second; nothing was done. Send this one again a little later."),
        ("FindReadiness", "503") => Problem(503, "migrations_pending", "The database has not had 0001_create_image.sql; run the migrator: dotnet run --project Gallery.Sql -- apply."),
        (_, "503") => Problem(503, "database_unavailable", "The database does not answer; nothing is known to be saved. Try again."),
        (_, "500") => Problem(500, "internal_error", "Something went wrong here, not in the request. The log has it under the trace_id."),
        _ => null,
    };

    private static JsonNode? Of(Image image, string message) =>
        JsonSerializer.SerializeToNode(Envelope.Of(image, message), GalleryJson.Wire.EnvelopeImage);

    private static JsonNode? Of(HealthReport report, string message) =>
        JsonSerializer.SerializeToNode(Envelope.Of(report, message), GalleryJson.Wire.EnvelopeHealthReport);

    private static JsonNode? Page(Image image, string message) =>
        JsonSerializer.SerializeToNode(
            Envelope.Of<Image>([image], message, new Pagination(PageQuery.DefaultLimit, null)), GalleryJson.Wire.PageEnvelopeImage);

    private static JsonNode? Problem(int status, string code, string message, string? field = null) =>
        JsonSerializer.SerializeToNode(
            Http.Problem.Of(status, code, message, "0af7651916cd43dd8448eb211c80319c", field is null ? null : new Dictionary<string, string[]> { [field] = [message] }),
            GalleryJson.Wire.Problem);
}
