using Gallery.Service.Images;

namespace Gallery.Service.Batches;

/// <summary>The examples of the OpenAPI document.</summary>
internal static class BatchExamples
{
    public static readonly SaveBatchRequest Save = new([ImageExamples.Request]);

    public static readonly BatchRequest Ids = new([ImageExamples.ImageId]);

    public static readonly TagBatchRequest Tags = new([ImageExamples.ImageId], ["favorite"], ["draft"]);

    public static readonly BatchResult Failed = new(0, ImageExamples.ImageId, Code: ImageProblems.NotFound(ImageExamples.ImageId).Code, Message: ImageProblems.NotFound(ImageExamples.ImageId).Message);

    public static readonly BatchAnswer Saved = Answer(
        new(0, ImageExamples.ImageId, "updated", Kept: ["metadata.model"]), new() { ["created"] = 0, ["updated"] = 1, ["unchanged"] = 0, ["in_trash"] = 0, ["failed"] = 0 });

    public static readonly BatchAnswer Found = Answer(
        new(0, ImageExamples.ImageId, "found", Image: ImageExamples.Live), new() { ["found"] = 1, ["failed"] = 0 });

    public static BatchAnswer Changed(string outcome) => Answer(new(0, ImageExamples.ImageId, outcome), outcome == "purged" ? new() { [outcome] = 1, ["failed"] = 0 } : new() { [outcome] = 1, ["unchanged"] = 0, ["failed"] = 0 });

    private static BatchAnswer Answer(BatchResult result, Dictionary<string, int> counts) => new(true, [result], counts, "Batch done: 1 of 1 items succeeded");
}
