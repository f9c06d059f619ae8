namespace Gallery.Sql.Database;

/// <summary>The states that a row must have, or must not have, for a write to happen (RFC 9110, section 13).</summary>
/// <param name="IfMatch">Versions with commas between, or <c>*</c> for any. Null for no condition.</param>
/// <param name="IfNoneMatch">The same, of states that the row must not have.</param>
public readonly record struct Preconditions(string? IfMatch, string? IfNoneMatch)
{
    /// <summary>The condition in SQL, on the row <c>i</c> for the request <c>n</c>.</summary>
    internal const string Hold = $"""
        (n.if_match is null or n.if_match = '*' or {Version} = any (string_to_array(n.if_match, ',')))
              and (n.if_none_match is null or (n.if_none_match <> '*' and {Version} <> all (string_to_array(n.if_none_match, ','))))
        """;

    /// <summary>The same condition, for the version of a row that was read.</summary>
    internal bool HoldFor(string version) =>
        (IfMatch is null || IfMatch == "*" || IfMatch.Split(',').Contains(version)) && (IfNoneMatch is null || IfNoneMatch != "*" && !IfNoneMatch.Split(',').Contains(version));

    internal bool IsEmpty => IfMatch is null && IfNoneMatch is null;

    internal int Length => (IfMatch?.Length ?? 0) + (IfNoneMatch?.Length ?? 0);

    private const string Version = "concat(i.revision, '-', extract(epoch from i.updated_at))";
}
