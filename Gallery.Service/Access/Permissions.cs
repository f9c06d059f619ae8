using Gallery.Service.Http;
using Gallery.Sql.Database;
using Microsoft.AspNetCore.Authorization;

namespace Gallery.Service.Access;

/// <summary>
/// What a caller may do. A service key may do everything, and so may anyone if the service needs no credentials. A user may do everything
/// with their own rows. Each statement itself restricts the rows to <see cref="Caller.UserId"/>.
/// </summary>
internal sealed class Permissions(bool usersMayPurge)
{
    public static readonly ProblemResult ForbiddenUserId = Forbidden("forbidden_user_id", "user_id is not the token's user (its sub). Leave it out, or send that id.", "user_id");

    public static readonly ProblemResult ForbiddenPurge = Forbidden("forbidden_purge", "Users' tokens may not delete permanently here. DELETE without permanent/ moves it to the trash.");

    private const string PurgeSetting = "GALLERY_USERS_MAY_PURGE";

    /// <exception cref="SettingsException">The setting is neither true nor false.</exception>
    public static Permissions From(IConfiguration settings) => new(settings.FindSwitch(PurgeSetting, otherwise: true));

    /// <summary>
    /// Every endpoint needs credentials unless it says <c>AllowAnonymous</c>. An unknown route or method is 404 or 405 for everyone: the
    /// routes are public, and a mistyped URL should not look like a wrong key.
    /// </summary>
    public static bool AsksForCredentials(Endpoint? endpoint) =>
        endpoint is RouteEndpoint && endpoint.Metadata.GetMetadata<IAllowAnonymous>() is null;

    /// <summary>Whether the caller may see operational details, such as the names of migrations.</summary>
    public static bool MaySeeOperations(Caller caller) => caller.UserId is null;

    /// <summary>Why the caller may not use this user_id; null if they may.</summary>
    public static ProblemResult? FindUserIdFault(Caller caller, string? userId)
    {
        if (caller.UserId is null || userId == caller.UserId) return null;
        return ForbiddenUserId;
    }

    /// <summary>Why the caller may not delete permanently; null if they may.</summary>
    public ProblemResult? FindPurgeFault(Caller caller) =>
        usersMayPurge || caller.UserId is null
            ? null
            : ForbiddenPurge;

    private static ProblemResult Forbidden(string code, string message, string? field = null) =>
        new(StatusCodes.Status403Forbidden, code, message, field is null ? null : new Dictionary<string, string[]> { [field] = [message] });
}
