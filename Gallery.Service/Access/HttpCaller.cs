using Gallery.Sql.Database;

namespace Gallery.Service.Access;

internal static class HttpCaller
{
    /// <summary>The caller that the request's credentials prove; <see cref="Caller.Anonymous"/> where the service needs none.</summary>
    public static Caller Caller(this HttpContext http) => http.Features.Get<Caller>() ?? Sql.Database.Caller.Anonymous;
}
