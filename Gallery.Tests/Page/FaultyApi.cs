using System.Text.RegularExpressions;
using Microsoft.Playwright;

namespace Gallery.Tests.Page;

/// <summary>An API that fails or does not answer, as one page sees it.</summary>
internal static partial class FaultyApi
{
    /// <summary>Answers the API's requests with a problem, until <see cref="MendAsync"/>.</summary>
    /// <param name="status">0 ends the connection.</param>
    /// <param name="method">The only one that fails; null for all.</param>
    /// <param name="path">Only paths that contain this fail.</param>
    public static Task<IAsyncDisposable> FailAsync(this IPage page, int status = 503, string? method = null, string path = "/v1/gallery/", string code = "overloaded", string message = "The service is busy. Try again.") =>
        RouteAsync(page, method, path, route => status == 0
            ? route.AbortAsync("connectionreset")
            : route.FulfillAsync(new()
            {
                Status = status,
                ContentType = "application/problem+json",
                Body = $$"""{"success":false,"message":"{{message}}","type":"about:blank","title":"","status":{{status}},"detail":"{{message}}","code":"{{code}}","trace_id":"0"}""",
            }));

    /// <summary>The API's requests wait until the result is completed: <c>var held = await page.HoldAsync(); …; held.SetResult();</c></summary>
    public static async Task<TaskCompletionSource> HoldAsync(this IPage page, string? method = null, string path = "/v1/gallery/")
    {
        var held = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _ = await RouteAsync(page, method, path, async route =>
        {
            await held.Task;
            await route.ContinueAsync();
        });
        return held;
    }

    /// <summary>Undoes <see cref="FailAsync"/> and <see cref="HoldAsync"/>.</summary>
    public static Task MendAsync(this IPage page) => page.UnrouteAsync(Api());

    private static Task<IAsyncDisposable> RouteAsync(IPage page, string? method, string path, Func<IRoute, Task> answer) =>
        page.RouteAsync(Api(), route =>
            (method is null || route.Request.Method == method) && route.Request.Url.Contains(path, StringComparison.Ordinal) ? answer(route) : route.FallbackAsync());

    [GeneratedRegex(@"^http://127\.0\.0\.1:\d+/v1/")]
    private static partial Regex Api();
}
