using System.Globalization;
using Microsoft.AspNetCore.Http.Extensions;

namespace Gallery.Service.Http;

/// <summary>Which page of which list a request asks for: <c>limit</c>, <c>cursor</c>, and the list's own filters.</summary>
internal sealed class PageQuery
{
    public const int DefaultLimit = 50;
    public const int MaximumLimit = 200;

    public static readonly ProblemResult BadLimit = FieldErrors.Of("limit", $"limit must be a whole number from 1 to {MaximumLimit}. Leave it out for {DefaultLimit}.");
    public static readonly ProblemResult BadCursor = FieldErrors.Of("cursor", "cursor is not of this list with these filters. Send next_cursor of the previous page.", "invalid_cursor");

    private readonly string _path;
    private readonly string[] _filters;
    private readonly IQueryCollection _query;
    private readonly string _list;

    /// <param name="path">The list's route; with the filters it is what a cursor is bound to.</param>
    /// <param name="filters">The list's own filters, each with what it is where it is not given. Any other parameter is a fault, lest a misspelt filter list everyone's rows.</param>
    public PageQuery(string path, IQueryCollection query, (string Name, string? Default)[] filters, FieldErrors errors)
    {
        (_path, _query, _filters) = (path, query, [.. filters.Select(filter => filter.Name)]);
        foreach (var (name, values) in query)
        {
            if (name is not ("limit" or "cursor") && !_filters.Contains(name))
                errors.Add(name, $"There is no parameter of this name; known are {string.Join(", ", [.. _filters, "limit", "cursor"])}. Pages are turned with cursor.");
            else if (values.Count > 1)
                errors.Add(name, $"{name} is given more than once.");
        }

        _list = path + string.Concat(filters.Select(filter => (query.TryGetValue(filter.Name, out var value) ? value.ToString() : filter.Default) is { } given
            ? $"\n{filter.Name}={given}"
            : $"\n{filter.Name}"));
        Limit = ReadLimit(errors);
        After = ReadCursor(errors);
    }

    /// <summary>Items a page, 1 to 200.</summary>
    public int Limit { get; }

    /// <summary>The last row of the page before; null for the first page.</summary>
    public (DateTime At, Guid Id)? After { get; }

    public string CursorAt(DateTime at, Guid id) => Cursor.Encode(_list, at, id);

    /// <summary>The next page as a <c>Link</c> header (RFC 8288); relative, so that it holds behind any proxy.</summary>
    public string Link(string cursor)
    {
        var next = new QueryBuilder();
        foreach (var name in _filters)
            if (_query.TryGetValue(name, out var value))
                next.Add(name, value.ToString());
        next.Add("limit", Limit.ToString(CultureInfo.InvariantCulture));
        next.Add("cursor", cursor);
        return $"<{_path}{next}>; rel=\"next\"";
    }

    private int ReadLimit(FieldErrors errors)
    {
        if (!_query.TryGetValue("limit", out var text)) return DefaultLimit;
        // TryParse passes over U+0000 at the end.
        if (text.ToString().All(char.IsAsciiDigit)
            && int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var limit)
            && limit is >= 1 and <= MaximumLimit) return limit;
        errors.Add("limit", BadLimit.Message);
        return DefaultLimit;
    }

    private (DateTime At, Guid Id)? ReadCursor(FieldErrors errors)
    {
        if (!_query.TryGetValue("cursor", out var text)) return null;
        if (Cursor.Decode(_list, text.ToString()) is { } place) return place;
        errors.Add("cursor", BadCursor.Message, BadCursor.Code);
        return null;
    }
}
