using Gallery.Tests.Database;
using static Microsoft.Playwright.Assertions;

namespace Gallery.Tests.Page;

/// <summary>A service that deletes images in the trash after 30 days: a class fixture.</summary>
public sealed class TrashDaysService(TestServer server, Browser browser) : PageService(server, browser)
{
    protected override Task<string[]> PrepareAsync() => Task.FromResult<string[]>(["GALLERY_TRASH_DAYS=30"]);
}

public sealed class DaysLeftTests(TrashDaysService service) : PageTests(service), IClassFixture<TrashDaysService>
{
    [Fact]
    public async Task An_image_in_the_trash_shows_the_days_left()
    {
        var ids = await SeedAsync(3);
        string[] left = ["29 days left", "1 day left", "last day"];
        foreach (var (id, hours) in ids.Zip([0, 28.5 * 24, 29.5 * 24]))
        {
            await Api.DeleteAsync($"/v1/gallery/{id}/");
            await Database.ExecuteAsync($"update gallery.image set deleted_at = deleted_at - interval '{hours} hours' where image_id = '{id}'");
        }

        var page = await OpenAsync("/?view=trash");
        await Expect(page.GetByText("Each image is deleted permanently after the days that it shows.")).ToBeVisibleAsync();
        for (var i = 0; i < 3; i++) await Expect(page.Tile($"Picture {i + 1}").GetByText(left[i], new() { Exact = true })).ToBeVisibleAsync();

        await page.Tile("Picture 2").ClickAsync();
        await Expect(page.Opened("Picture 2").GetByText("1 day left.")).ToBeVisibleAsync();
        await page.Keyboard.PressAsync("ArrowRight");
        await Expect(page.Opened("Picture 3").GetByText("This is its last day.")).ToBeVisibleAsync();
    }
}
