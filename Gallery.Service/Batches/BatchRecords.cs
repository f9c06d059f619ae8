using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using Gallery.Service.Images;
using Gallery.Service.OpenApi;
using Gallery.Service.Tags;
using Gallery.Sql.Tags;

namespace Gallery.Service.Batches;

/// <summary>What a batch of saves sends.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record SaveBatchRequest(
    [property: Required, MinLength(1), MaxLength(BatchBody.MaximumItems), Description("1 to 1,000 images, each as a single save takes it.")]
    IReadOnlyList<CreateImageRequest> Items,
    [property: AllowedValues(BatchBody.Each, BatchBody.All), Description(BatchBody.ModeDescription)]
    string? Mode = null,
    [property: Description(BatchBody.DryRunDescription)]
    bool? DryRun = null);

/// <summary>What a batch sends that needs ids alone.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record BatchRequest(
    [property: Required, MinLength(1), MaxLength(BatchBody.MaximumItems), Description("1 to 1,000 ids.")]
    IReadOnlyList<Guid> ImageIds,
    [property: AllowedValues(BatchBody.Each, BatchBody.All), Description(BatchBody.ModeDescription)]
    string? Mode = null,
    [property: Description(BatchBody.DryRunDescription)]
    bool? DryRun = null);

/// <summary>What a batch of tags sends.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record TagBatchRequest(
    [property: Required, MinLength(1), MaxLength(BatchBody.MaximumItems), Description("1 to 1,000 ids.")]
    IReadOnlyList<Guid> ImageIds,
    [property: MaxLength(Tag.MaximumPerImage), Items(1, Tag.MaximumCodePoints, TagRules.Pattern, TagRules.Length), Description("Tags that each image gets. One that an image has keeps its spelling.")]
    IReadOnlyList<string>? Add = null,
    [property: MaxLength(Tag.MaximumPerImage), Items(1, Tag.MaximumCodePoints, TagRules.Pattern, TagRules.Length), Description("Tags that each image loses, in any case. add or remove must have a tag, and no tag may be in both.")]
    IReadOnlyList<string>? Remove = null,
    [property: AllowedValues(BatchBody.Each, BatchBody.All), Description(BatchBody.ModeDescription)]
    string? Mode = null,
    [property: Description(BatchBody.DryRunDescription)]
    bool? DryRun = null);

/// <summary>The answer to a batch.</summary>
public sealed record BatchAnswer(
    bool Success,
    [property: Description("One result per item, in the order sent.")] IReadOnlyList<BatchResult> Data,
    [property: Description("How many items have each outcome, and how many failed.")] IReadOnlyDictionary<string, int> Counts,
    string Message);

/// <summary>What one item came to: an outcome, or the code of its failure.</summary>
public sealed record BatchResult(
    [property: Description("The item's place in the request, from 0.")] int Index,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull), Description("Absent if the item names no image.")] Guid? ImageId = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull), AllowedValues("created", "updated", "unchanged", "in_trash", "found", "deleted", "restored", "purged"), Description("Absent if the item failed.")] string? Outcome = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull), Description("Why the item failed, as a single request would say. Absent if it did not.")] string? Code = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull), Description("What is wrong with a failed item, and what to do.")] string? Message = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull), Description("What is wrong with each field of a failed item.")] IReadOnlyDictionary<string, string[]>? Errors = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull), Description("The fields whose stored value differs from the one saved.")] IReadOnlyList<string>? Kept = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull), Description("The image that was found. Absent otherwise.")] Image Image = null!);   // declared as not null, because it is absent rather than null
