using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Gallery.Tests.Page;

/// <summary>A person selects images by mouse and by keys.</summary>
public sealed class SelectImagesTests(PageService service) : PageTests(service)
{
    [Fact]
    public async Task A_click_on_the_circle_begins_a_selection_and_further_clicks_extend_it()
    {
        var page = await OpenManyAsync();
        await page.Circle("Picture 1").ClickAsync();
        await page.Tile("Picture 3").ClickAsync();
        await AssertSelectedAsync(page, 1, 3);
        await page.Tile("Picture 6").ClickAsync(new() { Modifiers = [KeyboardModifier.Shift] });
        await AssertSelectedAsync(page, 1, 3, 4, 5, 6);
        await page.Tile("Picture 4").ClickAsync(new() { Modifiers = [KeyboardModifier.Control] });
        await page.Tile("Picture 1").ClickAsync();
        await AssertSelectedAsync(page, 3, 5, 6);
        await page.Circle("Picture 2").ClickAsync(new() { Modifiers = [KeyboardModifier.Shift] });
        await AssertSelectedAsync(page, 1, 2, 3, 5, 6);

        await page.Selection().Button("Clear the selection").ClickAsync();
        await AssertSelectedAsync(page);
        await page.Tile("Picture 2").ClickAsync(new() { Modifiers = [KeyboardModifier.Control] });
        await AssertSelectedAsync(page, 2);
        await Expect(page.GetByRole(AriaRole.Dialog)).ToHaveCountAsync(0);
    }

    [Fact]
    public async Task Keys_select_images_ranges_and_all_and_clear_the_selection()
    {
        var page = await OpenManyAsync();
        await page.Tile("Picture 2").FocusAsync();
        await page.Keyboard.PressAsync("Space");
        await AssertSelectedAsync(page, 2);
        await page.Keyboard.PressAsync("Shift+ArrowRight");
        await page.Keyboard.PressAsync("Shift+ArrowRight");
        await Expect(page.Tile("Picture 4")).ToBeFocusedAsync();
        await AssertSelectedAsync(page, 2, 3, 4);
        await page.Keyboard.PressAsync("x");
        await AssertSelectedAsync(page, 2, 3);
        await page.Keyboard.PressAsync("End");
        await page.Keyboard.PressAsync("Shift+Space");
        await AssertSelectedAsync(page, 2, 3, 4, 5, 6, 7, 8);
        await page.Keyboard.PressAsync("Escape");
        await AssertSelectedAsync(page);
        await page.Keyboard.PressAsync("Control+a");
        await AssertSelectedAsync(page, 1, 2, 3, 4, 5, 6, 7, 8);
    }

    [Theory]
    [InlineData(true, "60 of 62 selected")]
    [InlineData(false, "60 images selected, those loaded so far")]
    public async Task Ctrl_A_says_that_more_is_not_loaded_yet(bool isCounted, string said)
    {
        await SeedAsync(62);
        var page = await NewTabAsync();
        var held = await page.HoldAsync(path: "cursor=");
        if (!isCounted) await page.FailAsync(path: "count=exact");
        await page.GotoAsync("/");
        await page.Tile("Picture 1").FocusAsync();
        await page.Keyboard.PressAsync("Control+a");
        await Expect(page.Selection().GetByText(said, new() { Exact = true })).ToBeVisibleAsync();

        held.SetResult();
        await Expect(page.Selection().GetByText("60 images selected", new() { Exact = true })).ToBeVisibleAsync();
        if (!isCounted) Allow("status of 503");
    }

    [Fact]
    public async Task A_selection_ends_with_its_view()
    {
        var page = await OpenManyAsync();
        await page.Circle("Picture 1").ClickAsync();
        await page.GetByRole(AriaRole.Link, new() { Name = "Trash" }).ClickAsync();
        await Expect(page.GetByText("The trash is empty")).ToBeVisibleAsync();
        await page.GoBackAsync();
        await Expect(page.Tile("Picture 1")).ToBeVisibleAsync();
        await AssertSelectedAsync(page);
    }

    private async Task<IPage> OpenManyAsync()
    {
        await SeedAsync(8);
        var page = await OpenAsync();
        await Expect(page.Tiles()).ToHaveCountAsync(8);
        return page;
    }

    private static async Task AssertSelectedAsync(IPage page, params int[] numbers)
    {
        var pressed = page.GetByRole(AriaRole.Button, new() { Pressed = true });
        await Expect(pressed).ToHaveCountAsync(numbers.Length);
        for (var i = 0; i < numbers.Length; i++) await Expect(pressed.Nth(i)).ToHaveAccessibleNameAsync($"Select “Picture {numbers[i]}”");
        if (numbers.Length == 0) await Expect(page.Selection()).ToBeHiddenAsync();
        else await Expect(page.Selection()).ToContainTextAsync(numbers.Length == 1 ? "1 image selected" : $"{numbers.Length} images selected");
    }
}
