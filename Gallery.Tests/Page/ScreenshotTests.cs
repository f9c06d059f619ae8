using System.Text;
using Gallery.Service.Page.Demo;
using Gallery.Tests.Readme;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Gallery.Tests.Page;

/// <summary>The screenshots of README and docs/page.md. <c>REGENERATE=true</c> takes them again.</summary>
public sealed class ScreenshotTests(TrashDaysService service) : PageTests(service), IClassFixture<TrashDaysService>
{
    private const int MostBytes = 250 * 1024;

    [Fact]
    public async Task The_grid_one_image_sharing_and_the_trash_look_as_in_the_docs()
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
        var id = Guid.Parse((await page.Locator(".tile").Nth(2).GetAttributeAsync("data-id"))!);
        await ImageViewsTests.CountAsync(Database, id, [.. Enumerable.Range(0, 30).Select(day => (day, (day * 5 % 7) + ((30 - day) / 3), day % 6 == 0 ? 2 : 0))]);
        await page.SetViewportSizeAsync(1280, 1060);   // so that the plot is in view
        await page.Tiles().Nth(2).ClickAsync();
        await page.GetByText("Views", new() { Exact = true }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Img, new() { Name = "Views per day" })).ToBeVisibleAsync();
        await TakeAsync(page, "image");
        await page.SetViewportSizeAsync(1280, 800);
        await page.GetByRole(AriaRole.Dialog).Button("Share").ClickAsync();
        await page.GetByLabel("Maximum of views").FillAsync("10");
        await page.GetByLabel("Note for yourself").FillAsync("For Mira");
        await page.Button("Make a link").ClickAsync();
        await Expect(page.GetByText("Link made.")).ToBeVisibleAsync();
        await TakeAsync(page, "share");
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
