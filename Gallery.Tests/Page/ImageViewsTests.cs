using System.Globalization;
using Gallery.Tests.Database;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Gallery.Tests.Page;

/// <summary>A person sees how often an image was viewed.</summary>
public sealed class ImageViewsTests(PageService service) : PageTests(service)
{
    [Fact]
    public async Task The_views_of_30_days_are_plotted_and_listed_and_read_only_when_one_unfolds_them()
    {
        var ids = await SeedAsync(2);
        await CountAsync(Database, ids[0], (0, 2, 1), (3, 8, 0), (40, 100, 4));
        var page = await OpenAsync();
        var asked = new List<string>();
        page.Request += (_, request) => asked.Add(new Uri(request.Url).AbsolutePath);
        await page.Tile("Picture 1").ClickAsync();
        await Expect(page.Opened("Picture 1").Text("Prompt")).ToBeEditableAsync();
        await page.NextFrameAsync();
        Assert.DoesNotContain(asked, path => path.Contains("statistics", StringComparison.Ordinal));
        await Views(page).ClickAsync();

        await Expect(page.GetByText("10 views and 1 download in 30 days")).ToBeVisibleAsync();
        await Expect(page.GetByText("110 views and 5 downloads in all. A visitor counts once a day.")).ToBeVisibleAsync();
        var (best, today) = (Named(3), Named(0));
        var plot = page.GetByRole(AriaRole.Img, new() { Name = $"Views per day from {Named(29)} to {today}. The most are 8, on {best}.", Exact = true });
        await Expect(plot).ToBeVisibleAsync();
        var heights = await plot.Locator(".bar").EvaluateAllAsync<double[]>("bars => bars.map(bar => bar.getBoundingClientRect().height / bar.ownerSVGElement.getBoundingClientRect().height)");
        Assert.Equal([.. new double[26], 1, 0, 0, 0.25], heights.Select(height => Math.Round(height, 3)));
        await page.GetByText("Day by day").ClickAsync();
        await Expect(page.GetByRole(AriaRole.Row)).ToHaveTextAsync(["Day (UTC)ViewsDownloads", $"{today}21", $"{best}80"]);

        await CountAsync(Database, ids[0], (1, 9, 0));
        await Views(page).ClickAsync();
        await Views(page).ClickAsync();
        await Expect(page.GetByText("19 views and 1 download in 30 days")).ToBeVisibleAsync();
        await page.Button("Next image").ClickAsync();
        await Expect(page.Opened("Picture 2").Text("Prompt")).ToBeEditableAsync();
        await Expect(page.GetByText("19 views")).ToHaveCountAsync(0);
        await Views(page).ClickAsync();
        await Expect(page.GetByText("No views yet")).ToBeVisibleAsync();
    }

    [Fact]
    public async Task Views_that_do_not_load_say_why_and_are_read_again_and_the_trash_has_none()
    {
        var id = (await SeedAsync(1))[0];
        var page = await OpenAsync($"/?image={id}");
        await Expect(page.Opened("Picture 1").Text("Prompt")).ToBeEditableAsync();
        await page.FailAsync(path: "statistics/");
        await Views(page).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Alert)).ToHaveTextAsync("The views did not load. The service is busy. Try again.");
        await AxeAsync(page);
        await page.MendAsync();
        await page.Button("Try again").ClickAsync();
        await Expect(page.GetByText("No views yet")).ToBeVisibleAsync();
        await AxeAsync(page);
        Allow("status of 503");

        await Api.DeleteAsync($"/v1/gallery/{id}/");
        await page.GotoAsync($"/?view=trash&image={id}");
        await Expect(page.Opened("Picture 1").Button("Restore")).ToBeVisibleAsync();
        await Expect(Views(page)).ToHaveCountAsync(0);
    }

    /// <summary>Adds what was counted so many days ago.</summary>
    internal static async Task CountAsync(TestDatabase database, Guid id, params (int DaysAgo, int Views, int Downloads)[] days)
    {
        foreach (var (daysAgo, views, downloads) in days)
            await database.ExecuteAsync(
                """
                insert into gallery.image_count as c (image_id, views, downloads) values (@Id, @Views, @Downloads)
                on conflict (image_id) do update set views = c.views + @Views, downloads = c.downloads + @Downloads;
                insert into gallery.image_day (image_id, day, views, downloads) values (@Id, (now() at time zone 'UTC')::date - @DaysAgo, @Views, @Downloads)
                """,
                new { Id = id, DaysAgo = daysAgo, Views = views, Downloads = downloads });
    }

    private static ILocator Views(IPage page) => page.GetByRole(AriaRole.Dialog).GetByText("Views", new() { Exact = true }).First;

    private static string Named(int daysAgo) => DateTime.UtcNow.AddDays(-daysAgo).ToString("MMM d", CultureInfo.InvariantCulture);
}
