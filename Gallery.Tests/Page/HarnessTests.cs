using Microsoft.Playwright;
using Xunit.Sdk;
using static Microsoft.Playwright.Assertions;

namespace Gallery.Tests.Page;

/// <summary>The checks of <see cref="PageTests"/> work on a page with a strict Content-Security-Policy, and find what is wrong there.</summary>
public sealed class HarnessTests(PageService service) : PageTests(service)
{
    private const string Strict = "default-src 'self'; img-src 'self' https://res.cloudinary.com; require-trusted-types-for 'script'; frame-ancestors 'none'";

    private static string Picture { get; } = Service.Api.UrlOf(Guid.Parse("5e0f4a86-9c0b-4f0e-8a57-2b6f8d3c1e90"));

    [Fact]
    public async Task A_picture_comes_from_this_machine()
    {
        var page = await ShowAsync($"<img alt=Lighthouse src={Picture}>");
        await Expect(page.GetByRole(AriaRole.Img, new() { Name = "Lighthouse" })).ToBeVisibleAsync();

        await page.WaitForFunctionAsync("() => document.images[0].naturalWidth >= 800");
        Assert.Contains(Picture, Pictures.Requests);
        await AxeAsync(page);
    }

    [Fact]
    public async Task Axe_finds_a_picture_without_a_text()
    {
        var page = await ShowAsync($"<img src={Picture}>");

        var found = await Assert.ThrowsAnyAsync<XunitException>(() => AxeAsync(page));
        Assert.Contains("image-alt (critical)", found.Message, StringComparison.Ordinal);
        Assert.Contains("<img src=", found.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("() => console.error('wrong')", "wrong")]
    [InlineData("() => { setTimeout(() => { throw new Error('thrown'); }); }", "thrown")]
    [InlineData("() => { Promise.reject(new Error('rejected')); }", "rejected")]
    [InlineData("() => { document.body.append(Object.assign(new Image(), { src: 'https://other.example/a.png' })); }", "violates the following Content Security Policy")]
    [InlineData("() => { try { document.body.innerHTML = 'text'; } catch { } }", "TrustedHTML")]
    [InlineData("() => { fetch('/v1/gallery/cat/'); }", "status of 404")]
    public async Task An_error_of_a_page_is_seen(string script, string error)
    {
        var page = await ShowAsync("");
        await page.EvaluateAsync(script);

        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (!Errors.Any(seen => seen.Contains(error, StringComparison.Ordinal))) await Task.Delay(10, patience.Token);
        Allow(error);
    }

    [Fact]
    public async Task A_picture_and_an_answer_can_be_late_or_missing()
    {
        Pictures.Hold();
        var page = await ShowAsync($"<img alt=Lighthouse src={Picture}>");
        Assert.False(await page.EvaluateAsync<bool>("() => document.images[0].complete"));
        Pictures.Lose("5e0f4a86");
        Pictures.Release();
        await page.WaitForFunctionAsync("() => document.images[0].complete && document.images[0].naturalWidth === 0");
        Allow("res.cloudinary.com");

        var held = await page.HoldAsync();
        var answer = page.EvaluateAsync<int>("() => fetch('/v1/gallery/').then(answer => answer.status)");
        await page.EvaluateAsync("() => fetch('/livez')");
        Assert.False(answer.IsCompleted);
        held.SetResult();
        Assert.Equal(200, await answer);
        await page.MendAsync();

        await page.FailAsync(503, method: "GET");
        Assert.Equal("overloaded", await page.EvaluateAsync<string>("() => fetch('/v1/gallery/').then(answer => answer.json()).then(problem => problem.code)"));
        Allow("status of 503");
    }

    private async Task<IPage> ShowAsync(string content)
    {
        var page = await NewTabAsync();
        await page.RouteAsync("**/harness", route => route.FulfillAsync(new()
        {
            ContentType = "text/html; charset=utf-8",
            Headers = [new("Content-Security-Policy", Strict)],
            Body = $"<!doctype html><html lang=en><title>Harness</title><main><h1>Harness</h1>{content}</main></html>",
        }));
        await page.GotoAsync("/harness", new() { WaitUntil = WaitUntilState.DOMContentLoaded });
        Allow("favicon.ico");
        return page;
    }
}
