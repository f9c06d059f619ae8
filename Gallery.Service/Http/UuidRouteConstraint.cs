namespace Gallery.Service.Http;

/// <summary>
/// <c>{id:uuid}</c>: 8-4-4-4-12 hexadecimal digits with hyphens (RFC 9562, section 4), in either case. The framework's <c>{id:guid}</c> also
/// accepts braces, 32 bare digits and <c>+50e8400-…</c>, which it reads as a different id.
/// </summary>
internal sealed class UuidRouteConstraint : IRouteConstraint
{
    public const string Name = "uuid";

    public bool Match(HttpContext? httpContext, IRouter? route, string routeKey, RouteValueDictionary values, RouteDirection routeDirection) =>
        values[routeKey] is string text && IsUuid(text);

    public static bool IsUuid(ReadOnlySpan<char> text)
    {
        if (text.Length != 36) return false;
        for (var i = 0; i < text.Length; i++)
            if (i is 8 or 13 or 18 or 23 ? text[i] != '-' : !char.IsAsciiHexDigit(text[i]))
                return false;
        return true;
    }
}
