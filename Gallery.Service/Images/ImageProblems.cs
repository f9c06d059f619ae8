using Gallery.Service.Http;

namespace Gallery.Service.Images;

/// <summary>The failures that only images have.</summary>
internal static class ImageProblems
{
    public static readonly ProblemResult ForbiddenRecreate =
        new(403, "forbidden_recreate", "Only a service key may create an image again that was deleted permanently. Leave recreate out.");

    public static readonly ProblemResult ForbiddenOwner = new(403, "forbidden_owner", "Only a service key may change the owner of an image. Leave user_id out.");

    public static readonly ProblemResult QuotaExceeded = new(
        403, "quota_exceeded", "The user has as many images as GALLERY_MAX_IMAGES_PER_USER allows, counting the trash. Delete some permanently.");

    public static ProblemResult NotFound(Guid imageId) => new(404, "image_not_found", $"There is no image {imageId}.");

    public static ProblemResult InTrash(Guid imageId) =>
        new(404, "image_deleted", $"Image {imageId} is in the trash. POST /v1/gallery/{imageId}/restore/ restores it.");

    public static ProblemResult OwnedByAnother(Guid imageId) =>
        new(409, "image_owned_by_another_user", $"Image {imageId} belongs to another user. Save it with its owner's user_id.");

    public static ProblemResult Purged(Guid imageId) =>
        new(410, "image_purged", $"Image {imageId} was deleted permanently. A service key can create it again with ?recreate=true.");

    public static ProblemResult PreconditionFailed(Guid imageId) =>
        new(412, "precondition_failed", $"Image {imageId} is not in the state that If-Match or If-None-Match asks for. Read it again.");
}
