using System.Globalization;
using System.Text.Json;
using Gallery.Service.Http;

namespace Gallery.Service.Batches;

/// <summary>The body of a batch: its items, each still as JSON, and how to run them.</summary>
/// <param name="IsAll">All items are done, or none.</param>
internal sealed record BatchBody(IReadOnlyList<ReadOnlyMemory<byte>> Items, bool IsAll, bool IsDryRun)
{
    public const int MaximumItems = 1000;
    public const int MaximumTags = 10_000;   // of one transaction, so that it ends in time
    public const int MaximumBytes = 8 * 1024 * 1024;
    public const string Each = "each";
    public const string All = "all";
    public const string ModeDescription = "each (default): every item for itself. all: if one item fails, nothing is done, and the answer is 409.";
    public const string DryRunDescription = "true: the same answer, and nothing is written.";

    /// <summary>The body, or the problem to answer with.</summary>
    /// <param name="items">The field that has the items.</param>
    /// <param name="errors">May have faults of the query already.</param>
    /// <param name="others">Reads the further fields of the body, which <paramref name="names"/> lists.</param>
    public static (BatchBody? Body, ProblemResult? Problem) Read(ReadOnlyMemory<byte> json, string items, FieldErrors errors, Action<JsonFields>? others = null, params string[] names)
    {
        try
        {
            var fields = JsonFields.Read(json, [items, .. names, "mode", "dry_run"], errors);
            var body = new BatchBody(fields.RequireArray(items, MaximumItems) ?? [], fields.FindWord("mode", Each, All) == All, fields.FindSwitch("dry_run"));
            others?.Invoke(fields);
            return errors.Any ? (null, errors.ToProblem())
                : body.Items.Count > MaximumItems ? (null, TooMany(items))
                : (body, null);
        }
        catch (JsonException e)
        {
            return (null, JsonBody.Invalid(e.Message));
        }
    }

    /// <summary>The UUID of an item; null if it is something else.</summary>
    public static Guid? FindUuid(ReadOnlyMemory<byte> item)
    {
        var reader = new Utf8JsonReader(item.Span);
        return reader.Read() && reader.TokenType == JsonTokenType.String && JsonFields.Text(ref reader) is { } text && UuidRouteConstraint.IsUuid(text) ? Guid.Parse(text) : null;
    }

    public static ProblemResult ItemTooLarge(int maximum) => new(
        413, "body_too_large", string.Create(CultureInfo.InvariantCulture, $"This item exceeds {maximum:N0} bytes, the maximum of a single save. Send less."));

    /// <param name="fields">The fields that have the tags, and their verb.</param>
    public static ProblemResult TooManyTags(string fields, string where) => new(
        413, "too_many_items", string.Create(CultureInfo.InvariantCulture, $"{fields} more than {MaximumTags:N0} tags {where}. Send mode each, without dry_run, or several batches."));

    public static ProblemResult TooMany(string items) => new(
        413, "too_many_items", string.Create(CultureInfo.InvariantCulture, $"{items} has more than {MaximumItems:N0} items. Send them in several batches."));
}
