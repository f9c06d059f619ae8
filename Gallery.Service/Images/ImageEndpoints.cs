using System.Diagnostics;
using System.Text.Json;
using Gallery.Service.Access;
using Gallery.Service.Http;
using Gallery.Service.OpenApi;
using Gallery.Sql.Images;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Gallery.Service.Images;

/// <summary>The seven endpoints. Each also answers without its trailing slash, and <c>HEAD</c> where it answers <c>GET</c>.</summary>
internal static class ImageEndpoints
{
    private const string Images = "/v1/gallery/";
    private const string Trash = "/v1/gallery/deleted/";

    private static readonly string[] Get = [HttpMethods.Get, HttpMethods.Head];

    public static void MapImages(this IEndpointRouteBuilder routes)
    {
        var images = routes.MapGroup("").WithTags("Images").AnswersToCredentials().Limited();

        images.MapMethods(Images, Get, ListImages)
            .WithName("ListImages").WithSummary("One user's images, newest first; without user_id, everyone's")
            .Answers<PageEnvelope<Image>>(200).Problems(400, 403);
        images.MapPost(Images, CreateImage)
            .WithName("CreateImage").WithSummary("Saves an image; saving it again is no error")
            .Accepts<CreateImageRequest>("application/json")
            .Answers<SavedImage>(200, 201).Problems(400, 403, 408, 409, 412, 413, 415);
        images.MapMethods(Trash, Get, ListDeletedImages)
            .WithName("ListDeletedImages").WithSummary("One user's trash, latest deletion first; without user_id, everyone's")
            .Answers<PageEnvelope<Image>>(200).Problems(400, 403);
        images.MapMethods("/v1/gallery/{imageId:uuid}/", Get, FindImage)
            .WithName("FindImage").WithSummary("One live image")
            .Answers<Envelope<Image>>(200).Answers(304).Problems(404);
        images.MapDelete("/v1/gallery/{imageId:uuid}/", SoftDeleteImage)
            .WithName("SoftDeleteImage").WithSummary("Moves an image to the trash; again changes nothing")
            .Answers<Envelope<Image>>(200).Problems(404, 412);
        images.MapPost("/v1/gallery/{imageId:uuid}/restore/", RestoreImage)
            .WithName("RestoreImage").WithSummary("Brings an image back from the trash; a live one stays as it is")
            .Answers<Envelope<Image>>(200).Problems(404, 412);
        images.MapDelete("/v1/gallery/{imageId:uuid}/permanent/", PurgeImage)
            .WithName("PurgeImage").WithSummary("Deletes an image for good, live or in the trash, and answers what it was")
            .Answers<Envelope<Image>>(200).Problems(403, 404, 412);
    }

    private static async Task<IResult> CreateImage(HttpContext http, ImageRepository images, ImageHosts hosts, CancellationToken ct)
    {
        var (json, problem) = await JsonBody.ReadAsync(http.Request, ct);
        if (problem is not null) return problem;

        var caller = http.Caller();
        var errors = new FieldErrors();
        var conditions = Conditions.Read(http.Request, errors);
        NewImage? image;
        try
        {
            image = CreateImageRequest.Read(json, hosts, caller.UserId, errors);
        }
        catch (JsonException e)
        {
            return JsonBody.Invalid(
                $"The body is not a JSON object with user_id and image_url; it went wrong at line {(e.LineNumber ?? 0) + 1}, byte {(e.BytePositionInLine ?? 0) + 1}.");
        }

        if (image is null) return errors.ToProblem();
        if (Permissions.FindUserIdFault(caller, image.UserId) is { } forbidden) return forbidden;

        var save = await images.SaveImageAsync(image with { If = conditions }, ct);
        if (save.Outcome == ImageOutcome.Created) http.Response.Headers.Location = $"{Images}{image.ImageId}/";
        return save.Outcome switch
        {
            ImageOutcome.Created => Saved(http, 201, save, "created", "Image created successfully"),
            ImageOutcome.Updated => Saved(http, 200, save, "updated", "Image updated successfully"),
            ImageOutcome.Unchanged => Saved(http, 200, save, "unchanged", "Image already saved; nothing changed"),
            ImageOutcome.InTrash => Saved(http, 200, save, "in_trash", "Image is in the trash; nothing changed. Restore it to change it"),
            ImageOutcome.OwnedByAnother => new ProblemResult(
                409, "image_owned_by_another_user", $"Image {image.ImageId} belongs to another user. Save it with its owner's user_id."),
            ImageOutcome.PreconditionFailed => PreconditionFailed(http, image.ImageId, save.Image),
            _ => throw new UnreachableException(),
        };
    }

    private static Task<IResult> ListImages(HttpContext http, ImageRepository images, CancellationToken ct) =>
        ListAsync(http, Images, "Images retrieved successfully", images.ListImagesAsync, ct);

    private static Task<IResult> ListDeletedImages(HttpContext http, ImageRepository images, CancellationToken ct) =>
        ListAsync(http, Trash, "Deleted images retrieved successfully", images.ListDeletedImagesAsync, ct);

    private static async Task<IResult> ListAsync(
        HttpContext http, string path, string message, Func<string?, ImageKeyset, int, CancellationToken, Task<ImagePage>> list, CancellationToken ct)
    {
        var caller = http.Caller();
        var errors = new FieldErrors();
        var query = new PageQuery(path, http.Request.Query, [("user_id", caller.UserId)], errors);
        var userId = http.Request.Query.TryGetValue("user_id", out var text) ? text.ToString() : caller.UserId;
        if (userId is not null && TextRules.FindFault("user_id", userId, 1, CreateImageRequest.UserIdMaximum) is { } fault)
            errors.Add("user_id", $"{fault} Leave user_id out to list {(caller.UserId is null ? "everyone's" : "your own")}.");
        if (errors.Any) return errors.ToProblem();
        if (Permissions.FindUserIdFault(caller, userId) is { } forbidden) return forbidden;

        var page = await list(userId, query.After is { } place ? new(place.At, place.Id) : ImageKeyset.Start, query.Limit, ct);
        var next = page.Next is { } last ? query.CursorAt(last.At, last.ImageId) : null;
        if (next is not null) http.Response.Headers.Link = query.Link(next);
        http.Response.Headers.CacheControl = "no-store";
        return TypedResults.Ok(Envelope.Of([.. page.Images.Select(Image.Of)], message, new Pagination(query.Limit, next)));
    }

    private static async Task<IResult> FindImage(Guid imageId, HttpContext http, ImageRepository images, CancellationToken ct)
    {
        if (await images.FindImageAsync(new(imageId, http.Caller()), ct) is not { } image) return NotFound(imageId);
        if (image.DeletedAt is not null)
            return new ProblemResult(404, "image_deleted", $"Image {imageId} is in the trash. POST /v1/gallery/{imageId}/restore/ restores it.");

        SetETag(http, image);
        return Conditions.Matches(http.Request.Headers.IfNoneMatch, image.Version)
            ? TypedResults.StatusCode(304)
            : TypedResults.Ok(Envelope.Of(Image.Of(image), "Image retrieved successfully"));
    }

    private static Task<IResult> SoftDeleteImage(Guid imageId, HttpContext http, ImageRepository images, CancellationToken ct) =>
        ChangeAsync(imageId, http, images.SoftDeleteImageAsync, "Image deleted successfully", "Image is in the trash already; nothing changed", ct);

    private static Task<IResult> RestoreImage(Guid imageId, HttpContext http, ImageRepository images, CancellationToken ct) =>
        ChangeAsync(imageId, http, images.RestoreImageAsync, "Image restored successfully", "Image is not in the trash; nothing changed", ct);

    private static async Task<IResult> PurgeImage(Guid imageId, HttpContext http, Permissions permissions, ImageRepository images, CancellationToken ct)
    {
        if (permissions.FindPurgeFault(http.Caller()) is { } forbidden) return forbidden;
        var answer = await ChangeAsync(imageId, http, images.PurgeImageAsync, "Image permanently deleted", "", ct);
        if (answer is Ok<Envelope<Image>>) http.Response.Headers.ETag = default;   // there is nothing left to ask for
        return answer;
    }

    private static async Task<IResult> ChangeAsync(
        Guid imageId, HttpContext http, Func<ImageKey, CancellationToken, Task<ImageWrite>> change, string changed, string unchanged, CancellationToken ct)
    {
        var errors = new FieldErrors();
        var conditions = Conditions.Read(http.Request, errors);
        if (errors.Any) return errors.ToProblem();

        var write = await change(new(imageId, http.Caller()) { If = conditions }, ct);
        return write.Outcome switch
        {
            ImageOutcome.Updated => Answer(changed),
            ImageOutcome.Unchanged => Answer(unchanged),
            ImageOutcome.NotFound => NotFound(imageId),
            ImageOutcome.PreconditionFailed => PreconditionFailed(http, imageId, write.Image),
            _ => throw new UnreachableException(),
        };

        Ok<Envelope<Image>> Answer(string message)
        {
            SetETag(http, write.Image!);
            return TypedResults.Ok(Envelope.Of(Image.Of(write.Image!), message));
        }
    }

    private static JsonHttpResult<SavedImage> Saved(HttpContext http, int status, ImageWrite save, string outcome, string message)
    {
        SetETag(http, save.Image!);
        return TypedResults.Json(SavedImage.Of(save, outcome, message), statusCode: status);
    }

    private static ProblemResult PreconditionFailed(HttpContext http, Guid imageId, ImageRow? image)
    {
        if (image is not null) SetETag(http, image);
        return new(412, "precondition_failed", $"Image {imageId} is not in the state that If-Match or If-None-Match asks for. Read it again.");
    }

    private static ProblemResult NotFound(Guid imageId) => new(404, "image_not_found", $"There is no image {imageId}.");

    private static void SetETag(HttpContext http, ImageRow image)
    {
        http.Response.Headers.ETag = $"\"{image.Version}\"";
        http.Response.Headers.CacheControl = "private, no-cache";   // caches keep it, and revalidate it with the ETag
    }
}
