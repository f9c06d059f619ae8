namespace Gallery.Service.Http;

/// <summary>A successful answer.</summary>
public sealed record Envelope<T>(bool Success, T Data, string Message)
    where T : notnull;

/// <summary>A successful answer that is one page of a list.</summary>
public sealed record PageEnvelope<T>(bool Success, IReadOnlyList<T> Data, string Message, Pagination Pagination);

/// <summary>The page's position in its list.</summary>
/// <param name="Limit">The most items per page.</param>
/// <param name="NextCursor">The <c>cursor</c> of the next page. Null on the last page.</param>
public sealed record Pagination(int Limit, string? NextCursor);

internal static class Envelope
{
    public static Envelope<T> Of<T>(T data, string message)
        where T : notnull => new(true, data, message);

    public static PageEnvelope<T> Of<T>(IReadOnlyList<T> page, string message, Pagination pagination) => new(true, page, message, pagination);
}
