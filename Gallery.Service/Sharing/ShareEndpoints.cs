using System.Diagnostics;
using System.Text.Json;
using Gallery.Service.Access;
using Gallery.Service.Http;
using Gallery.Service.Images;
using Gallery.Service.Limits;
using Gallery.Service.OpenApi;
using Gallery.Service.Page;
using Gallery.Sql.Database;
using Gallery.Sql.Images;
using Gallery.Sql.Sharing;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;

namespace Gallery.Service.Sharing;

/// <summary>The links of an image, and all links of a user, as their owner manages them.</summary>
internal static class ShareEndpoints
{
    // The last batch may take another 2.5 s. Together they are below GALLERY_REQUEST_TIMEOUT, 8 s by default.
    private static readonly TimeSpan MaximumTime = TimeSpan.FromSeconds(2);

    private static readonly Guid Example = ImageExamples.ImageId;
    private static readonly string[] Get = [HttpMethods.Get, HttpMethods.Head];
    private static readonly ProblemResult WithoutUser = FieldErrors.Of("user_id", "user_id is required. Name the user whose links are meant.");

    private static readonly Share ExampleShare = new(
        Guid.Parse("b07f7a4e-7c4b-4d8e-9a51-2f6d3c8e1a90"), Example, true, new(2026, 1, 15, 10, 45, 0, DateTimeKind.Utc), new(2026, 1, 22, 10, 45, 0, DateTimeKind.Utc), 10, 3,
        new(2026, 1, 16, 8, 0, 0, DateTimeKind.Utc), false, true, "for the newsletter");

    private const string ExampleToken = "jXa9OgU-S7Wirs4Ufk5AxJ8m0WZ4dQqL1sVbXyNcRkE";

    public static void MapShares(this IEndpointRouteBuilder routes)
    {
        var shares = routes.MapGroup("/v1/gallery").WithTag("Shares", "Links that show one image to anyone who has them.").TakesTurns(UserTurns.Short);

        shares.MapPost("/{image_id:uuid}/shares/", CreateShare)
            .WithName("CreateShare").WithSummary("Makes a link that shows an image to anyone who has it")
            .WithDescription("Only this answer has the token and the URL. All fields are optional, and so is the body. A request that is sent again makes another link.")
            .MayTake(new CreateShareRequest(MaxViews: 10, ShowPrompt: true, Note: "for the newsletter") { ExpiresAt = new(2050, 1, 1, 0, 0, 0, DateTimeKind.Utc) })
            .Answers(201, Envelope.Of(ExampleShare with { Views = 0, LastViewedAt = null, Token = ExampleToken, Url = $"https://gallery.example/s/{ExampleToken}" }, "Link created successfully"))
            .Problems(ShareProblems.TooManyLinks, ImageProblems.InTrash(Example), ImageProblems.NotFound(Example))
            .AllowedTo(Callers.Owner, Callers.ServiceKeys);
        shares.MapMethods("/{image_id:uuid}/shares/", Get, ListShares)
            .WithName("ListShares").WithSummary("Lists the links of an image, newest first")
            .WithDescription("Those that have expired or are used up too. Never their tokens.")
            .WithPaging().Answers(200, Envelope.Of<Share>([ExampleShare], "Links retrieved successfully", new Pagination(PageQuery.DefaultLimit, null)))
            .Problems(ImageProblems.NotFound(Example))
            .AllowedTo(Callers.Owner, Callers.ServiceKeys);
        shares.MapDelete("/{image_id:uuid}/shares/{share_id:uuid}/", RevokeShare)
            .WithName("RevokeShare").WithSummary("Revokes a link").WithDescription("From this answer on the link shows nothing. revoked is 0 if there was no such link.")
            .Answers(200, Envelope.Of(new Revocation(1, true), "Links revoked successfully"))
            .Problems(ImageProblems.NotFound(Example))
            .AllowedTo(Callers.Owner, Callers.ServiceKeys);
        shares.MapDelete("/{image_id:uuid}/shares/", RevokeShares)
            .WithName("RevokeShares").WithSummary("Revokes all links of an image").WithDescription("From this answer on they show nothing.")
            .Answers(200, Envelope.Of(new Revocation(3, true), "Links revoked successfully"))
            .Problems(ImageProblems.NotFound(Example))
            .AllowedTo(Callers.Owner, Callers.ServiceKeys);
        shares.MapMethods("/shares/", Get, ListUsersShares)
            .WithName("ListUsersShares").WithSummary("Lists the links of all images of a user, newest first").WithDescription("Those that have expired or are used up too. Never their tokens.")
            .WithRequired("user_id", "Whose links. With a user's token it may be left out, and is their own.", 1, Caller.UserIdMaximum)
            .WithPaging().Answers(200, Envelope.Of<Share>([ExampleShare], "Links retrieved successfully", new Pagination(PageQuery.DefaultLimit, null)))
            .Problems(WithoutUser, Permissions.ForbiddenUserId)
            .AllowedTo(Callers.Users, Callers.ServiceKeys);
        shares.MapDelete("/shares/", RevokeUsersShares)
            .WithName("RevokeUsersShares").WithSummary("Revokes the links of all images of a user")
            .WithDescription("Works in batches, and may be sent again at any time. If is_complete is false, send it again.")
            .WithRequired("user_id", "Whose links. With a user's token it may be left out, and is their own.", 1, Caller.UserIdMaximum)
            .Answers(200, Envelope.Of(new Revocation(12, true), "Links revoked successfully"))
            .Problems(WithoutUser, Permissions.ForbiddenUserId)
            .AllowedTo(Callers.Users, Callers.ServiceKeys);
    }

    private static async Task<IResult> CreateShare(
        [FromRoute(Name = "image_id")] Guid imageId, HttpContext http, ShareRepository shares, ImageRepository images, SharePasswords passwords, PageOptions page, TimeProvider clock, CancellationToken ct)
    {
        ReadOnlyMemory<byte> json = "{}"u8.ToArray();
        if (http.Features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody != false)
        {
            (json, var problem) = await JsonBody.ReadAsync(http.Request, ct);
            if (problem is not null) return problem;
        }

        var errors = new FieldErrors();
        CreateShareRequest asked;
        try
        {
            asked = CreateShareRequest.Read(json, clock.GetUtcNow().UtcDateTime, errors);
        }
        catch (JsonException e)
        {
            return JsonBody.Invalid(e.Message);
        }

        if (errors.Any) return errors.ToProblem();

        var caller = http.Caller();
        var (token, key) = ShareToken.Create(imageId);
        // Before the slow hash.
        if (asked.Password is not null && (await images.FindOwnedAsync(imageId, caller, ct) is not { DeletedAt: null } || !await shares.HasRoomAsync(imageId, ct))) return await RefuseAsync();
        var hash = asked.Password is null ? null : await passwords.HashAsync(caller, asked.Password, ct);
        if (await shares.CreateShareAsync(new(key, caller, asked.ExpiresAt, asked.MaxViews, hash, asked.ShowPrompt == true, asked.Note), ct) is not { } row)
            return await RefuseAsync();

        http.Response.Headers.CacheControl = "no-store";
        var url = http.UrlOf(page.IsOn ? $"/s/{token}" : $"/v1/gallery/shared/{token}/");
        return TypedResults.Json(Envelope.Of(Share.Of(row) with { Token = token, Url = url }, "Link created successfully"), statusCode: 201);

        async Task<IResult> RefuseAsync() => await images.FindOwnedAsync(imageId, caller, ct) is not { } image ? ImageProblems.NotFound(imageId)
            : image.DeletedAt is null ? ShareProblems.TooManyLinks : ImageProblems.InTrash(imageId);
    }

    private static async Task<IResult> ListShares([FromRoute(Name = "image_id")] Guid imageId, HttpContext http, ShareRepository shares, ImageRepository images, CancellationToken ct)
    {
        var caller = http.Caller();
        var errors = new FieldErrors();
        var query = new PageQuery($"/v1/gallery/{imageId}/shares/", http.Request.Query, [], errors);
        if (errors.Any) return errors.ToProblem();

        var page = await shares.ListSharesAsync(imageId, caller, After(query), query.Limit, ct);
        return page.Shares.Count == 0 && await images.FindOwnedAsync(imageId, caller, ct) is null ? ImageProblems.NotFound(imageId) : Page(http, query, page);
    }

    private static Task<IResult> RevokeShare(
        [FromRoute(Name = "image_id")] Guid imageId, [FromRoute(Name = "share_id")] Guid shareId, HttpContext http, ShareRepository shares, ImageRepository images, CancellationToken ct) =>
        RevokeAsync(imageId, shareId, http, shares, images, ct);

    private static Task<IResult> RevokeShares([FromRoute(Name = "image_id")] Guid imageId, HttpContext http, ShareRepository shares, ImageRepository images, CancellationToken ct) =>
        RevokeAsync(imageId, null, http, shares, images, ct);

    private static async Task<IResult> RevokeAsync(Guid imageId, Guid? shareId, HttpContext http, ShareRepository shares, ImageRepository images, CancellationToken ct)
    {
        var caller = http.Caller();
        var revoked = await shares.RevokeSharesAsync(imageId, shareId, caller, ct);
        return revoked == 0 && await images.FindOwnedAsync(imageId, caller, ct) is null ? ImageProblems.NotFound(imageId) : Revoked(revoked, isComplete: true);
    }

    private static async Task<IResult> ListUsersShares(HttpContext http, ShareRepository shares, CancellationToken ct)
    {
        var caller = http.Caller();
        var errors = new FieldErrors();
        var query = new PageQuery("/v1/gallery/shares/", http.Request.Query, [("user_id", caller.UserId)], errors);
        var (userId, problem) = ReadUserId(http, errors);
        if (problem is not null) return problem;

        return Page(http, query, await shares.ListUsersSharesAsync(userId!, After(query), query.Limit, ct));
    }

    private static async Task<IResult> RevokeUsersShares(HttpContext http, ShareRepository shares, [FromKeyedServices(UserTurns.Repeating)] UserTurns turns, CancellationToken ct)
    {
        var (userId, problem) = ReadUserId(http, new FieldErrors());
        if (problem is not null) return problem;

        using var turn = await turns.TakeAsync(http.Caller(), ct);
        var start = Stopwatch.GetTimestamp();
        var (revoked, batch) = (0, ShareRepository.BatchSize);
        while (batch == ShareRepository.BatchSize && !ct.IsCancellationRequested && Stopwatch.GetElapsedTime(start) < MaximumTime)
            revoked += batch = await shares.RevokeUsersSharesAsync(userId!, ct);
        return Revoked(revoked, batch < ShareRepository.BatchSize);
    }

    private static (string? UserId, ProblemResult? Problem) ReadUserId(HttpContext http, FieldErrors errors)
    {
        var caller = http.Caller();
        var userId = http.Request.Query.ReadUserId(caller, errors, isRequired: true);
        return (userId, errors.Any ? errors.ToProblem() : userId is null ? WithoutUser : Permissions.FindUserIdFault(caller, userId));
    }

    private static ImageKeyset After(PageQuery query) => query.After is { } after ? new(after.At, after.Id) : ImageKeyset.Start;

    private static Ok<PageEnvelope<Share>> Page(HttpContext http, PageQuery query, SharePage page)
    {
        var next = page.Next is { } last ? query.CursorAt(last.At, last.ImageId) : null;
        if (next is not null) http.Response.Headers.Link = query.Link(http, next);
        http.Response.Headers.CacheControl = "no-store";
        return TypedResults.Ok(Envelope.Of([.. page.Shares.Select(Share.Of)], "Links retrieved successfully", new Pagination(query.Limit, next)));
    }

    private static Ok<Envelope<Revocation>> Revoked(int revoked, bool isComplete) =>
        TypedResults.Ok(Envelope.Of(new Revocation(revoked, isComplete), !isComplete ? "More is left. Send the request again" : revoked == 0 ? "There was no such link" : "Links revoked successfully"));
}
