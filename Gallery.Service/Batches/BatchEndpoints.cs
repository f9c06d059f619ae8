using System.Text.Json;
using Gallery.Service.Access;
using Gallery.Service.Http;
using Gallery.Service.Images;
using Gallery.Service.Limits;
using Gallery.Service.OpenApi;
using Gallery.Service.Tags;
using Gallery.Service.Telemetry;
using Gallery.Sql.Images;
using Gallery.Sql.Tags;

namespace Gallery.Service.Batches;

/// <summary>Requests on up to 1,000 images. Each item is answered as a single request would be.</summary>
internal static class BatchEndpoints
{
    private const string Items = "items";
    private const string Ids = "image_ids";

    public static void MapBatches(this IEndpointRouteBuilder routes)
    {
        var batches = routes.MapGroup("/v1/gallery/batch").WithTag("Batches", "Requests on up to 1,000 images at once.");

        AsBatch(batches.MapPost("/save/", SaveImages)
            .WithName("SaveImages").WithSummary("Saves up to 1,000 images").WithDescription("Each item is what a single save takes, and has its outcome. The batch may be sent again at any time.")
            .Takes(BatchExamples.Save).WithSwitch("recreate", "true: create images again, even if they were deleted permanently. With a service key only.")
            .Answers(200, BatchExamples.Saved)
            .Problems(Permissions.ForbiddenSave, ImageProblems.ForbiddenRecreate));
        AsBatch(batches.MapPost("/find/", FindImages)
            .WithName("FindImages").WithSummary("Finds up to 1,000 images").WithDescription("An image in the trash has the code image_deleted. An image that no longer fits into 8 MB has the code answer_full. Ask for it in another batch.")
            .Takes(BatchExamples.Ids).Answers(200, BatchExamples.Found));
        AsBatch(batches.MapPost("/tags/", TagImages)
            .WithName("TagImages").WithSummary("Adds tags to up to 1,000 images, and removes tags").WithDescription("An image that has all of add and none of remove is unchanged. An image that would have more than 50 tags fails alone.")
            .Takes(BatchExamples.Tags).Answers(200, BatchExamples.Changed("updated")));
        AsBatch(batches.MapPost("/delete/", SoftDeleteImages)
            .WithName("SoftDeleteImages").WithSummary("Moves up to 1,000 images to the trash").WithDescription("An image that is in the trash already is unchanged.")
            .Takes(BatchExamples.Ids).Answers(200, BatchExamples.Changed("deleted")));
        AsBatch(batches.MapPost("/restore/", RestoreImages)
            .WithName("RestoreImages").WithSummary("Restores up to 1,000 images from the trash").WithDescription("A live image is unchanged.")
            .Takes(BatchExamples.Ids).Answers(200, BatchExamples.Changed("restored")));
        AsBatch(batches.MapPost("/permanent/", PurgeImages)
            .WithName("PurgeImages").WithSummary("Deletes up to 1,000 images permanently").WithDescription("Works on live images and on those in the trash. The pictures stay at Cloudinary. If you need their URLs, find the live images and list those in the trash first.")
            .Takes(BatchExamples.Ids).Answers(200, BatchExamples.Changed("purged")).Problems(Permissions.ForbiddenPurge));
    }

    private static void AsBatch(RouteHandlerBuilder route) => route
        .TakesUpTo(BatchBody.MaximumBytes)
        .Problems(BatchBody.TooMany(Ids), BatchRun.Refused(Ids, BatchExamples.Failed))
        .AllowedTo(Callers.Users, Callers.ServiceKeys);

    private static async Task<IResult> SaveImages(HttpContext http, Permissions permissions, BatchRun batch, ImageRepository images, ImageHosts hosts, ServiceLimits limits, CancellationToken ct)
    {
        var caller = http.Caller();
        if (permissions.FindSaveFault(caller) is { } forbidden) return forbidden;
        var errors = new FieldErrors();
        var recreates = http.Request.Query.ReadSwitch("recreate", errors);
        if (recreates && caller.UserId is not null) return ImageProblems.ForbiddenRecreate;

        return await batch.RunAsync(http, Items, errors, Read, images.SaveBatchAsync, ["created", "updated", "unchanged", "in_trash"], Explain, ct, findFault: FindFault);

        (Guid?, NewImage?, ProblemResult?) Read(ReadOnlyMemory<byte> json)
        {
            if (json.Length > limits.BodyBytes) return (null, null, BatchBody.ItemTooLarge(limits.BodyBytes));
            if (json.Span[0] != '{') return (null, null, FieldErrors.Of(Items, "This item must be an object, as a single save sends it."));
            try
            {
                var faults = new FieldErrors();
                return CreateImageRequest.Read(json, hosts, caller.UserId, faults, out var id) is { } image
                    ? (id, image with { Caller = caller, Recreates = recreates }, Permissions.FindUserIdFault(caller, image.UserId))
                    : (id, null, faults.ToProblem());
            }
            catch (JsonException e)
            {
                return (null, null, JsonBody.Invalid(e.Message));
            }
        }

        static ProblemResult? FindFault(IReadOnlyList<NewImage> images) => images.Sum(image => image.TagCount) > BatchBody.MaximumTags ? BatchBody.TooManyTags("items has", "in all") : null;

        static (string?, ProblemResult?) Explain(Guid id, ImageWrite save) => save.Outcome switch
        {
            ImageOutcome.Created => ("created", null),
            ImageOutcome.Updated => ("updated", null),
            ImageOutcome.Unchanged => ("unchanged", null),
            ImageOutcome.InTrash => ("in_trash", null),
            ImageOutcome.OwnedByAnother => (null, ImageProblems.OwnedByAnother(id)),
            ImageOutcome.OverQuota => (null, ImageProblems.QuotaExceeded),
            _ => (null, ImageProblems.Purged(id)),
        };
    }

    private static Task<IResult> FindImages(HttpContext http, BatchRun batch, ImageRepository images, CancellationToken ct) =>
        RunAsync(http, batch, images.FindBatchAsync, ["found"], (id, found) => found.Image?.DeletedAt is null ? ("found", null) : (null, ImageProblems.InTrash(id)), ct);

    private static async Task<IResult> TagImages(HttpContext http, BatchRun batch, ImageRepository images, CancellationToken ct)
    {
        IReadOnlyList<Tag> added = [], removed = [];
        var errors = new FieldErrors();
        return await RunAsync(
            http, batch, (keys, commits, since, token) => images.UpdateBatchAsync(keys, Edit, added.Sum(tag => Tag.RowBytes + (2 * tag.Label.Length)), commits, since, token), ["updated", "unchanged"],
            (id, write) => write.Outcome switch
            {
                ImageOutcome.Updated => ("updated", null),
                ImageOutcome.InTrash => (null, ImageProblems.InTrash(id)),
                _ => ("unchanged", null),
            },
            ct, errors, Read, FindFault, "add", "remove");

        void Read(JsonFields fields)
        {
            (added, removed) = (fields.FindTags("add", errors) ?? [], fields.FindTags("remove", errors) ?? []);
            if (errors.Any) return;
            if (added.Count + removed.Count == 0) errors.Add("add", "add and remove have no tag. Send a tag in one of them.");
            if (removed.FirstOrDefault(tag => added.Any(other => other.Key == tag.Key)) is { } both) errors.Add("remove", $"The tag '{both.Label}' is in add and in remove. Send it in one of them.");
        }

        ProblemResult? FindFault(IReadOnlyList<ImageKey> keys) =>
            keys.Count * (added.Count + removed.Count) > BatchBody.MaximumTags ? BatchBody.TooManyTags("add and remove have", "for all image_ids") : null;

        ImageRow Edit(ImageRow image) => image with { Tags = TagArray.Add(TagArray.Remove(image.Tags, removed), added) };
    }

    private static Task<IResult> SoftDeleteImages(HttpContext http, BatchRun batch, ImageRepository images, CancellationToken ct) =>
        RunAsync(http, batch, images.SoftDeleteBatchAsync, ["deleted", "unchanged"], ct);

    private static Task<IResult> RestoreImages(HttpContext http, BatchRun batch, ImageRepository images, CancellationToken ct) =>
        RunAsync(http, batch, images.RestoreBatchAsync, ["restored", "unchanged"], ct);

    private static async Task<IResult> PurgeImages(HttpContext http, Permissions permissions, BatchRun batch, ImageRepository images, Audit audit, CancellationToken ct)
    {
        if (permissions.FindPurgeFault(http.Caller()) is { } forbidden) return forbidden;
        var reports = new Dictionary<Guid, Action<bool>>();   // one per image, so that equal ids remain equal keys
        return await RunAsync(
            http, batch, (keys, commits, since, token) => images.PurgeBatchAsync([.. keys.Select(WithReport)], commits, since, token), ["purged"], ct);

        ImageKey WithReport(ImageKey key)
        {
            if (!reports.TryGetValue(key.ImageId, out var report)) reports.Add(key.ImageId, report = audit.OfDeletion(http, key.ImageId));
            return key with { Report = report };
        }
    }

    private static Task<IResult> RunAsync(HttpContext http, BatchRun batch, RunItems<ImageKey> run, string[] outcomes, CancellationToken ct) =>
        RunAsync(http, batch, run, outcomes, (_, write) => (write.Outcome == ImageOutcome.Updated ? outcomes[0] : "unchanged", null), ct);

    private static Task<IResult> RunAsync(
        HttpContext http, BatchRun batch, RunItems<ImageKey> run, string[] outcomes, Func<Guid, ImageWrite, (string?, ProblemResult?)> explain, CancellationToken ct,
        FieldErrors? errors = null, Action<JsonFields>? others = null, Func<IReadOnlyList<ImageKey>, ProblemResult?>? findFault = null, params string[] names)
    {
        var caller = http.Caller();
        return batch.RunAsync(
            http, Ids, errors ?? new FieldErrors(), Read, run, outcomes, (id, write) => write.Outcome == ImageOutcome.NotFound ? (null, ImageProblems.NotFound(id)) : explain(id, write), ct, others, findFault, names);

        (Guid?, ImageKey, ProblemResult?) Read(ReadOnlyMemory<byte> json) => BatchBody.FindUuid(json) is { } id
            ? (id, new ImageKey(id, caller), null)
            : (null, default, FieldErrors.Of(Ids, "This item must be a UUID with its hyphens, as a string."));
    }
}
