using Gallery.Service.Http;
using Gallery.Sql.Database;
using Microsoft.AspNetCore.Authorization;

namespace Gallery.Service.Access;

/// <summary>
/// What a caller may do. A service key, and anyone where no credentials are asked for, may do all; a user may do all with
/// their own rows. Whose rows a statement reaches stands in the statement itself: <see cref="Caller.UserId"/>.
/// </summary>
internal sealed class Permissions(bool usersMayPurge)
{
    public static readonly ProblemResult ForbiddenUserId = Forbidden("forbidden_user_id", "user_id is not the token's user (its sub). Leave it out, or send that id.", "user_id");

    public static readonly ProblemResult ForbiddenPurge = Forbidden("forbidden_purge", "Users' tokens may not delete permanently here. DELETE without permanent/ moves it to the trash.");

    private const string PurgeSetting = "GALLERY_USERS_MAY_PURGE";

    /// <exception cref="SettingsException">The setting is neither true nor false.</exception>
    public static Permissions From(IConfiguration settings) => new(settings.FindSwitch(PurgeSetting, otherwise: true));

    /// <summary>
    /// Every endpoint asks for credentials but those that say <c>AllowAnonymous</c>. Where there is no route, or not with this
    /// method, the answer is 404 or 405 for all: /openapi shows the routes to everybody, and a mistyped URL should not read as a bad key.
    /// </summary>
    public static bool AsksForCredentials(Endpoint? endpoint) =>
        endpoint is RouteEndpoint && endpoint.Metadata.GetMetadata<IAllowAnonymous>() is null;

    /// <summary>May see how the service is run, such as the names of migrations.</summary>
    public static bool MaySeeOperations(Caller caller) => caller.UserId is null;

    /// <summary>Why a caller may not name this user; null if they may.</summary>
    public static ProblemResult? FindUserIdFault(Caller caller, string? userId)
    {
        if (caller.UserId is null || userId == caller.UserId) return null;
        return ForbiddenUserId;
    }

    /// <summary>Why a caller may not delete for good; null if they may.</summary>
    public ProblemResult? FindPurgeFault(Caller caller) =>
        usersMayPurge || caller.UserId is null
            ? null
            : ForbiddenPurge;

    private static ProblemResult Forbidden(string code, string message, string? field = null) =>
        new(StatusCodes.Status403Forbidden, code, message, field is null ? null : new Dictionary<string, string[]> { [field] = [message] });
}
