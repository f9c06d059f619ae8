using System.Text.Json;
using Gallery.Service.Access;
using Gallery.Service.Http;
using Gallery.Service.Images;
using Gallery.Service.Limits;
using Gallery.Service.OpenApi;
using Gallery.Sql.Database;
using Gallery.Sql.Images;
using Gallery.Sql.Sharing;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;

namespace Gallery.Service.Sharing;

/// <summary>The users with whom an image is shared, and what is shared with a user.</summary>
internal static class GrantEndpoints
{
    private static readonly Guid Example = ImageExamples.ImageId;
    private static readonly string[] Get = [HttpMethods.Get, HttpMethods.Head];
    private static readonly Grant ExampleGrant = new(Example, "user_456", "edit", new(2026, 1, 15, 10, 45, 0, DateTimeKind.Utc));
    private static readonly ProblemResult WithoutUser = FieldErrors.Of("user_id", "user_id is required. Name the user with whom the images are shared.");
    private static readonly ProblemResult ToOwner = FieldErrors.Of("user_id", "This user owns the image. Name another one.");

    public static void MapGrants(this IEndpointRouteBuilder routes)
    {
        var grants = routes.MapGroup("/v1/gallery").WithTag("Grants", "Users with whom an owner shares an image.").TakesTurns(UserTurns.Short);

        grants.MapPut("/{image_id:uuid}/grants/{user_id}/", PutGrant)
            .WithName("PutGrant").WithSummary("Shares an image with a user, or changes what they may do")
            .WithDescription("They find the image by its id and under shared-with-me. With edit they also edit and tag it. They never delete it or share it further. The grant ends when the image goes to the trash or gets another owner.")
            .Takes(new PutGrantRequest("edit"))
            .Answers(200, Envelope.Of(ExampleGrant, "Image shared successfully"))
            .Problems(ToOwner, ShareProblems.TooManyGrants, ImageProblems.InTrash(Example), ImageProblems.NotFound(Example))
            .AllowedTo(Callers.Owner, Callers.ServiceKeys);
        grants.MapDelete("/{image_id:uuid}/grants/{user_id}/", RemoveGrant)
            .WithName("RemoveGrant").WithSummary("Ends the sharing of an image with a user")
            .WithDescription("From this answer on they no longer find the image. That user may send it too.")
            .Answers(200, Envelope.Of(new GrantRemoval(true), "Sharing ended successfully"))
            .Problems(ImageProblems.NotFound(Example))
            .AllowedTo(Callers.Owner, Callers.ServiceKeys);
        grants.MapMethods("/{image_id:uuid}/grants/", Get, ListGrants)
            .WithName("ListGrants").WithSummary("Lists the users with whom an image is shared, by user id").WithDescription("Empty for an image in the trash, because the trash ends grants.")
            .WithPaging().Answers(200, Envelope.Of<Grant>([ExampleGrant], "Grants retrieved successfully", new Pagination(PageQuery.DefaultLimit, null)))
            .Problems(ImageProblems.NotFound(Example))
            .AllowedTo(Callers.Owner, Callers.ServiceKeys);
        grants.MapMethods("/shared-with-me/", Get, ListSharedWithMe)
            .WithName("ListSharedWithMe").WithSummary("Lists the images that others share with a user, the latest first").WithDescription("Images in the trash are not listed. A page ends at 512 KB.")
            .WithRequired("user_id", "With whom they are shared. With a user's token it may be left out, and is that user.", 1, Caller.UserIdMaximum)
            .WithPaging()
            .Answers(200, Envelope.Of<GrantedImage>([new("edit", ExampleGrant.GrantedAt, ImageExamples.Live)], "Images retrieved successfully", new Pagination(PageQuery.DefaultLimit, null)))
            .Problems(WithoutUser, Permissions.ForbiddenUserId)
            .AllowedTo(Callers.Users, Callers.ServiceKeys);
    }

    private static async Task<IResult> PutGrant(
        [FromRoute(Name = "image_id")] Guid imageId, [FromRoute(Name = "user_id")] string segment, HttpContext http, GrantRepository grants, ImageRepository images, CancellationToken ct)
    {
        var (json, problem) = await JsonBody.ReadAsync(http.Request, ct);
        if (problem is not null) return problem;

        var errors = new FieldErrors();
        var userId = ReadUserId(http, segment, errors);
        string? role;
        try
        {
            var fields = JsonFields.Read(json, ["role"], errors);
            role = fields.RequireWord("role", "view", "edit");
        }
        catch (JsonException e)
        {
            return JsonBody.Invalid(e.Message);
        }

        if (errors.Any) return errors.ToProblem();

        var caller = http.Caller();
        return await grants.PutGrantAsync(imageId, userId, role!, caller, ct) is { } grant
            ? TypedResults.Ok(Envelope.Of(Grant.Of(grant), "Image shared successfully"))
            : await images.FindOwnedAsync(imageId, caller, ct) is not { } image ? ImageProblems.NotFound(imageId)
            : image.DeletedAt is null ? ShareProblems.TooManyGrants : ImageProblems.InTrash(imageId);
    }

    private static async Task<IResult> RemoveGrant(
        [FromRoute(Name = "image_id")] Guid imageId, [FromRoute(Name = "user_id")] string segment, HttpContext http, GrantRepository grants, ImageRepository images, CancellationToken ct)
    {
        var errors = new FieldErrors();
        var userId = ReadUserId(http, segment, errors);
        if (errors.Any) return errors.ToProblem();

        var caller = http.Caller();
        var removed = await grants.RemoveGrantAsync(imageId, userId, caller, ct);
        return !removed && await images.FindOwnedAsync(imageId, caller, ct) is null
            ? ImageProblems.NotFound(imageId)
            : TypedResults.Ok(Envelope.Of(new GrantRemoval(removed), removed ? "Sharing ended successfully" : "The image is not shared with this user"));
    }

    private static async Task<IResult> ListGrants([FromRoute(Name = "image_id")] Guid imageId, HttpContext http, GrantRepository grants, ImageRepository images, CancellationToken ct)
    {
        var caller = http.Caller();
        var errors = new FieldErrors();
        var query = new PageQuery($"/v1/gallery/{imageId}/grants/", http.Request.Query, [], errors);
        if (errors.Any) return errors.ToProblem();

        var page = await grants.ListGrantsAsync(imageId, caller, query.AfterText?.Text ?? "", query.Limit, ct);
        if (page.Grants.Count == 0 && await images.FindOwnedAsync(imageId, caller, ct) is null) return ImageProblems.NotFound(imageId);
        return Page(http, query, page.Grants.Select(Grant.Of), page.Next is { } last ? query.CursorAt(0, last) : null, "Grants retrieved successfully");
    }

    private static async Task<IResult> ListSharedWithMe(HttpContext http, ImageRepository images, [FromKeyedServices(SharingNoun.Lists)] UserTurns turns, CancellationToken ct)
    {
        var caller = http.Caller();
        var errors = new FieldErrors();
        var query = new PageQuery("/v1/gallery/shared-with-me/", http.Request.Query, [("user_id", caller.UserId)], errors);
        var userId = http.Request.Query.ReadUserId(caller, errors, isRequired: true);
        if (errors.Any) return errors.ToProblem();
        if (userId is null) return WithoutUser;
        if (Permissions.FindUserIdFault(caller, userId) is { } forbidden) return forbidden;

        using var turn = await turns.TakeAsync(caller, ct);   // each user has one, so that a user with whom much is shared keeps out no one else
        var page = await images.ListSharedWithAsync(userId, query.After is { } after ? new(after.At, after.Id) : ImageKeyset.Start, query.Limit, ct);
        var retention = http.Retention();
        return Page(http, query, page.Images.Select(row => GrantedImage.Of(row, retention)), page.Next is { } last ? query.CursorAt(last.At, last.ImageId) : null, "Images retrieved successfully");
    }

    private static string ReadUserId(HttpContext http, string segment, FieldErrors errors)
    {
        var userId = http.DecodeLast(segment);
        if (TextRules.FindFault("user_id", userId, 1, Caller.UserIdMaximum) is { } fault) errors.Add("user_id", fault);
        return userId;
    }

    private static Ok<PageEnvelope<T>> Page<T>(HttpContext http, PageQuery query, IEnumerable<T> items, string? next, string message)
    {
        if (next is not null) http.Response.Headers.Link = query.Link(http, next);
        http.Response.Headers.CacheControl = "no-store";
        return TypedResults.Ok(Envelope.Of([.. items], message, new Pagination(query.Limit, next)));
    }
}
