namespace Gallery.Service.Access;

/// <summary>Who may call a route.</summary>
internal enum Callers
{
    /// <summary>The user who owns what the route is about. Other users learn and change nothing.</summary>
    Owner,

    /// <summary>Every user. Each reaches only their own rows.</summary>
    Users,

    /// <summary>Service keys. They reach every user's rows.</summary>
    ServiceKeys,
}
