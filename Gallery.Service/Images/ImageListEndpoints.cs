using System.Globalization;
using Gallery.Service.Access;
using Gallery.Service.Http;
using Gallery.Service.Limits;
using Gallery.Service.OpenApi;
using Gallery.Sql.Images;
using Gallery.Sql.Statistics;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.Extensions.Options;

namespace Gallery.Service.Images;

/// <summary>The lists of images, and the counts under the same filters.</summary>
internal static class ImageListEndpoints
{
    private const string Images = "/v1/gallery/";
    private const string Trash = "/v1/gallery/deleted/";

    private static readonly string[] Get = [HttpMethods.Get, HttpMethods.Head];

    public static void MapImageLists(this IEndpointRouteBuilder routes)
    {
        var images = routes.MapGroup("/v1/gallery").WithTag("Images", "The metadata of images.");

        images.MapMethods("/", Get, ListImages)
            .WithName("ListImages").WithSummary("Lists images, newest first").WithDescription("Each image that is there throughout a walk of the pages is listed exactly once. An image has to pass every filter.")
            .WithImageFilters().WithChoice("sort", "The order: newest first, or oldest first.", "-created_at", "created_at").WithSelection().WithPaging()
            .Answers(200, ImageExamples.Page(ImageExamples.Live, "Images retrieved successfully"))
            .Problems(Permissions.ForbiddenUserId)
            .AllowedTo(Callers.Users, Callers.ServiceKeys);
        images.MapMethods("/deleted/", Get, ListDeletedImages)
            .WithName("ListDeletedImages").WithSummary("Lists the trash, latest deletion first").WithDescription("Images in the trash are absent from all other lists. An image has to pass every filter.")
            .WithImageFilters().WithChoice("sort", "The order: latest deletion first, or another one.", "-deleted_at", "deleted_at", "-created_at", "created_at").WithSelection().WithPaging()
            .Answers(200, ImageExamples.Page(ImageExamples.InTrash, "Deleted images retrieved successfully"))
            .Problems(Permissions.ForbiddenUserId)
            .AllowedTo(Callers.Users, Callers.ServiceKeys);
        images.MapMethods("/facets/", Get, CountFacets)
            .WithName("CountFacets").WithSummary("Counts live images by intent, tag and month")
            .WithDescription("Takes the filters of the list. If more than 10,000 images pass them, only the newest 10,000 are counted, and images is \"10000+\".")
            .WithImageFilters()
            .Answers(200, Envelope.Of(Facets.Example, "Images counted successfully"))
            .Problems(Permissions.ForbiddenUserId)
            .AllowedTo(Callers.Users, Callers.ServiceKeys);
    }

    private static RouteHandlerBuilder WithSelection(this RouteHandlerBuilder route) => route
        .WithFields(ImageJsonContext.Default.Image, "The fields to show of each image. Without it all but views and downloads. A page of large images ends early, whichever fields it shows.")
        .WithChoice("count", "exact: pagination.count is the number of images on all pages, or \"10000+\". estimated: the planner's estimate, which costs less. With a user's token it is exact too.", "none", "exact", "estimated");

    private static Task<IResult> ListImages(HttpContext http, ImageRepository images, StatisticsRepository statistics, IOptions<JsonOptions> json, [FromKeyedServices(ImageNoun.Searches)] UserTurns searches, [FromKeyedServices(ImageNoun.PlainLists)] UserTurns plain, CancellationToken ct) =>
        ListAsync(http, images, statistics, json, searches, plain, Images, "Images retrieved successfully", ["-created_at", "created_at"], live: true, ct);

    private static Task<IResult> ListDeletedImages(HttpContext http, ImageRepository images, StatisticsRepository statistics, IOptions<JsonOptions> json, [FromKeyedServices(ImageNoun.Searches)] UserTurns searches, [FromKeyedServices(ImageNoun.PlainLists)] UserTurns plain, CancellationToken ct) =>
        ListAsync(http, images, statistics, json, searches, plain, Trash, "Deleted images retrieved successfully", ["-deleted_at", "deleted_at", "-created_at", "created_at"], live: false, ct);

    private static async Task<IResult> ListAsync(
        HttpContext http, ImageRepository images, StatisticsRepository statistics, IOptions<JsonOptions> json, UserTurns searches, UserTurns plain, string path, string message, string[] sorts, bool live, CancellationToken ct)
    {
        var errors = new FieldErrors();
        var query = http.Request.Query;
        var page = new PageQuery(path, query, ImageFilters.Names(http, sorts[0]), errors);
        var filter = ImageFilters.Read(http, errors);
        var sort = query.ReadChoice("sort", errors, sorts);
        var count = query.ReadChoice("count", errors, "none", "exact", "estimated");
        var selection = FieldSelection.Read(query, json.Value.SerializerOptions.GetTypeInfo(typeof(Image)), errors);
        if (errors.Any) return errors.ToProblem();
        if (Permissions.FindUserIdFault(http.Caller(), filter.UserId) is { } forbidden) return forbidden;

        var order = new ImageOrder(live, sort.EndsWith("created_at", StringComparison.Ordinal) ? ImageTime.Created : ImageTime.Deleted, OldestFirst: sort[0] != '-');
        var after = page.After is { } place ? new(place.At, place.Id) : order.Start;
        var isPlain = filter.IsOwnerAlone && (order == ImageOrder.List || order == ImageOrder.Trash);
        var isSearch = !isPlain || count != "none";
        using var turn = await (isSearch ? searches : plain).TakeAsync(http.Caller(), ct);
        using var search = isSearch ? await images.StartSearchAsync(ct) : null;   // one for the page and the count
        try
        {
            var found = !isPlain ? await images.SearchImagesAsync(search!, filter, order, after, page.Limit, ct)
                : live ? await images.ListImagesAsync(filter.UserId, after, page.Limit, ct)
                : await images.ListDeletedImagesAsync(filter.UserId, after, page.Limit, ct);
            var next = found.Next is { } last ? page.CursorAt(last.At, last.ImageId) : null;
            if (next is not null) http.Response.Headers.Link = page.Link(http, next);
            http.Response.Headers.CacheControl = "no-store";
            var pagination = new Pagination(page.Limit, next, count switch
            {
                "estimated" when http.Caller().UserId is null => (await images.EstimateImagesAsync(search!, filter, live, ct)).ToString(CultureInfo.InvariantCulture),
                "none" => null,
                _ => Facets.Count(await images.CountImagesAsync(search!, filter, live, ct)),   // the planner's statistics would tell a user what others' images have
            });
            var retention = http.Retention();
            var counts = selection?.Has("views", "downloads") == true ? await statistics.ListCountsAsync([.. found.Images.Select(image => image.ImageId)], ct) : null;
            var shown = found.Images.Select(image => Image.Of(image, retention)).Select(image => counts is null ? image : image.With(counts.GetValueOrDefault(image.ImageId)));
            return selection is null
                ? TypedResults.Ok(Envelope.Of([.. shown], message, pagination))
                : TypedResults.Ok(Envelope.Of([.. shown.Select(selection.Of)], message, pagination));
        }
        catch (SearchTooBroadException)
        {
            return ImageFilters.TooBroadFor(filter);
        }
    }

    private static async Task<IResult> CountFacets(HttpContext http, ImageRepository images, [FromKeyedServices(ImageNoun.Searches)] UserTurns turns, CancellationToken ct)
    {
        var errors = new FieldErrors();
        var filter = ImageFilters.Read(http, errors);
        if (errors.Any) return errors.ToProblem();
        if (Permissions.FindUserIdFault(http.Caller(), filter.UserId) is { } forbidden) return forbidden;

        using var turn = await turns.TakeAsync(http.Caller(), ct);
        using var search = await images.StartSearchAsync(ct);
        try
        {
            var facets = Facets.Of(await images.CountFacetsAsync(search, filter, ct));
            http.Response.Headers.CacheControl = "no-store";
            return TypedResults.Ok(Envelope.Of(facets, "Images counted successfully"));
        }
        catch (SearchTooBroadException)
        {
            return ImageFilters.TooBroadFor(filter);
        }
    }
}
