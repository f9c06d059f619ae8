using Gallery.Service.Http;
using Gallery.Sql.Sharing;

namespace Gallery.Service.Sharing;

/// <summary>The failures that only sharing has. A stranger learns from them neither why a link shows nothing, nor whether it ever did.</summary>
internal static class ShareProblems
{
    public static readonly ProblemResult NotFound = new(404, "share_not_found", "This link shows nothing. Ask for a new one.");

    public static readonly ProblemResult TooManyLinks = new(409, "too_many_links", $"The image has {ShareRepository.MaximumPerImage} links already. Revoke some first.");

    public static readonly ProblemResult TooManyGrants = new(409, "too_many_grants", $"The image is shared with {GrantRepository.MaximumPerImage} users already. End the sharing with some first.");

    public static readonly ProblemResult PasswordRequired =
        new(403, "share_password_required", $"This link asks for its password, and the one sent is missing or wrong. Send it as {SharedEndpoints.PasswordHeader}.");

    public static readonly ProblemResult TooManyAttempts =
        new(429, "too_many_attempts", "Too many wrong passwords were sent to this link. Try again later.", RetryAfterSeconds: (int)ShareRepository.AttemptsTime.TotalSeconds);
}
