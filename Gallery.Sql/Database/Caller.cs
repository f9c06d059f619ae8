namespace Gallery.Sql.Database;

/// <summary>Who asks, and whose rows they may reach. Every statement takes it as one value.</summary>
/// <param name="Name">Names the caller in rate limits, logs and events: <c>key:pipeline</c>, <c>user:…</c>. Null without credentials.</param>
/// <param name="UserId">The only user whose rows they may reach. Null for everyone's.</param>
public sealed record Caller(string? Name, string? UserId)
{
    /// <summary>The longest user id, in Unicode code points. The tables' checks have the same limit.</summary>
    public const int UserIdMaximum = 255;

    /// <summary>A caller without credentials of a service that needs none. Reaches everyone's rows.</summary>
    public static readonly Caller Anonymous = new(null, null);

    /// <summary>A caller without credentials of a service that needs them. Routes with rows reject it before any statement runs.</summary>
    public static readonly Caller Stranger = new(null, "");

    public static Caller Key(string name) => new($"key:{name}", null);

    public static Caller User(string userId) => new($"user:{userId}", userId);
}
