using System.Text.Json;
using Gallery.Service.Http;
using Gallery.Sql.Database;
using Microsoft.AspNetCore.Authorization;

namespace Gallery.Service.Access;

/// <summary>
/// What a caller may do. A service key may do everything, and so may anyone if the service needs no credentials. A user may do what the
/// settings allow with their own rows. Each statement itself restricts the rows to <see cref="Caller.UserId"/>.
/// </summary>
internal sealed class Permissions(IConfiguration settings)
{
    public static readonly ProblemResult ForbiddenUserId = Forbidden("forbidden_user_id", "user_id is not the token's user (its sub). Leave it out, or send that id.", "user_id");

    public static readonly ProblemResult ForbiddenPurge = Forbidden("forbidden_purge", "Users' tokens may not delete permanently here. DELETE without permanent/ moves it to the trash.");

    public static readonly ProblemResult ForbiddenSave = Forbidden("forbidden_save", $"Users' tokens may not save here. Use a service key, or set {SaveSetting}=true.");

    public static readonly ProblemResult ForbiddenOAuthClient = Forbidden(
        "forbidden_oauth_client", $"The token is an OAuth client's (client_id). Sign in directly, or set {OAuthClientsSetting}=true.");

    public static readonly ProblemResult ForbiddenAnonymousUser = Forbidden(
        "forbidden_anonymous_user", $"The token is an anonymous sign-in's. Sign in with an account, or set {AnonymousUsersSetting}=true.");

    private const string PurgeSetting = "GALLERY_USERS_MAY_PURGE";
    private const string SaveSetting = "GALLERY_USERS_MAY_SAVE";
    private const string OAuthClientsSetting = "GALLERY_OAUTH_CLIENTS_MAY_CALL";
    private const string AnonymousUsersSetting = "GALLERY_ANONYMOUS_USERS_MAY_CALL";

    private readonly bool _usersMaySave = settings.FindSwitch(SaveSetting, otherwise: false);
    private readonly bool _oauthClientsMayCall = settings.FindSwitch(OAuthClientsSetting, otherwise: false);
    private readonly bool _anonymousUsersMayCall = settings.FindSwitch(AnonymousUsersSetting, otherwise: false);

    public bool UsersMayPurge { get; } = settings.FindSwitch(PurgeSetting, otherwise: true);

    /// <summary>
    /// Every endpoint needs credentials unless it says <c>AllowAnonymous</c>. An unknown route or method is 404 or 405 for everyone, because
    /// routes are public. A mistyped URL should not look like a wrong key.
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
        UsersMayPurge || caller.UserId is null
            ? null
            : ForbiddenPurge;

    /// <summary>Why the caller may not save; null if they may. The user who is first to save a UUID owns it, and UUIDs are in public URLs.</summary>
    public ProblemResult? FindSaveFault(Caller caller) =>
        _usersMaySave || caller.UserId is null
            ? null
            : ForbiddenSave;

    /// <summary>Why a user with a valid token may not call; null if they may. Claims of unexpected types count as present.</summary>
    public ProblemResult? FindTokenFault(JsonElement claims)
    {
        if (!_oauthClientsMayCall && claims.TryGetProperty("client_id", out var client) && client.ValueKind != JsonValueKind.Null) return ForbiddenOAuthClient;
        if (!_anonymousUsersMayCall && claims.TryGetProperty("is_anonymous", out var anonymous) && anonymous.ValueKind is not (JsonValueKind.Null or JsonValueKind.False)) return ForbiddenAnonymousUser;
        return null;
    }

    private static ProblemResult Forbidden(string code, string message, string? field = null) =>
        new(StatusCodes.Status403Forbidden, code, message, field is null ? null : new Dictionary<string, string[]> { [field] = [message] });
}
