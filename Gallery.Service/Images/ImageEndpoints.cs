using System.Diagnostics;
using System.Text.Json;
using Gallery.Service.Access;
using Gallery.Service.Erasure;
using Gallery.Service.Http;
using Gallery.Service.Limits;
using Gallery.Service.OpenApi;
using Gallery.Service.Telemetry;
using Gallery.Sql.Database;
using Gallery.Sql.Images;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;

namespace Gallery.Service.Images;

/// <summary>The endpoints of images. Each also answers without its trailing slash, and <c>HEAD</c> where it answers <c>GET</c>.</summary>
internal static class ImageEndpoints
{
    private const string Images = "/v1/gallery/";
    private const string MergePatch = "application/merge-patch+json";

    private static readonly Guid Example = ImageExamples.ImageId;
    private static readonly string[] Get = [HttpMethods.Get, HttpMethods.Head];

    public static void MapImages(this IEndpointRouteBuilder routes)
    {
        var images = routes.MapGroup("/v1/gallery").WithTag("Images", "The metadata of images.");

        images.MapPost("/", CreateImage)
            .WithName("CreateImage").WithSummary("Saves an image, or fills in what the saved one lacks")
            .WithDescription("A save never replaces a stored value, so it is safe to send it twice, late, or out of order. The outcome says what it did, and kept lists the stored values that differ.")
            .Takes(ImageExamples.Request).WithIfMatch().WithIfNoneMatch()
            .WithSwitch("recreate", "true: create the image again, even if it was deleted permanently. With a service key only.")
            .Answers(201, ImageExamples.Saved("created", "Image created successfully"))
            .Answers(200, ImageExamples.Saved("unchanged", "Image already saved; nothing changed"))
            .WithETag().WithHeader("Location", "The URL of the image.", 201)
            .Problems(ImageExamples.BadUrls).Problems(Permissions.ForbiddenSave, Permissions.ForbiddenUserId, ImageProblems.ForbiddenRecreate, ImageProblems.QuotaExceeded, ImageProblems.OwnedByAnother(Example), ImageProblems.Purged(Example), ImageProblems.PreconditionFailed(Example))
            .AllowedTo(Callers.Owner, Callers.ServiceKeys);
        images.MapMethods("/{image_id:uuid}/", Get, FindImage)
            .WithName("FindImage").WithSummary("Finds one image").WithDescription("An image in the trash answers 404 image_deleted.")
            .Answers(200, Envelope.Of(ImageExamples.Live, "Image retrieved successfully")).WithETag().Revalidates()
            .Problems(ImageProblems.InTrash(Example), ImageProblems.NotFound(Example))
            .AllowedTo(Callers.Owner, Callers.ServiceKeys);
        images.MapPatch("/{image_id:uuid}/", UpdateImage)
            .WithName("UpdateImage").WithSummary("Edits an image")
            .WithDescription("A JSON merge patch (RFC 7396): a field that is left out stays, and null erases. Send If-Match, so that no other change is overwritten unseen.")
            .Takes(ImageExamples.Edit, MergePatch, "application/json").WithIfMatch().WithIfNoneMatch()
            .Answers(200, Envelope.Of(ImageExamples.Edited, "Image updated successfully")).WithETag()
            .Problems(Permissions.ForbiddenUserId, ImageProblems.ForbiddenOwner, ImageProblems.QuotaExceeded, ImageProblems.InTrash(Example), ImageProblems.NotFound(Example), ImageProblems.PreconditionFailed(Example))
            .AllowedTo(Callers.Owner, Callers.ServiceKeys);
        images.MapDelete("/{image_id:uuid}/", SoftDeleteImage)
            .WithName("SoftDeleteImage").WithSummary("Moves an image to the trash").WithDescription("An image that is in the trash already stays as it is.")
            .WithIfMatch().WithIfNoneMatch().Answers(200, Envelope.Of(ImageExamples.InTrash, "Image deleted successfully")).WithETag()
            .Problems(ImageProblems.NotFound(Example), ImageProblems.PreconditionFailed(Example))
            .AllowedTo(Callers.Owner, Callers.ServiceKeys);
        images.MapPost("/{image_id:uuid}/restore/", RestoreImage)
            .WithName("RestoreImage").WithSummary("Restores an image from the trash").WithDescription("A live image stays as it is.")
            .WithIfMatch().WithIfNoneMatch().Answers(200, Envelope.Of(ImageExamples.Restored, "Image restored successfully")).WithETag()
            .Problems(ImageProblems.NotFound(Example), ImageProblems.PreconditionFailed(Example))
            .AllowedTo(Callers.Owner, Callers.ServiceKeys);
        images.MapDelete("/{image_id:uuid}/permanent/", PurgeImage)
            .WithName("PurgeImage").WithSummary("Deletes an image permanently").WithDescription("Works on live images and on those in the trash, and returns the image as it was. The picture stays at Cloudinary.")
            .WithIfMatch().WithIfNoneMatch().Answers(200, Envelope.Of(ImageExamples.InTrash, "Image permanently deleted"))
            .Problems(Permissions.ForbiddenPurge, ImageProblems.NotFound(Example), ImageProblems.PreconditionFailed(Example))
            .AllowedTo(Callers.Owner, Callers.ServiceKeys);
    }

    private static async Task<IResult> CreateImage(HttpContext http, Permissions permissions, ImageRepository images, ImageHosts hosts, CancellationToken ct)
    {
        if (permissions.FindSaveFault(http.Caller()) is { } mayNotSave) return mayNotSave;
        var (json, problem) = await JsonBody.ReadAsync(http.Request, ct);
        if (problem is not null) return problem;

        var caller = http.Caller();
        var errors = new FieldErrors();
        var conditions = Conditions.Read(http.Request, errors);
        var recreates = http.Request.Query.ReadSwitch("recreate", errors);
        NewImage? image;
        try
        {
            image = CreateImageRequest.Read(json, hosts, caller.UserId, errors, out _);
        }
        catch (JsonException e)
        {
            return JsonBody.Invalid(e.Message);
        }

        if (image is null) return errors.ToProblem();
        AccessLog.SetId(http, image.ImageId);
        if (Permissions.FindUserIdFault(caller, image.UserId) is { } forbidden) return forbidden;
        if (recreates && caller.UserId is not null) return ImageProblems.ForbiddenRecreate;

        using var turn = await http.TakeWriteTurnAsync(ct);
        var save = await images.SaveImageAsync(image with { If = conditions, Caller = caller, Recreates = recreates }, ct);
        if (save.Outcome == ImageOutcome.Created) http.Response.Headers.Location = http.UrlOf($"{Images}{image.ImageId}/");
        return save.Outcome switch
        {
            ImageOutcome.Created => Saved(http, 201, save, "created", "Image created successfully"),
            ImageOutcome.Updated => Saved(http, 200, save, "updated", "Image updated successfully"),
            ImageOutcome.Unchanged => Saved(http, 200, save, "unchanged", "Image already saved; nothing changed"),
            ImageOutcome.InTrash => Saved(http, 200, save, "in_trash", "Image is in the trash; nothing changed. Restore it to change it"),
            ImageOutcome.OwnedByAnother => ImageProblems.OwnedByAnother(image.ImageId),
            ImageOutcome.Purged => ImageProblems.Purged(image.ImageId),
            ImageOutcome.OverQuota => ImageProblems.QuotaExceeded,
            ImageOutcome.PreconditionFailed => PreconditionFailed(http, image.ImageId, save.Image),
            _ => throw new UnreachableException(),
        };
    }

    private static async Task<IResult> FindImage([FromRoute(Name = "image_id")] Guid imageId, HttpContext http, ImageRepository images, CancellationToken ct)
    {
        using var turn = await http.TakeTurnAsync(UserTurns.Short, ct);
        if (await images.FindImageAsync(new(imageId, http.Caller()), ct) is not { } image) return ImageProblems.NotFound(imageId);
        if (image.DeletedAt is not null) return ImageProblems.InTrash(imageId);

        SetETag(http, image);
        return Conditions.Matches(http.Request.Headers.IfNoneMatch, image.Version)
            ? TypedResults.StatusCode(304)
            : TypedResults.Ok(Envelope.Of(Image.Of(image, http.Retention()), "Image retrieved successfully"));
    }

    private static async Task<IResult> UpdateImage([FromRoute(Name = "image_id")] Guid imageId, HttpContext http, ImageRepository images, CancellationToken ct)
    {
        var (json, problem) = await JsonBody.ReadAsync(http.Request, ct, MergePatch, "application/json");
        if (problem is not null) return problem;

        var errors = new FieldErrors();
        var conditions = Conditions.Read(http.Request, errors);
        (Func<ImageRow, ImageRow>? edit, string? userId, int bytes) = (null, null, 0);
        try
        {
            (edit, userId, bytes) = UpdateImageRequest.Read(json, errors);
        }
        catch (JsonException e)
        {
            return JsonBody.Invalid(e.Message);
        }

        if (edit is null) return errors.ToProblem();
        if (userId is not null && Permissions.FindUserIdFault(http.Caller(), userId) is { } forbidden) return forbidden;

        using var turn = await http.TakeWriteTurnAsync(ct);
        var write = await images.UpdateImageAsync(new(imageId, http.Caller()) { If = conditions }, edit, bytes, ct);
        return Answer(http, imageId, write, "Image updated successfully", "Nothing changed; the image has these values already");
    }

    private static Task<IResult> SoftDeleteImage([FromRoute(Name = "image_id")] Guid imageId, HttpContext http, ImageRepository images, CancellationToken ct) =>
        ChangeAsync(imageId, http, images.SoftDeleteImageAsync, "Image deleted successfully", "Image is in the trash already; nothing changed", ct);

    private static Task<IResult> RestoreImage([FromRoute(Name = "image_id")] Guid imageId, HttpContext http, ImageRepository images, CancellationToken ct) =>
        ChangeAsync(imageId, http, images.RestoreImageAsync, "Image restored successfully", "Image is not in the trash; nothing changed", ct);

    private static async Task<IResult> PurgeImage([FromRoute(Name = "image_id")] Guid imageId, HttpContext http, Permissions permissions, ImageRepository images, Audit audit, CancellationToken ct)
    {
        if (permissions.FindPurgeFault(http.Caller()) is { } forbidden) return forbidden;
        var report = audit.OfDeletion(http, imageId);
        var answer = await ChangeAsync(imageId, http, (key, token) => images.PurgeImageAsync(key with { Report = report }, token), "Image permanently deleted", "", ct);
        if (answer is Ok<Envelope<Image>>) http.Response.Headers.ETag = default;   // the image no longer exists
        return answer;
    }

    /// <summary>An image that the caller may manage, live or in the trash. Null to those who may only see it.</summary>
    internal static async Task<ImageRow?> FindOwnedAsync(this ImageRepository images, Guid imageId, Caller caller, CancellationToken ct) =>
        await images.FindImageAsync(new(imageId, caller), ct) is { } image && (caller.UserId is null || caller.UserId == image.UserId) ? image : null;

    /// <summary>Changes one image, and answers it.</summary>
    internal static async Task<IResult> ChangeAsync(
        Guid imageId, HttpContext http, Func<ImageKey, CancellationToken, Task<ImageWrite>> change, string changed, string unchanged, CancellationToken ct)
    {
        var errors = new FieldErrors();
        var conditions = Conditions.Read(http.Request, errors);
        if (errors.Any) return errors.ToProblem();

        using var turn = await http.TakeWriteTurnAsync(ct);
        return Answer(http, imageId, await change(new(imageId, http.Caller()) { If = conditions }, ct), changed, unchanged);
    }

    /// <summary>One user's writes come one after the other, because large ones would keep those of others waiting in the same statements.</summary>
    private static Task<IDisposable?> TakeWriteTurnAsync(this HttpContext http, CancellationToken ct) =>
        http.TakeTurnAsync(ImageNoun.Writes, ct);

    private static IResult Answer(HttpContext http, Guid imageId, ImageWrite write, string changed, string unchanged)
    {
        if (write.Outcome is ImageOutcome.Updated or ImageOutcome.Unchanged)
        {
            SetETag(http, write.Image!);
            RequestTags.SetOutcome(http, write.Outcome is ImageOutcome.Updated ? "updated" : "unchanged");
        }

        return write.Outcome switch
        {
            ImageOutcome.Updated => TypedResults.Ok(Envelope.Of(Image.Of(write.Image!, http.Retention()), changed)),
            ImageOutcome.Unchanged => TypedResults.Ok(Envelope.Of(Image.Of(write.Image!, http.Retention()), unchanged)),
            ImageOutcome.NotFound => ImageProblems.NotFound(imageId),
            ImageOutcome.InTrash => ImageProblems.InTrash(imageId),
            ImageOutcome.OwnedByAnother => ImageProblems.ForbiddenOwner,
            ImageOutcome.OverQuota => ImageProblems.QuotaExceeded,
            ImageOutcome.PreconditionFailed => PreconditionFailed(http, imageId, write.Image),
            _ => throw new UnreachableException(),
        };
    }

    private static JsonHttpResult<SavedImage> Saved(HttpContext http, int status, ImageWrite save, string outcome, string message)
    {
        SetETag(http, save.Image!);
        RequestTags.SetOutcome(http, outcome);
        return TypedResults.Json(SavedImage.Of(save, http.Retention(), outcome, message), statusCode: status);
    }

    private static ProblemResult PreconditionFailed(HttpContext http, Guid imageId, ImageRow? image)
    {
        if (image is not null) SetETag(http, image);
        return ImageProblems.PreconditionFailed(imageId);
    }

    internal static RetentionOptions Retention(this HttpContext http) => http.RequestServices.GetRequiredService<RetentionOptions>();

    private static void SetETag(HttpContext http, ImageRow image)
    {
        http.Response.Headers.ETag = $"\"{image.Version}\"";
        http.Response.Headers.CacheControl = "private, no-cache";   // caches keep it, and revalidate it with the ETag
    }
}
