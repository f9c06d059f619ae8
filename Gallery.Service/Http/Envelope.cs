using System.ComponentModel;
using System.Text.Json.Serialization;

namespace Gallery.Service.Http;

/// <summary>A successful answer.</summary>
public sealed record Envelope<T>(bool Success, T Data, string Message)
    where T : notnull;

/// <summary>A successful answer that is one page of a list.</summary>
public sealed record PageEnvelope<T>(bool Success, IReadOnlyList<T> Data, string Message, Pagination Pagination);

/// <summary>The page's position in its list.</summary>
/// <param name="Limit">The most items per page.</param>
/// <param name="NextCursor">The <c>cursor</c> of the next page. Null on the last page.</param>
/// <param name="Count">How many items the whole list has. Absent unless it was asked for.</param>
public sealed record Pagination(
    int Limit,
    string? NextCursor,
    [property: JsonConverter(typeof(CountConverter)), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    [property: Description("How many items the whole list has: a number, or a text such as 10000+ if there are more than are counted. Absent unless count asks for it.")]
    string? Count = null);

internal static class Envelope
{
    public static Envelope<T> Of<T>(T data, string message)
        where T : notnull => new(true, data, message);

    public static PageEnvelope<T> Of<T>(IReadOnlyList<T> page, string message, Pagination pagination) => new(true, page, message, pagination);
}
