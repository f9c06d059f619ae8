using System.Diagnostics;
using Gallery.Service.Access;
using Gallery.Service.Http;
using Gallery.Service.Limits;
using Gallery.Service.OpenApi;
using Gallery.Service.Telemetry;
using Gallery.Sql.Database;
using Gallery.Sql.Erasure;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;

namespace Gallery.Service.Erasure;

/// <summary>Deletes many images permanently: a user's trash, or a user's images, history and sharing.</summary>
internal static class ErasureEndpoints
{
    // The last batch may take another 2.5 s. Together they are below GALLERY_REQUEST_TIMEOUT, 8 s by default.
    private static readonly TimeSpan MaximumTime = TimeSpan.FromSeconds(2);

    private static readonly ProblemResult WithoutUser = FieldErrors.Of("user_id", "user_id is required. Name the user whose trash is to be emptied.");

    private static readonly ProblemResult Unconfirmed =
        FieldErrors.Of("confirm", "confirm must repeat the user_id of the path. This deletes that user's images, history and sharing. In a query, + is %2B.");

    private static readonly ProblemResult Forbidden = new(403, "forbidden_erasure", "Users' tokens may not erase a user. Send the request with a service key.");

    public static void MapErasure(this IEndpointRouteBuilder routes)
    {
        var erasure = routes.MapGroup("/v1/gallery").WithTag("Erasure", "Permanent deletion of many images.");

        erasure.MapPost("/deleted/empty/", EmptyTrash)
            .WithName("EmptyTrash").WithSummary("Deletes a user's trash permanently")
            .WithDescription("Works in batches, and may be sent again at any time. If is_complete is false, send it again. The pictures stay at Cloudinary.")
            .WithRequired("user_id", "Whose trash. With a user's token it may be left out, and is their own.", 1, Caller.UserIdMaximum)
            .Answers(200, Envelope.Of(new ErasureReport(12, true), "Trash emptied successfully"))
            .Problems(WithoutUser, Permissions.ForbiddenPurge, Permissions.ForbiddenUserId)
            .AllowedTo(Callers.Users, Callers.ServiceKeys);
        erasure.MapDelete("/users/{user_id}/", EraseUser)
            .WithName("EraseUser").WithSummary("Deletes a user's images, history and sharing permanently")
            .WithDescription("Images in the trash too. The history keeps that they were purged, and the usage ledger stays. Works in batches: if is_complete is false, send it again. The pictures stay at Cloudinary.")
            .WithRequired("confirm", "The user_id of the path once more.", 1, Caller.UserIdMaximum)
            .Answers(200, Envelope.Of(new ErasureReport(120, true), "User erased successfully"))
            .Problems(Unconfirmed, Forbidden)
            .AllowedTo(Callers.ServiceKeys);
    }

    private static async Task<IResult> EmptyTrash(
        HttpContext http, Permissions permissions, ErasureRepository erasure, Audit audit, [FromKeyedServices(UserTurns.Repeating)] UserTurns turns, CancellationToken ct)
    {
        var caller = http.Caller();
        if (permissions.FindPurgeFault(caller) is { } forbidden) return forbidden;
        var errors = new FieldErrors();
        var userId = http.Request.Query.ReadUserId(caller, errors, isRequired: true);
        if (errors.Any) return errors.ToProblem();
        if (userId is null) return WithoutUser;
        if (Permissions.FindUserIdFault(caller, userId) is { } other) return other;

        using var turn = await turns.TakeAsync(caller, ct);
        var start = Stopwatch.GetTimestamp();
        var purged = 0;
        var isComplete = await Portions.RepeatAsync(
            async limit =>
            {
                var rows = await erasure.EmptyTrashAsync(caller, userId, limit, CancellationToken.None);   // so that its deletions are reported, even if the caller leaves
                purged += Report(http, audit, rows);
                return rows.Count;
            },
            () => MayGoOn(start, ct));
        return Answer(purged, isComplete, "Trash emptied successfully");
    }

    private static async Task<IResult> EraseUser([FromRoute(Name = "user_id")] string userId, HttpContext http, ErasureRepository erasure, Audit audit, CancellationToken ct)
    {
        var caller = http.Caller();
        if (caller.UserId is not null) return Forbidden;
        userId = http.DecodeLast(userId);
        if (http.Request.Query["confirm"] is not [{ } confirm] || confirm != userId) return Unconfirmed;
        if (TextRules.FindFault("user_id", userId, 1, Caller.UserIdMaximum) is { } fault) return FieldErrors.Of("user_id", fault);

        var start = Stopwatch.GetTimestamp();
        var purged = 0;
        var isComplete = await RepeatAsync(async limit =>
            {
                var rows = await erasure.EraseImagesAsync(caller, userId, limit, CancellationToken.None);
                purged += Report(http, audit, rows);
                return rows.Count;
            })
            && await RepeatAsync(limit => erasure.EraseSharesAsync(userId, limit, ct))
            && await RepeatAsync(limit => erasure.EraseGrantsAsync(userId, limit, ct))
            && await RepeatAsync(limit => erasure.EraseActorAsync(userId, limit, ct))
            && await RepeatAsync(limit => erasure.EraseEventsAsync(userId, limit, ct));
        return Answer(purged, isComplete, "User erased successfully");

        Task<bool> RepeatAsync(Func<int, Task<int>> eraseBatch) => Portions.RepeatAsync(eraseBatch, () => MayGoOn(start, ct));
    }

    private static bool MayGoOn(long start, CancellationToken ct) => !ct.IsCancellationRequested && Stopwatch.GetElapsedTime(start) < MaximumTime;

    private static int Report(HttpContext http, Audit audit, IReadOnlyList<Guid?> rows)
    {
        var purged = rows.OfType<Guid>().ToList();
        foreach (var id in purged) audit.OfDeletion(http, id)(true);
        return purged.Count;
    }

    private static Ok<Envelope<ErasureReport>> Answer(int purged, bool isComplete, string done) =>
        TypedResults.Ok(Envelope.Of(new ErasureReport(purged, isComplete), isComplete ? done : "More is left. Send the request again"));
}
