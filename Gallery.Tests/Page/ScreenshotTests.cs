using System.Text;
using Gallery.Service.Page.Demo;
using Gallery.Tests.Readme;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Gallery.Tests.Page;

/// <summary>The screenshots of README. <c>REGENERATE=true</c> takes them again.</summary>
public sealed class ScreenshotTests(TrashDaysService service) : PageTests(service), IClassFixture<TrashDaysService>
{
    private const int MostBytes = 250 * 1024;

    [Fact]
    public async Task The_grid_one_image_and_the_trash_look_as_in_the_readme()
    {
        var now = DateTime.UtcNow;
        var lines = string.Join('\n', DemoImage.All.Select((image, number) => image.Line(number, now)));
        var imported = await Api.SendAsync(HttpMethod.Post, "/v1/gallery/import/", new StringContent(lines, Encoding.UTF8, "application/x-ndjson"));
        Assert.Equal((200, DemoImage.Count), (imported.Status, (int?)imported.Body["data"]?["created"]));

        var page = await NewTabAsync();
        await page.RouteAsync("https://res.cloudinary.com/gallery-demo/**", route => route.FulfillAsync(new()
        {
            ContentType = "image/svg+xml",
            Body = new DemoImage(Guid.Parse(Path.GetFileNameWithoutExtension(new Uri(route.Request.Url).AbsolutePath))).Draw(),
        }));
        await page.GotoAsync("/");
        await TakeAsync(page, "grid");
        await page.Tiles().Nth(2).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Dialog).GetByText("seed", new() { Exact = true })).ToBeVisibleAsync();
        await TakeAsync(page, "image");
        await page.GotoAsync("/?view=trash");
        await TakeAsync(page, "trash");
    }

    private static async Task TakeAsync(IPage page, string name)
    {
        await Expect(page.Tiles().First).ToBeVisibleAsync();
        await page.WaitForFunctionAsync("() => document.images.length > 0 && [...document.images].every(image => image.complete && image.naturalWidth > 0)");
        await page.NextFrameAsync();
        var taken = await page.ScreenshotAsync(new() { Type = ScreenshotType.Jpeg, Quality = 65 });
        Assert.InRange(taken.Length, 10_000, MostBytes);

        var file = Path.Combine(Repository.Root, "docs", "images", $"{name}.jpg");
        if (Environment.GetEnvironmentVariable("REGENERATE") == "true")
        {
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            await File.WriteAllBytesAsync(file, taken, Ct);
        }

        var committed = await File.ReadAllBytesAsync(file, Ct);
        Assert.Equal([0xFF, 0xD8, 0xFF], committed.Take(3));
        Assert.InRange(committed.Length, 10_000, MostBytes);
    }
}
