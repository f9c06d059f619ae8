using System.Text.RegularExpressions;
using Gallery.Tests.Service;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Gallery.Tests.Page;

/// <summary>The grid: what loads, what moves, and what keys do.</summary>
public sealed class GridTests(PageService service) : PageTests(service)
{
    [Fact]
    public async Task Thumbnails_load_as_one_scrolls_each_image_once_and_in_order()
    {
        await SeedAsync(300);
        var cursors = new List<string>();
        var page = await NewTabAsync();
        page.Request += (_, request) =>
        {
            if (Regex.Match(request.Url, "[?&]cursor=([^&]+)") is { Success: true } match) cursors.Add(match.Groups[1].Value);
        };
        await page.GotoAsync("/");
        await Expect(page.GetByText("300 images", new() { Exact = true })).ToBeVisibleAsync();
        await page.Mouse.MoveAsync(640, 400);

        var seen = new SortedSet<int>();
        for (var wheel = 0; seen.Count < 300; wheel++)
        {
            Assert.InRange(wheel, 0, 100);
            var shown = (await page.PlacesAsync()).Select(Places.NumberOf).ToList();
            if (shown.Count > 0) Assert.Equal(Enumerable.Range(shown[0], shown.Count), shown);
            seen.UnionWith(shown);
            await page.Mouse.WheelAsync(0, 500);
            await page.NextFrameAsync();
        }

        await Expect(page.Tile("Picture 300")).ToBeInViewportAsync();
        Assert.Equal(2, cursors.Count);
        Assert.Equal(2, cursors.Distinct().Count());
        Assert.Contains(Pictures.Requests, url => url.Contains("/c_fill,", StringComparison.Ordinal));
        Assert.DoesNotContain(Pictures.Requests, url => url.Contains("/upload/v1/", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_held_Delete_deletes_one_image()
    {
        await SeedAsync(3);
        var page = await OpenAsync();
        await page.Tile("Picture 1").FocusAsync();
        await page.Keyboard.DownAsync("Delete");
        await Expect(page.Tile("Picture 2")).ToBeFocusedAsync();
        await page.Keyboard.DownAsync("Delete");
        await page.Keyboard.DownAsync("Delete");
        await page.Keyboard.UpAsync("Delete");

        await page.Keyboard.PressAsync("ArrowRight");
        await Expect(page.Tile("Picture 3")).ToBeFocusedAsync();
        await page.Keyboard.PressAsync("Delete");   // pressed again, it deletes another one
        await Expect(page.Message("1 image moved to the trash")).ToHaveCountAsync(2);
        await Expect(page.Tiles()).ToHaveCountAsync(1);
        Assert.Single((await Api.GetAsync("/v1/gallery/")).Ids);
    }

    [Fact]
    public async Task With_10_000_images_few_are_in_the_dom_wherever_one_is()
    {
        await SeedAsync(10_000);
        var page = await OpenAsync();
        await Expect(page.Tile("Picture 1")).ToBeVisibleAsync();
        var most = await page.EvaluateAsync<int>(
            """
            async () => {
              const tiles = document.querySelectorAll.bind(document, 'ul[aria-label=Images] a');
              for (let most = 0, began = performance.now(); ;) {
                if (performance.now() - began > 90_000) throw new Error('Picture 10000 is not there after 90 s: ' + document.body.innerText.slice(-500));
                window.scrollTo(0, document.body.scrollHeight);
                await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
                most = Math.max(most, tiles().length);
                if ([...tiles()].at(-1).ariaLabel === '“Picture 10000”') return most;
              }
            }
            """);

        Assert.InRange(most, 20, 80);
        foreach (var part in new[] { 0.5, 0.9, 0.1, 0 })
        {
            await page.ScrollAsync(FormattableString.Invariant($"{part} * document.body.scrollHeight"));
            await page.NextFrameAsync();
            var shown = (await page.PlacesAsync()).Select(Places.NumberOf).ToList();
            Assert.InRange(shown.Count, 20, 80);
            Assert.Equal(Enumerable.Range(shown[0], shown.Count), shown);
            Assert.InRange(shown[0] / 10_000.0, part - 0.02, part + 0.02);
            Assert.InRange((await InViewAsync(page)).Count, 12, 40);
        }

        await page.Tile("Picture 1").FocusAsync();
        await page.Keyboard.PressAsync("End");
        await Expect(page.Tile("Picture 10000")).ToBeFocusedAsync();
    }

    [Fact]
    public async Task No_image_in_view_moves_when_the_next_page_arrives_late()
    {
        await SeedAsync(500);
        var page = await NewTabAsync();
        var held = await page.HoldAsync(path: "cursor=");
        await page.GotoAsync("/");
        await Expect(page.Tile("Picture 1")).ToBeVisibleAsync();
        await page.ScrollAsync("document.body.scrollHeight");
        await Expect(page.GetByText("Loading images …")).ToBeInViewportAsync();
        var before = await InViewAsync(page);
        Assert.Equal(60, Places.NumberOf(before[^1]));

        held.SetResult();
        await Expect(page.Tile("Picture 61")).ToBeVisibleAsync();
        var after = (await page.PlacesAsync()).ToDictionary(tile => tile.Name);
        Assert.All(before, tile => Assert.Equal(tile, after[tile.Name]));
    }

    [Fact]
    public async Task Where_the_thumbnail_is_lost_the_original_is_shown_and_where_both_are_lost_the_prompt()
    {
        var ids = await SeedAsync(3, i => i == 2 ? new() { ["refined_prompt"] = null } : []);
        Allow("res.cloudinary.com");
        Pictures.Lose("/c_fill,");
        Pictures.Lose($"/{ids[1]}");
        Pictures.Lose($"/{ids[2]}");
        var page = await OpenAsync();

        await Expect(page.Tile("Picture 1").Locator("img")).ToHaveAttributeAsync("src", Api.UrlOf(ids[0]));
        await page.WaitForFunctionAsync("() => document.images.length === 1 && document.images[0].naturalWidth > 0");
        await Expect(page.Tile("Picture 2")).ToHaveTextAsync("Picture 2");
        await Expect(page.GetByText("This picture does not load.")).ToBeVisibleAsync();

        await page.Tile("Picture 2").ClickAsync();
        await Expect(page.Opened("Picture 2").GetByRole(AriaRole.Paragraph).Filter(new() { HasText = "Picture 2" })).ToBeVisibleAsync();
        await Expect(page.GetByRole(AriaRole.Img, new() { Name = "Picture 2" })).ToHaveCountAsync(0);
    }

    [Fact]
    public async Task Keys_move_between_images_open_one_and_come_back_to_it()
    {
        await SeedAsync(40);
        var page = await OpenAsync();
        await Expect(page.Tile("Picture 1")).ToBeVisibleAsync();
        var columns = Columns(await page.PlacesAsync());

        foreach (var (key, number) in new[]
        {
            ("ArrowDown", 1), ("ArrowRight", 2), ("ArrowDown", 2 + columns), ("ArrowLeft", 1 + columns), ("ArrowUp", 1), ("ArrowUp", 1), ("ArrowLeft", 1),
            ("End", 40), ("ArrowRight", 40), ("ArrowUp", 40 - columns), ("Home", 1), ("ArrowRight", 2),
        })
        {
            await page.Keyboard.PressAsync(key);
            await Expect(page.Tile($"Picture {number}")).ToBeFocusedAsync();
            await Expect(page.Tile($"Picture {number}")).ToBeInViewportAsync(new() { Ratio = 1 });
        }

        await page.Keyboard.PressAsync("Enter");
        await Expect(page.Opened("Picture 2")).ToBeVisibleAsync();
        await page.Keyboard.PressAsync("Escape");
        await Expect(page.GetByRole(AriaRole.Dialog)).ToHaveCountAsync(0);
        await Expect(page.Tile("Picture 2")).ToBeFocusedAsync();

        await page.Keyboard.PressAsync("Enter");
        await Expect(page.Opened("Picture 2")).ToBeVisibleAsync();
        for (var number = 3; number <= 30; number++)
        {
            await page.Keyboard.PressAsync("ArrowRight");
            await Expect(page.Opened($"Picture {number}")).ToBeVisibleAsync();
        }

        await page.Keyboard.PressAsync("Escape");
        await Expect(page.Tile("Picture 30")).ToBeFocusedAsync();
        await Expect(page.Tile("Picture 30")).ToBeInViewportAsync(new() { Ratio = 1 });
    }

    [Fact]
    public async Task Only_one_image_is_a_stop_of_the_tab_key()
    {
        await SeedAsync(20);
        var page = await OpenAsync();
        await Expect(page.Tile("Picture 20")).ToBeVisibleAsync();
        await page.Button("Filters").FocusAsync();

        await page.Keyboard.PressAsync("Tab");
        await Expect(page.Tile("Picture 1")).ToBeFocusedAsync();
        await page.Keyboard.PressAsync("ArrowRight");
        await Expect(page.Tile("Picture 2")).ToBeFocusedAsync();
        await page.Keyboard.PressAsync("Shift+Tab");
        await Expect(page.Button("Filters")).ToBeFocusedAsync();
        await page.Keyboard.PressAsync("Tab");
        await Expect(page.Tile("Picture 2")).ToBeFocusedAsync();
    }

    [Fact]
    public async Task Square_tiles_fill_the_width_of_a_phone_and_of_a_wide_screen()
    {
        await SeedAsync(60);
        foreach (var (screen, columns) in new[] { (Screen.Phone, 2..3), (new Screen(768, 1024), 3..6), (new Screen(), 5..7), (Screen.Wide, 10..14) })
        {
            var page = await OpenAsync(screen: screen);
            await Expect(page.Tile("Picture 1")).ToBeVisibleAsync();
            await page.NextFrameAsync();
            var tiles = await page.PlacesAsync();

            Assert.InRange(Columns(tiles), columns.Start.Value, columns.End.Value);
            Assert.All(tiles, tile => Assert.Equal(tile.Width, tile.Height, 0.5));
            Assert.InRange(tiles.Max(tile => tile.Left + tile.Width), screen.Width - 40, screen.Width);
        }
    }

    [Fact]
    public async Task A_change_of_the_windows_size_keeps_the_first_image_in_view()
    {
        await SeedAsync(200);
        var page = await OpenAsync();
        await Expect(page.Tile("Picture 1")).ToBeVisibleAsync();
        await page.ScrollAsync("2000");
        await page.NextFrameAsync();
        await page.ScrollAsync("3000");
        await page.NextFrameAsync();
        var first = (await InViewAsync(page))[0];

        foreach (var (width, height) in new[] { (700, 800), (2000, 800), (400, 700), (1280, 800) })
        {
            await page.SetViewportSizeAsync(width, height);
            await page.NextFrameAsync();
            await Expect(page.Tile(first.Name)).ToBeInViewportAsync();
            var tile = (await page.PlacesAsync()).Single(tile => tile.Name == first.Name);
            Assert.InRange(tile.Top, -tile.Height, 2 * tile.Height);
        }
    }

    private static int Columns(IReadOnlyList<Place> tiles) => tiles.Count(tile => tile.Top == tiles[0].Top);

    /// <summary>The tiles of which more than a half is in the window, below the header.</summary>
    private static async Task<IReadOnlyList<Place>> InViewAsync(IPage page)
    {
        var tiles = await page.PlacesAsync();
        var (header, height) = (await page.EvaluateAsync<double>("() => document.querySelector('header').getBoundingClientRect().bottom"), page.ViewportSize!.Height);
        return [.. tiles.Where(tile => tile.Top + (tile.Height / 2) > header && tile.Top + (tile.Height / 2) < height)];
    }
}
