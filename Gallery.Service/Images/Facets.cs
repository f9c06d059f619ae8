using System.ComponentModel;
using System.Globalization;
using System.Text.Json.Serialization;
using Gallery.Service.Http;
using Gallery.Sql.Images;

namespace Gallery.Service.Images;

/// <summary>How many images have each value.</summary>
public sealed record Facets(
    [property: JsonConverter(typeof(CountConverter)), Description("The images that were counted: a number, or 10000+ if there are more. Then the newest 10,000 were counted.")] string Images,
    [property: Description("The most frequent first. At most 100.")] IReadOnlyList<FacetValue> Intents,
    [property: Description("The most frequent first. At most 100. Each is shown as the oldest of these images shows it.")] IReadOnlyList<FacetValue> Tags,
    [property: Description("By created_at in UTC, such as 2026-01. The latest first. At most 100.")] IReadOnlyList<FacetValue> Months)
{
    internal static readonly Facets Example = new("3", [new("generate", 2), new(null, 1)], [new("style:noir", 2), new("favorite", 1)], [new("2026-01", 3)]);

    internal static Facets Of(IReadOnlyList<FacetRow> rows) => new(
        Count(rows.Single(row => row.Facet == "images").Images), Values(rows, "intent"), Values(rows, "tag"), Values(rows, "month"));

    /// <summary>A count as callers see it.</summary>
    internal static string Count(long images) => images > ImageRepository.MaximumCounted
        ? $"{ImageRepository.MaximumCounted}+"
        : images.ToString(CultureInfo.InvariantCulture);

    private static FacetValue[] Values(IReadOnlyList<FacetRow> rows, string facet) => [.. rows.Where(row => row.Facet == facet).Select(row => new FacetValue(row.Value, row.Images))];
}

/// <summary>A value, and the images that have it.</summary>
public sealed record FacetValue(
    [property: Description("Null: images without an intent.")] string? Value,
    long Count);
