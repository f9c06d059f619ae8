using System.Globalization;
using System.Text.Json;
using Gallery.Service.Access;
using Gallery.Service.Http;
using Gallery.Service.Images;
using Gallery.Service.Limits;
using Gallery.Service.OpenApi;
using Gallery.Sql.Database;
using Gallery.Sql.Statistics;
using Microsoft.AspNetCore.Mvc;

namespace Gallery.Service.Statistics;

/// <summary>Beacons that count views and downloads, and what was counted.</summary>
internal static class StatisticsEndpoints
{
    private const string Items = "items";
    private const string MostViewed = "/v1/gallery/statistics/top/";

    // navigator.sendBeacon sends a text as text/plain.
    private static readonly string[] BeaconTypes = ["application/json", "text/plain"];

    private static readonly string[] Get = [HttpMethods.Get, HttpMethods.Head];
    private static readonly Guid Example = ImageExamples.ImageId;
    private static readonly Beacon ExampleBeacon = new("visitor-7f3a", "user_456");
    private static readonly ProblemResult WithoutUser = FieldErrors.Of("user_id", "user_id is required. Name the user whose images are to be listed.");

    private static readonly ProblemResult TooMany = new(
        413, "too_many_items", string.Create(CultureInfo.InvariantCulture, $"{Items} has more than {BeaconBatch.MaximumItems:N0} items. Send them in several batches."));

    public static void MapStatistics(this IEndpointRouteBuilder routes)
    {
        var statistics = routes.MapGroup("/v1/gallery").WithTag("Statistics", "How often images are viewed and downloaded.");
        const string silent = "Always answers 204, whether or not the image exists. A visitor counts once a day (UTC). The owner, bots, and images in the trash do not count. It may be sent again at any time.";

        AsBeacon(statistics.MapPost("/{image_id:uuid}/views/", AddView)
            .WithName("AddView").WithSummary("Counts a view of an image").WithDescription(silent)
            .MayTake(ExampleBeacon, BeaconTypes[0], BeaconTypes[1]));
        AsBeacon(statistics.MapPost("/{image_id:uuid}/downloads/", AddDownload)
            .WithName("AddDownload").WithSummary("Counts a download of an image").WithDescription(silent)
            .MayTake(ExampleBeacon, BeaconTypes[0], BeaconTypes[1]));
        AsBeacon(statistics.MapPost("/batch/views/", AddViews)
            .WithName("AddViews").WithSummary("Counts up to 500 views and downloads").WithDescription($"{silent} If an item is wrong, none counts.")
            .Takes(new BeaconBatch([new(Example, "view", ExampleBeacon.Visitor, ExampleBeacon.Viewer)]), BeaconTypes[0], BeaconTypes[1])
            .Problems(TooMany));
        statistics.MapMethods("/{image_id:uuid}/statistics/", Get, FindStatistics)
            .WithName("FindStatistics").WithSummary("Counts the views and downloads of an image by day or month")
            .WithDescription("Views appear within seconds. Days are those of UTC.")
            .WithTime("from", "The first day. A time stands for its day. Default: 30 days up to the last one, or 12 months.")
            .WithTime("to", "The last day, included. Default: today, or the end of the longest range that begins at from.")
            .WithChoice("bucket", "day, or month for whole months.", "day", "month")
            .Answers(200, Envelope.Of(
                new ImageStatistics(Example, new(2026, 1, 15), new(2026, 1, 16), "day", 12, 3, 40, 5, [new(new(2026, 1, 15), 12, 3), new(new(2026, 1, 16), 0, 0)]),
                "Statistics retrieved successfully"))
            .Problems(ImageProblems.InTrash(Example), ImageProblems.NotFound(Example))
            .AllowedTo(Callers.Owner, Callers.ServiceKeys)
            .TakesTurns(UserTurns.Short);
        statistics.MapMethods("/statistics/top/", Get, ListMostViewed)
            .WithName("ListMostViewed").WithSummary("Lists a user's most viewed images")
            .WithDescription("Images in the trash and images without a view are not listed. Counts change, so an image may be listed twice or not at all during a walk of the pages.")
            .WithRequired("user_id", "Whose images. With a user's token it may be left out, and is their own.", 1, Caller.UserIdMaximum)
            .WithPaging()
            .Answers(200, Envelope.Of<ViewedImage>(
                [new(Example, ImageExamples.Live.ImageUrl, ImageExamples.Live.ThumbnailUrl, 40, 5)], "Most viewed images retrieved successfully", new Pagination(PageQuery.DefaultLimit, null)))
            .Problems(WithoutUser, Permissions.ForbiddenUserId)
            .AllowedTo(Callers.Users, Callers.ServiceKeys);
    }

    private static void AsBeacon(RouteHandlerBuilder route) => route.AnswersNothing().AllowedTo(Callers.Users, Callers.ServiceKeys);

    private static Task<IResult> AddView([FromRoute(Name = "image_id")] Guid imageId, HttpContext http, VisitBuffer visits, CancellationToken ct) =>
        AddAsync(imageId, VisitKind.View, http, visits, ct);

    private static Task<IResult> AddDownload([FromRoute(Name = "image_id")] Guid imageId, HttpContext http, VisitBuffer visits, CancellationToken ct) =>
        AddAsync(imageId, VisitKind.Download, http, visits, ct);

    private static async Task<IResult> AddAsync(Guid imageId, VisitKind kind, HttpContext http, VisitBuffer visits, CancellationToken ct)
    {
        var (json, problem) = BodyLimit.MayCome(http) ? await JsonBody.ReadAsync(http.Request, ct, BeaconTypes) : default;
        if (problem is not null) return problem;

        (string? visitor, string? viewer) = (null, null);
        if (!json.IsEmpty)
        {
            var errors = new FieldErrors();
            try
            {
                (visitor, viewer) = ReadPerson(JsonFields.Read(json, ["visitor", "viewer"], errors));
            }
            catch (JsonException e)
            {
                return JsonBody.Invalid(e.Message);
            }

            if (errors.Any) return errors.ToProblem();
        }

        visits.Note(imageId, kind, http, visitor, viewer);
        return TypedResults.NoContent();
    }

    private static async Task<IResult> AddViews(HttpContext http, VisitBuffer visits, [FromKeyedServices(StatisticsNoun.Batches)] UserTurns turns, CancellationToken ct)
    {
        var (json, problem) = await JsonBody.ReadAsync(http.Request, ct, BeaconTypes);
        if (problem is not null) return problem;

        using var turn = await turns.TakeAsync(http.Caller(), ct, json.Length);   // reading them takes a processor for milliseconds
        var errors = new FieldErrors();
        var beacons = new List<BeaconItem>();
        try
        {
            var items = JsonFields.Read(json, [Items], errors).RequireArray(Items, BeaconBatch.MaximumItems) ?? [];
            if (items.Count > BeaconBatch.MaximumItems) return TooMany;
            foreach (var item in items)
                if (ReadItem(item, $"{Items}[{beacons.Count}]", errors) is { } beacon) beacons.Add(beacon);
                else break;   // one wrong item says enough
        }
        catch (JsonException e)
        {
            return JsonBody.Invalid(e.Message);
        }

        if (errors.Any) return errors.ToProblem();
        foreach (var beacon in beacons) visits.Note(beacon.ImageId, beacon.Kind == "download" ? VisitKind.Download : VisitKind.View, http, beacon.Visitor, beacon.Viewer);
        return TypedResults.NoContent();
    }

    /// <summary>An item of a batch. Null if it has a fault, which is added under the item's place.</summary>
    private static BeaconItem? ReadItem(ReadOnlyMemory<byte> json, string place, FieldErrors errors)
    {
        var faults = new FieldErrors();
        if (json.Span[0] != '{')
        {
            errors.Add(place, $"{place} must be an object with image_id.");
            return null;
        }

        var fields = JsonFields.Read(json, ["image_id", "kind", "visitor", "viewer"], faults);
        var id = fields.RequireId("image_id");
        var kind = fields.FindWord("kind", "view", "download");
        var (visitor, viewer) = ReadPerson(fields);
        if (!faults.Any) return new(id!.Value, kind, visitor, viewer);
        errors.AddOf(place, faults);
        return null;
    }

    private static (string? Visitor, string? Viewer) ReadPerson(JsonFields fields) =>
        (fields.FindText("visitor", 1, Beacon.VisitorMaximum), fields.FindText("viewer", 1, Caller.UserIdMaximum));

    private static async Task<IResult> FindStatistics([FromRoute(Name = "image_id")] Guid imageId, HttpContext http, StatisticsRepository statistics, TimeProvider clock, CancellationToken ct)
    {
        var errors = new FieldErrors();
        var range = DayRange.Read(http.Request.Query, DateOnly.FromDateTime(clock.GetUtcNow().UtcDateTime), errors);
        if (errors.Any) return errors.ToProblem();

        if (await statistics.FindStatisticsAsync(imageId, http.Caller().UserId, range.From, range.To, range.ByMonth, ct) is not { } found) return ImageProblems.NotFound(imageId);
        if (found.IsInTrash) return ImageProblems.InTrash(imageId);
        http.Response.Headers.CacheControl = "no-store";
        return TypedResults.Ok(Envelope.Of(ImageStatistics.Of(imageId, range, found), "Statistics retrieved successfully"));
    }

    private static async Task<IResult> ListMostViewed(
        HttpContext http, StatisticsRepository statistics, [FromKeyedServices(StatisticsNoun.Lists)] UserTurns turns, CancellationToken ct)
    {
        var caller = http.Caller();
        var errors = new FieldErrors();
        var page = new PageQuery(MostViewed, http.Request.Query, [("user_id", caller.UserId)], errors);
        var userId = http.Request.Query.ReadUserId(caller, errors, isRequired: true);
        if (errors.Any) return errors.ToProblem();
        if (userId is null) return WithoutUser;
        if (Permissions.FindUserIdFault(caller, userId) is { } forbidden) return forbidden;

        var (views, after) = page.AfterRow ?? (long.MaxValue, Guid.Empty);
        using var turn = await turns.TakeAsync(caller, ct);   // each user has one, so that a user with many images keeps out no one else
        var rows = await statistics.ListMostViewedAsync(userId, views, after, page.Limit + 1, ct);
        var next = rows.Count > page.Limit ? page.CursorAt(rows[page.Limit - 1].Views, rows[page.Limit - 1].ImageId) : null;
        if (next is not null) http.Response.Headers.Link = page.Link(http, next);
        http.Response.Headers.CacheControl = "no-store";
        return TypedResults.Ok(Envelope.Of([.. rows.Take(page.Limit).Select(ViewedImage.Of)], "Most viewed images retrieved successfully", new Pagination(page.Limit, next)));
    }
}
