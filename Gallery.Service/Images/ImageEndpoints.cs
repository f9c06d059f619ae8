using System.Globalization;
using System.Text.Json;
using Gallery.Service.Access;
using Gallery.Service.Http;
using Gallery.Service.OpenApi;
using Gallery.Sql.Images;
using Microsoft.Net.Http.Headers;

namespace Gallery.Service.Images;

/// <summary>The seven endpoints. Each also answers without its trailing slash, and <c>HEAD</c> where it answers <c>GET</c>.</summary>
internal static class ImageEndpoints
{
    private const string Images = "/v1/gallery/";
    private const string Trash = "/v1/gallery/deleted/";

    /// <summary>
    /// A statement that changed nothing is explained by a find. Where the find shows a state that would have been changed, others
    /// were at the image between the two, and it is tried again.
    /// </summary>
    private const int Attempts = 10;

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
            .Answers<Envelope<Image>>(200, 201).Problems(400, 403, 408, 409, 413, 415);
        images.MapMethods(Trash, Get, ListDeletedImages)
            .WithName("ListDeletedImages").WithSummary("One user's trash, latest deletion first; without user_id, everyone's")
            .Answers<PageEnvelope<Image>>(200).Problems(400, 403);
        images.MapMethods("/v1/gallery/{imageId:uuid}/", Get, FindImage)
            .WithName("FindImage").WithSummary("One live image")
            .Answers<Envelope<Image>>(200).Answers(304).Problems(404);
        images.MapDelete("/v1/gallery/{imageId:uuid}/", SoftDeleteImage)
            .WithName("SoftDeleteImage").WithSummary("Moves an image to the trash; again changes nothing")
            .Answers<Envelope<Image>>(200).Problems(404);
        images.MapPost("/v1/gallery/{imageId:uuid}/restore/", RestoreImage)
            .WithName("RestoreImage").WithSummary("Brings an image back from the trash; a live one stays as it is")
            .Answers<Envelope<Image>>(200).Problems(404);
        images.MapDelete("/v1/gallery/{imageId:uuid}/permanent/", PurgeImage)
            .WithName("PurgeImage").WithSummary("Deletes an image for good, live or in the trash, and answers what it was")
            .Answers<Envelope<Image>>(200).Problems(403, 404);
    }

    private static async Task<IResult> CreateImage(HttpContext http, ImageCoalescer images, ImageHosts hosts, CancellationToken ct)
    {
        var (json, problem) = await JsonBody.ReadAsync(http.Request, ct);
        if (problem is not null) return problem;

        var caller = http.Caller();
        var errors = new FieldErrors();
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
        return Permissions.FindUserIdFault(caller, image.UserId) ?? await SaveAsync(http, images, image, ct);
    }

    private static async Task<IResult> SaveAsync(HttpContext http, ImageCoalescer images, NewImage image, CancellationToken ct)
    {
        for (var attempt = 1; attempt <= Attempts; attempt++)
        {
            if (await images.UpsertImageAsync(image, ct) is { } written)
                return Saved(http, written, created: written.Revision == 1, written.Revision == 1 ? "Image created successfully" : "Image updated successfully");

            if (await images.FindImageAsync(image.ImageId, userId: null, ct) is not { } stored) continue;   // purged between the two
            if (stored.UserId != image.UserId)
                return new ProblemResult(
                    StatusCodes.Status409Conflict,
                    "image_owned_by_another_user",
                    $"Image {image.ImageId} belongs to another user, and an image never changes its owner.");
            if (stored.DeletedAt is not null) return Saved(http, stored, created: false, "Image is in the trash; nothing changed. Restore it to change it");
            if (image.IsIn(stored)) return Saved(http, stored, created: false, "Image already saved; nothing changed");
            // Live, and not what was sent: it was in the trash for the upsert, and restored before the find.
        }

        return Contended(image.ImageId);
    }

    private static Task<IResult> ListImages(HttpContext http, ImageListCoalescer<ImagePage> lists, CancellationToken ct) =>
        ListAsync(http, Images, "Images retrieved successfully", lists.ListImagesAsync, ct);

    private static Task<IResult> ListDeletedImages(HttpContext http, ImageListCoalescer<ImagePage> lists, CancellationToken ct) =>
        ListAsync(http, Trash, "Deleted images retrieved successfully", lists.ListDeletedImagesAsync, ct);

    private static async Task<IResult> ListAsync(
        HttpContext http, string path, string message, Func<ImageList, CancellationToken, Task<ImagePage>> list, CancellationToken ct)
    {
        var caller = http.Caller();
        var errors = new FieldErrors();
        var query = new PageQuery(path, http.Request.Query, [("user_id", caller.UserId)], errors);
        var userId = http.Request.Query.TryGetValue("user_id", out var text) ? text.ToString() : caller.UserId;
        if (userId is not null && TextRules.FindFault("user_id", userId, 1, CreateImageRequest.UserIdMaximum) is { } fault)
            errors.Add("user_id", $"{fault} Leave user_id out to list {(caller.UserId is null ? "everyone's" : "your own")}.");
        if (errors.Any) return errors.ToProblem();
        if (Permissions.FindUserIdFault(caller, userId) is { } forbidden) return forbidden;

        var after = query.After is { } place ? new ImageKeyset(place.At, place.Id) : null;
        // One row more than asked tells whether a page follows.
        var (page, last) = await list(new(userId, after, query.Limit + 1), ct);
        var next = last is null ? null : query.CursorAt(last.At, last.ImageId);
        if (next is not null) http.Response.Headers.Link = query.Link(next);
        http.Response.Headers.CacheControl = "no-store";
        return ImageJson.EndPage(page, message, new Pagination(query.Limit, next));
    }

    private static async Task<IResult> FindImage(Guid imageId, HttpContext http, ImageCoalescer images, CancellationToken ct)
    {
        if (await images.FindImageAsync(imageId, http.Caller().UserId, ct) is not { } row) return NotFound(imageId);
        if (row.DeletedAt is not null)
            return new ProblemResult(
                StatusCodes.Status404NotFound, "image_deleted", $"Image {imageId} is in the trash. POST /v1/gallery/{imageId}/restore/ brings it back.");

        var etag = Validate(http, row);
        return Matches(http.Request, etag)
            ? TypedResults.StatusCode(StatusCodes.Status304NotModified)
            : ImageJson.Envelope(StatusCodes.Status200OK, row, "Image retrieved successfully");
    }

    private static async Task<IResult> SoftDeleteImage(Guid imageId, HttpContext http, ImageCoalescer images, CancellationToken ct)
    {
        var userId = http.Caller().UserId;
        for (var attempt = 1; attempt <= Attempts; attempt++)
        {
            if (await images.SoftDeleteImageAsync(imageId, userId, ct) is { } deleted) return Answer(http, deleted, "Image deleted successfully");
            if (await images.FindImageAsync(imageId, userId, ct) is not { } row) return NotFound(imageId);
            if (row.DeletedAt is not null) return Answer(http, row, "Image is in the trash already; nothing changed");
        }

        return Contended(imageId);
    }

    private static async Task<IResult> RestoreImage(Guid imageId, HttpContext http, ImageCoalescer images, CancellationToken ct)
    {
        var userId = http.Caller().UserId;
        for (var attempt = 1; attempt <= Attempts; attempt++)
        {
            if (await images.RestoreImageAsync(imageId, userId, ct) is { } restored) return Answer(http, restored, "Image restored successfully");
            if (await images.FindImageAsync(imageId, userId, ct) is not { } row) return NotFound(imageId);
            if (row.DeletedAt is null) return Answer(http, row, "Image is not in the trash; nothing changed");
        }

        return Contended(imageId);
    }

    private static async Task<IResult> PurgeImage(Guid imageId, HttpContext http, Permissions permissions, ImageCoalescer images, CancellationToken ct) =>
        permissions.FindPurgeFault(http.Caller()) is { } forbidden ? forbidden
        : await images.PurgeImageAsync(imageId, http.Caller().UserId, ct) is { } row ? ImageJson.Envelope(StatusCodes.Status200OK, row, "Image permanently deleted")
        : NotFound(imageId);

    private static JsonAnswer Saved(HttpContext http, ImageRow row, bool created, string message)
    {
        if (!created) return Answer(http, row, message);
        Validate(http, row);
        http.Response.Headers.Location = $"{Images}{row.ImageId}/";
        return ImageJson.Envelope(StatusCodes.Status201Created, row, message);
    }

    private static JsonAnswer Answer(HttpContext http, ImageRow row, string message)
    {
        Validate(http, row);
        return ImageJson.Envelope(StatusCodes.Status200OK, row, message);
    }

    private static ProblemResult Contended(Guid imageId) =>
        new(StatusCodes.Status503ServiceUnavailable, "image_contended", $"Image {imageId} is changed by others at every try. Try again.", RetryAfterSeconds: 1);

    private static ProblemResult NotFound(Guid imageId) =>
        new(StatusCodes.Status404NotFound, "image_not_found", $"There is no image {imageId}.");

    /// <summary>
    /// Sets the ETag: the revision, and when the row was created, since an image that was purged and saved again starts at 1 again.
    /// </summary>
    private static string Validate(HttpContext http, ImageRow row)
    {
        var created = row.CreatedAt.Ticks / TimeSpan.TicksPerMicrosecond;
        var etag = string.Create(CultureInfo.InvariantCulture, $"\"{row.Revision}-{created:x}\"");
        http.Response.Headers.ETag = etag;
        http.Response.Headers.CacheControl = "private, no-cache";   // may be kept, must be asked for again: that is what the ETag is for
        return etag;
    }

    /// <summary>If-None-Match by the weak comparison that RFC 9110, section 13.1.2, asks for.</summary>
    private static bool Matches(HttpRequest request, string etag)
    {
        if (request.Headers.IfNoneMatch.Count == 0) return false;
        var current = new EntityTagHeaderValue(etag);
        return EntityTagHeaderValue.TryParseList(request.Headers.IfNoneMatch, out var tags)
            && tags.Any(tag => tag.Equals(EntityTagHeaderValue.Any) || tag.Compare(current, useStrongComparison: false));
    }
}
