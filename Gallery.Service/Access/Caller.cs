namespace Gallery.Service.Access;

/// <summary>Who asks, and so whose images they may reach.</summary>
/// <param name="Name">Names the caller where callers are counted, as in rate limits: <c>key:pipeline</c>, <c>user:…</c>; null without credentials.</param>
/// <param name="UserId">The one user whose images they may reach; null for everyone's.</param>
internal sealed record Caller(string? Name, string? UserId)
{
    /// <summary>Without credentials, where none are asked for: may reach everyone's images.</summary>
    public static readonly Caller Anonymous = new(null, null);

    /// <summary>Without credentials, where they are asked for. No image's owner is empty, so even a statement that one reached would find none.</summary>
    public static readonly Caller Stranger = new(null, "");

    public static Caller Key(string name) => new($"key:{name}", null);

    public static Caller User(string userId) => new($"user:{userId}", userId);

    /// <summary>The caller that the request's credentials have proven.</summary>
    public static Caller Of(HttpContext http) => http.Features.Get<Caller>() ?? Anonymous;
}
