using Gallery.Service.Http;
using Gallery.Service.Images;
using Gallery.Service.OpenApi;
using Gallery.Service.Statistics;
using Gallery.Service.Telemetry;
using Gallery.Sql.Sharing;
using Gallery.Sql.Statistics;

namespace Gallery.Service.Sharing;

/// <summary>What a link shows, to anyone who has it.</summary>
internal static class SharedEndpoints
{
    public const string PasswordHeader = "X-Share-Password";

    private static readonly string[] Get = [HttpMethods.Get, HttpMethods.Head];

    public static void MapShared(this IEndpointRouteBuilder routes)
    {
        var shared = routes.MapGroup("/v1/gallery/shared").WithTag("Shares", "Links that show one image to anyone who has them.").AllowAnonymous();
        shared.MapMethods("/{token}/", Get, OpenShare)
            .WithName("OpenShare").WithSummary("Shows the image of a link, and counts a view")
            .WithDescription("Needs no credentials. Each answer 200 is a view, a HEAD request too. 404 says no more than that the link shows nothing: it is unknown, expired, used up or revoked, or its image is in the trash.")
            .WithTextHeader(PasswordHeader, "The link's password, if it asks for one.").WithMetadata(new OtherNames(($"Send it in {PasswordHeader}.", "password")))
            .Answers(200, Envelope.Of(new SharedImage(
                ImageExamples.ImageId, ImageExamples.Live.ImageUrl, ImageExamples.Live.ThumbnailUrl, null, null, "jpg", ImageExamples.Live.RefinedPrompt), "Image retrieved successfully"))
            .Problems(ShareProblems.NotFound, ShareProblems.PasswordRequired, ShareProblems.TooManyAttempts)
            .Problems([QueryParameters.Unknown("page", []), .. ProblemExceptionHandler.OfDatabase])
            .AllowedTo();   // nobody in particular: the token is what lets a caller in
    }

    private static async Task<IResult> OpenShare(string token, HttpContext http, ShareRepository shares, SharePasswords passwords, VisitBuffer visits, CancellationToken ct)
    {
        http.Response.Headers.CacheControl = "no-store";   // a cache would show the image longer, and more often
        if (ShareToken.Read(token) is not { } key) return ShareProblems.NotFound;
        AccessLog.SetId(http, key.ImageId);

        var opening = await shares.OpenShareAsync(key, passwordHash: null, ct);
        if (opening.AsksForPassword)
        {
            var password = http.Request.Headers[PasswordHeader].ToString();
            if (SharePasswords.FindFault(password) is not null) return ShareProblems.PasswordRequired;   // no link has it
            // From the attempt on, a caller who leaves changes nothing: the right password takes its attempt back.
            if (await passwords.CheckAsync(key.ShareId, password, () => shares.TakeAttemptAsync(key, CancellationToken.None), ct) is not var (isRight, hash))
            {
                return await shares.FindRetryAfterAsync(key, ct) is { } seconds
                    ? ShareProblems.TooManyAttempts with { RetryAfterSeconds = seconds }
                    : ShareProblems.NotFound;   // used up or expired meanwhile
            }

            if (!isRight)
            {
                await shares.UpdateAttemptsSinceAsync(key, CancellationToken.None);
                return ShareProblems.PasswordRequired;
            }

            opening = await shares.OpenShareAsync(key, hash, CancellationToken.None);
        }

        if (opening.Image is null) return ShareProblems.NotFound;
        visits.Note(key.ImageId, VisitKind.View, http);
        return TypedResults.Ok(Envelope.Of(SharedImage.Of(opening.Image, opening.ShowPrompt), "Image retrieved successfully"));
    }
}
