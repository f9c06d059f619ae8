using System.Globalization;

namespace Gallery.Service.Http;

/// <summary>The page that a request asks for: <c>limit</c>, <c>cursor</c>, and the list's own filters.</summary>
internal sealed class PageQuery
{
    public const int DefaultLimit = 50;
    public const int MaximumLimit = 200;

    /// <summary>Characters of <c>Link</c>. Many proxies accept 4 KB for all headers of an answer, and take a longer one for a failure of the service.</summary>
    private const int MaximumLink = 2048;

    public static readonly ProblemResult BadLimit = FieldErrors.Of("limit", LimitFault("0"));
    public static readonly ProblemResult BadCursor = FieldErrors.Of("cursor", "cursor is not from this list with these filters. Send next_cursor of the previous page, or omit cursor.", "invalid_cursor");

    private readonly string _path;
    private readonly IQueryCollection _query;
    private readonly string _list;
    private readonly Guid _afterId;
    private readonly string _afterText = "";

    /// <param name="path">The list's route. A cursor is bound to it and to the filters.</param>
    /// <param name="filters">The list's own filters with their defaults. Parameters that may change from page to page are not among them.</param>
    public PageQuery(string path, IQueryCollection query, (string Name, string? Default)[] filters, FieldErrors errors)
    {
        (_path, _query) = (path, query);
        // Escaped, so that no two queries have the same text.
        _list = path + string.Concat(filters.Select(filter => "\n" + Uri.EscapeDataString(filter.Name) + string.Concat(
            (query.TryGetValue(filter.Name, out var values) ? [.. values] : new[] { filter.Default }).OfType<string>().Select(value => "=" + Uri.EscapeDataString(value)))));
        Limit = ReadLimit(errors);
        if (ReadCursor(errors) is { } place) (AfterNumber, _afterId, _afterText) = (place.Number, place.Id, place.Text);
    }

    /// <summary>Items per page, 1 to 200.</summary>
    public int Limit { get; }

    /// <summary>The last row of the previous page; null for the first page.</summary>
    public (DateTime At, Guid Id)? After => AfterNumber is { } number ? (Cursor.TimeOf(number), _afterId) : null;

    /// <summary>The same for a list that is sorted by a number alone.</summary>
    public long? AfterNumber { get; }

    /// <summary>The same for a list that is sorted by a number and a text.</summary>
    public (long Number, string Text)? AfterText => AfterNumber is { } number ? (number, _afterText) : null;

    /// <summary>The same for a list that is sorted by a number and an id.</summary>
    public (long Number, Guid Id)? AfterRow => AfterNumber is { } number ? (number, _afterId) : null;

    public string CursorAt(DateTime at, Guid id) => Cursor.Encode(_list, Cursor.NumberOf(at), id);

    public string CursorAt(long number, Guid id) => Cursor.Encode(_list, number, id);

    public string CursorAt(long number, string text = "") => Cursor.Encode(_list, number, Guid.Empty, text);

    /// <summary>The next page as a <c>Link</c> header (RFC 8288). Null if it would be too long, because it repeats the filters. The body has the cursor too.</summary>
    public string? Link(HttpContext http, string cursor)
    {
        var others = _query.Where(parameter => parameter.Key is not ("limit" or "cursor")).SelectMany(parameter => parameter.Value.Select(value => KeyValuePair.Create(parameter.Key, value)));
        var next = QueryString.Create([.. others, new("limit", Limit.ToString(CultureInfo.InvariantCulture)), new("cursor", cursor)]);
        var link = $"<{http.UrlOf(_path, next)}>; rel=\"next\"";
        return link.Length <= MaximumLink ? link : null;
    }

    private static string LimitFault(string text) =>
        $"limit is '{TextRules.Clip(text, 20)}'. Send a whole number from 1 to {MaximumLimit}; the default is {DefaultLimit}.";

    private int ReadLimit(FieldErrors errors)
    {
        if (!_query.TryGetValue("limit", out var text)) return DefaultLimit;
        // TryParse ignores U+0000 at the end.
        if (text.ToString().All(char.IsAsciiDigit)
            && int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var limit)
            && limit is >= 1 and <= MaximumLimit) return limit;
        errors.Add("limit", LimitFault(text.ToString()));
        return DefaultLimit;
    }

    private (long Number, Guid Id, string Text)? ReadCursor(FieldErrors errors)
    {
        if (!_query.TryGetValue("cursor", out var text) || text is [null or ""]) return null;
        if (Cursor.Decode(_list, text.ToString()) is { } place) return place;
        errors.Add("cursor", BadCursor.Message, BadCursor.Code);
        return null;
    }
}
