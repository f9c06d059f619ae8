using Gallery.Service.Access;
using Gallery.Service.Http;
using Gallery.Service.Images;
using Gallery.Service.Limits;
using Gallery.Service.OpenApi;
using Gallery.Sql.Database;
using Gallery.Sql.History;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;

namespace Gallery.Service.History;

/// <summary>The history of one image, and the changes of all images.</summary>
internal static class HistoryEndpoints
{
    private const int MaximumWait = 30;   // seconds; proxies commonly end a request after 60

    private static readonly string[] Get = [HttpMethods.Get, HttpMethods.Head];
    private static readonly ProblemResult BadWait = FieldErrors.Of("wait", QueryParameters.NumberFault("wait", "x", MaximumWait));

    private static readonly PageEnvelope<ImageEvent> Example = Envelope.Of<ImageEvent>(
        [new(ImageExamples.ImageId, 2, "edited", new DateTime(2026, 1, 15, 10, 45, 0, DateTimeKind.Utc), "key:pipeline", ["refined_prompt"])], "History retrieved successfully", new Pagination(50, null));

    public static void MapHistory(this IEndpointRouteBuilder routes)
    {
        var history = routes.MapGroup("/v1/gallery").WithTag("History", "What happened to images, when, and who did it.");

        history.MapMethods("/{image_id:uuid}/history/", Get, ListHistory)
            .WithName("ListHistory").WithSummary("Lists the events of one image, newest first")
            .WithDescription("Works for live images, for those in the trash, and after a permanent deletion. Contains names of fields, never their values.")
            .WithPaging().Answers(200, Example)
            .Problems(ImageProblems.NotFound(ImageExamples.ImageId))
            .AllowedTo(Callers.Owner, Callers.ServiceKeys)
            .TakesTurns(UserTurns.Short);
        history.MapMethods("/changes/", Get, ListChanges)
            .WithName("ListChanges").WithSummary("Lists the events of all images, oldest first")
            .WithDescription("Every page has a next_cursor, the last one too. A client that asks again with it misses no event. Events of one image come in the order of its revisions.")
            .WithFilter("user_id", "Only the images of this owner. Without it everyone's, or with a user's token their own.", 1, Caller.UserIdMaximum)
            .WithNumber("wait", "Seconds to wait for an event if there is none yet.", 0, MaximumWait)
            .WithChoice("from", "Where a feed without a cursor begins. first: with the first event that is kept. latest: after the last event, so the answer is empty and has a cursor.", "first", "latest")
            .WithPaging().Answers(200, Example with { Message = "Changes retrieved successfully" })
            .Problems(BadWait, Permissions.ForbiddenUserId)
            .AllowedTo(Callers.Users, Callers.ServiceKeys);
    }

    private static async Task<IResult> ListHistory([FromRoute(Name = "image_id")] Guid imageId, HttpContext http, HistoryRepository history, CancellationToken ct)
    {
        var errors = new FieldErrors();
        var query = new PageQuery($"/v1/gallery/{imageId}/history/", http.Request.Query, [], errors);
        if (errors.Any) return errors.ToProblem();

        var events = await history.ListHistoryAsync(imageId, http.Caller().UserId, query.AfterNumber ?? long.MaxValue, query.Limit + 1, ct);
        if (events.Count == 0 && query.AfterNumber is null) return ImageProblems.NotFound(imageId);

        var next = events.Count > query.Limit ? query.CursorAt(events[query.Limit - 1].Revision) : null;
        return Page(http, query, events.Take(query.Limit), next, "History retrieved successfully");
    }

    private static async Task<IResult> ListChanges(HttpContext http, HistoryRepository history, FeedPlaces places, IHostApplicationLifetime lifetime, CancellationToken ct)
    {
        var caller = http.Caller();
        var errors = new FieldErrors();
        var query = new PageQuery("/v1/gallery/changes/", http.Request.Query, [("user_id", caller.UserId)], errors);
        var userId = http.Request.Query.ReadUserId(caller, errors);
        var wait = http.Request.Query.ReadNumber("wait", MaximumWait, errors);
        var from = http.Request.Query.ReadChoice("from", errors, "first", "latest") == "latest" ? HistoryRepository.Latest : 0;
        if (errors.Any) return errors.ToProblem();
        if (Permissions.FindUserIdFault(caller, userId) is { } forbidden) return forbidden;

        using var place = wait > 0 ? places.TryTake(caller) : null;
        using var turn = place is { IsAcquired: true } ? null : await http.TakeTurnAsync(UserTurns.Short, ct);   // the places limit those that wait
        var isRefused = place is { IsAcquired: false };   // it is answered at once
        var page = await history.ListChangesAsync(userId, query.AfterNumber ?? from, query.Limit, TimeSpan.FromSeconds(isRefused ? 0 : wait), lifetime.ApplicationStopping, ct);
        if (page.IsEarly || (isRefused && page.Events.Count == 0)) http.Response.Headers.RetryAfter = "1";
        return Page(http, query, page.Events, query.CursorAt(page.Next), "Changes retrieved successfully");
    }

    private static Ok<PageEnvelope<ImageEvent>> Page(HttpContext http, PageQuery query, IEnumerable<HistoryRow> events, string? next, string message)
    {
        if (next is not null) http.Response.Headers.Link = query.Link(http, next);
        http.Response.Headers.CacheControl = "no-store";
        return TypedResults.Ok(Envelope.Of([.. events.Select(ImageEvent.Of)], message, new Pagination(query.Limit, next)));
    }
}
