namespace Gallery.Service.Http;

/// <summary>A successful answer.</summary>
public sealed record Envelope<T>(bool Success, T Data, string Message)
    where T : notnull;

/// <summary>A successful answer that is one page of a list.</summary>
public sealed record PageEnvelope<T>(bool Success, IReadOnlyList<T> Data, string Message, Pagination Pagination);

/// <summary>Where in a list a page stands.</summary>
/// <param name="Limit">How many items a page has at most.</param>
/// <param name="NextCursor">Opaque: the next page's <c>cursor</c>. Null on the last page.</param>
public sealed record Pagination(int Limit, string? NextCursor);

internal static class Envelope
{
    public static Envelope<T> Of<T>(T data, string message)
        where T : notnull => new(true, data, message);

    public static PageEnvelope<T> Of<T>(IReadOnlyList<T> page, string message, Pagination pagination) => new(true, page, message, pagination);
}
