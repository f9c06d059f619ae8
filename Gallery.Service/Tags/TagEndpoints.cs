using System.Diagnostics;
using System.Text.Json;
using Gallery.Service.Access;
using Gallery.Service.Http;
using Gallery.Service.Images;
using Gallery.Service.Limits;
using Gallery.Service.OpenApi;
using Gallery.Sql.Database;
using Gallery.Sql.Images;
using Gallery.Sql.Tags;
using Microsoft.AspNetCore.Mvc;

namespace Gallery.Service.Tags;

/// <summary>The tags of one image, and all tags of a user.</summary>
internal static class TagEndpoints
{
    // The last batch may take another 2.5 s. Together they are below GALLERY_REQUEST_TIMEOUT, 8 s by default.
    private static readonly TimeSpan MaximumTime = TimeSpan.FromSeconds(2);

    private static readonly Guid Example = ImageExamples.ImageId;
    private static readonly string[] Get = [HttpMethods.Get, HttpMethods.Head];

    public static void MapTags(this IEndpointRouteBuilder routes)
    {
        var tags = routes.MapGroup("/v1/gallery").WithTag("Tags", "Labels of images. Two tags are the same if they differ only in case.");

        tags.MapPut("/{image_id:uuid}/tags/{tag}/", AddTag)
            .WithName("AddTag").WithSummary("Adds a tag to an image")
            .WithDescription("A tag that the image has already stays as it is. Percent-encode the tag in the path, a slash as %2F.")
            .WithPathText("tag", "The tag, in any case.", TagRules.Schema()).WithIfMatch().WithIfNoneMatch().Answers(200, Envelope.Of(ImageExamples.Tagged, "Tag added successfully")).WithETag()
            .Problems(FieldErrors.Of("tag", TagRules.FindFault("tag", " ")!), ImageProblems.InTrash(Example), ImageProblems.NotFound(Example), ImageProblems.PreconditionFailed(Example))
            .AllowedTo(Callers.Owner, Callers.ServiceKeys);
        tags.MapDelete("/{image_id:uuid}/tags/{tag}/", RemoveTag)
            .WithName("RemoveTag").WithSummary("Removes a tag from an image").WithDescription("If the image does not have the tag, nothing changes.")
            .WithPathText("tag", "The tag, in any case.", TagRules.Schema()).WithIfMatch().WithIfNoneMatch().Answers(200, Envelope.Of(ImageExamples.Tagged with { Tags = [] }, "Tag removed successfully")).WithETag()
            .Problems(FieldErrors.Of("tag", TagRules.FindFault("tag", " ")!), ImageProblems.InTrash(Example), ImageProblems.NotFound(Example), ImageProblems.PreconditionFailed(Example))
            .AllowedTo(Callers.Owner, Callers.ServiceKeys);
        tags.MapMethods("/tags/", Get, ListTags)
            .WithName("ListTags").WithSummary("Lists tags with their numbers of live images")
            .WithDescription("Images in the trash do not count. A tag without a live image is not listed.")
            .WithFilter("user_id", "Whose images. Without it everyone's, or with a user's token their own.", 1, Caller.UserIdMaximum)
            .WithFilter("prefix", "Only tags that begin with this text, in any case, such as style: for a category. " + TagRules.Length, 0, Tag.MaximumCodePoints)
            .WithMetadata(new OtherNames(("prefix", "q search query name tag starts_with category")))
            .WithChoice("sort", "name, or count for those with the most images first.", "name", "count")
            .WithPaging().Answers(200, Envelope.Of<TagCount>([new("style:noir", 12)], "Tags retrieved successfully", new Pagination(PageQuery.DefaultLimit, null)))
            .Problems(TooManyFor(null, ""), Permissions.ForbiddenUserId)
            .AllowedTo(Callers.Users, Callers.ServiceKeys);
        tags.MapPost("/tags/rename/", RenameTag)
            .WithName("RenameTag").WithSummary("Renames a tag of a user's images, or merges it into another")
            .WithDescription("Images in the trash too. Works in batches, and may be sent again at any time. If is_complete is false, send it again.")
            .Takes(new RenameTagRequest("film noir", "style:noir", ImageExamples.Request.UserId))
            .Answers(200, Envelope.Of(new TagRename(12, true), "Tag renamed successfully"))
            .Problems(Permissions.ForbiddenUserId)
            .AllowedTo(Callers.Users, Callers.ServiceKeys);
    }

    private static Task<IResult> AddTag([FromRoute(Name = "image_id")] Guid imageId, string tag, HttpContext http, ImageRepository images, CancellationToken ct) =>
        ChangeAsync(imageId, tag, http, images, (stored, given) => TagArray.Add(stored, given), "Tag added successfully", "The image has this tag already; nothing changed", ct);

    private static Task<IResult> RemoveTag([FromRoute(Name = "image_id")] Guid imageId, string tag, HttpContext http, ImageRepository images, CancellationToken ct) =>
        ChangeAsync(imageId, tag, http, images, (stored, given) => TagArray.Remove(stored, given), "Tag removed successfully", "The image does not have this tag; nothing changed", ct);

    private static async Task<IResult> ChangeAsync(
        Guid imageId, string segment, HttpContext http, ImageRepository images, Func<string, Tag, string> change, string changed, string unchanged, CancellationToken ct)
    {
        var label = http.DecodeLast(segment);
        if (TagRules.FindFault("tag", label) is { } fault) return FieldErrors.Of("tag", fault);

        var tag = Tag.Of(label);
        return await ImageEndpoints.ChangeAsync(
            imageId, http, (key, token) => images.UpdateImageAsync(key, image => image with { Tags = change(image.Tags, tag) }, Tag.RowBytes, token), changed, unchanged, ct);
    }

    private static async Task<IResult> ListTags(HttpContext http, TagRepository tags, [FromKeyedServices(TagNoun.Lists)] UserTurns turns, CancellationToken ct)
    {
        var caller = http.Caller();
        var parameters = http.Request.Query;
        var errors = new FieldErrors();
        var query = new PageQuery("/v1/gallery/tags/", parameters, [("user_id", caller.UserId), ("prefix", null), ("sort", "name")], errors);
        var userId = parameters.ReadUserId(caller, errors);
        var sort = parameters.ReadChoice("sort", errors, "name", "count");
        var prefix = parameters["prefix"].ToString();
        if (TagRules.FindLengthFault("prefix", prefix, 0) is { } fault) errors.Add("prefix", fault);
        if (errors.Any) return errors.ToProblem();
        if (Permissions.FindUserIdFault(caller, userId) is { } forbidden) return forbidden;

        var (count, after) = query.AfterText ?? (long.MaxValue, "");
        var key = Tag.Of(prefix).Key;
        using var turn = await turns.TakeAsync(caller, ct);   // each user has one, so that a user with many tags keeps out no one else
        TagPage page;
        try
        {
            page = sort == "name"
                ? await tags.ListTagsAsync(userId, key, after, query.Limit, ct)
                : await tags.ListTagsByCountAsync(userId, key, count, after, query.Limit, ct);
        }
        catch (SearchTooBroadException)
        {
            return TooManyFor(userId, prefix);
        }

        var next = page.Next is { } last ? query.CursorAt(sort == "name" ? 0 : page.Tags[^1].Images, last) : null;
        if (next is not null) http.Response.Headers.Link = query.Link(http, next);
        http.Response.Headers.CacheControl = "no-store";
        return TypedResults.Ok(Envelope.Of([.. page.Tags.Select(TagCount.Of)], "Tags retrieved successfully", new Pagination(query.Limit, next)));
    }

    private static ProblemResult TooManyFor(string? userId, string prefix) => new(
        422, "search_too_broad", $"Too many tags would have to be counted. {(userId is null ? "Add user_id, or " : "Add ")}{(prefix.Length == 0 ? "prefix" : "a longer prefix")}. Or leave sort out.");

    private static async Task<IResult> RenameTag(HttpContext http, TagRepository tags, [FromKeyedServices(UserTurns.Repeating)] UserTurns turns, CancellationToken ct)
    {
        var (json, problem) = await JsonBody.ReadAsync(http.Request, ct);
        if (problem is not null) return problem;

        var caller = http.Caller();
        var errors = new FieldErrors();
        (string? userId, Tag? from, Tag? to) = (null, null, null);
        try
        {
            var fields = JsonFields.Read(json, ["user_id", "from", "to"], errors);
            userId = caller.UserId is null ? fields.RequireText("user_id", 1, Caller.UserIdMaximum) : fields.FindText("user_id", 1, Caller.UserIdMaximum) ?? caller.UserId;
            (from, to) = (RequireTag(fields, "from"), RequireTag(fields, "to"));
        }
        catch (JsonException e)
        {
            return JsonBody.Invalid(e.Message);
        }

        if (errors.Any) return errors.ToProblem();
        if (Permissions.FindUserIdFault(caller, userId) is { } forbidden) return forbidden;

        using var turn = await turns.TakeAsync(caller, ct);
        var start = Stopwatch.GetTimestamp();
        var renamed = 0;
        var isComplete = await Portions.RepeatAsync(
            async limit =>
            {
                var images = await tags.RenameTagsAsync(caller, userId!, from!, to!, limit, ct);
                renamed += images.Count(wasChanged => wasChanged);
                return images.All(wasChanged => wasChanged) ? images.Count : limit;   // one that changed meanwhile may still have the old tag
            },
            () => !ct.IsCancellationRequested && Stopwatch.GetElapsedTime(start) < MaximumTime);

        return TypedResults.Ok(Envelope.Of(new TagRename(renamed, isComplete),
            !isComplete ? "More is left. Send the request again" : renamed > 0 ? "Tag renamed successfully" : "Nothing to rename; no image changed"));
    }

    private static Tag? RequireTag(JsonFields fields, string name) => fields.RequireText(name, 1, Tag.MaximumLength, TagRules.FindFault) is { } label ? Tag.Of(label) : null;
}
