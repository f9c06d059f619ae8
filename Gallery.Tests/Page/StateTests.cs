using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Gallery.Tests.Page;

/// <summary>What the page says where there is nothing to see, not yet, or where something failed, and the way out.</summary>
public sealed class StateTests(PageService service) : PageTests(service)
{
    private const string Unreachable = "Gallery does not answer. Check the connection, then try again.";

    [Fact]
    public async Task An_empty_gallery_and_an_empty_trash_say_what_to_do()
    {
        var page = await OpenAsync();
        await Expect(Heading(page, "No images yet")).ToBeVisibleAsync();
        await Expect(page.GetByRole(AriaRole.Link, new() { Name = "all its routes" })).ToHaveAttributeAsync("href", "docs");

        await page.GetByRole(AriaRole.Link, new() { Name = "Trash", Exact = true }).ClickAsync();
        await Expect(Heading(page, "The trash is empty")).ToBeVisibleAsync();
        await Expect(page.GetByText("Images that you delete come here first.")).ToBeVisibleAsync();
    }

    [Fact]
    public async Task Where_nothing_matches_one_button_leads_back_to_all_images()
    {
        await SeedAsync(2);
        var page = await OpenAsync("/?q=zebra&tag=nowhere&user=nobody");
        await Expect(Heading(page, "No image matches")).ToBeVisibleAsync();

        await page.Button("Clear filters").Last.ClickAsync();
        await Expect(page.Tiles()).ToHaveCountAsync(2);
        await Expect(Heading(page, "No image matches")).ToHaveCountAsync(0);
    }

    [Fact]
    public async Task A_slow_api_shows_that_images_are_loading()
    {
        await SeedAsync(2);
        var page = await NewTabAsync();
        var held = await page.HoldAsync();
        await page.GotoAsync("/");
        await Expect(page.GetByRole(AriaRole.Status).And(page.GetByText("Loading images …"))).ToBeVisibleAsync();
        await Expect(Heading(page, "No images yet")).ToHaveCountAsync(0);

        held.SetResult();
        await Expect(page.Tiles()).ToHaveCountAsync(2);
        await Expect(page.GetByText("Loading images …")).ToHaveCountAsync(0);
    }

    [Theory]
    [InlineData(503, "The service is busy. Try again.")]
    [InlineData(0, Unreachable)]
    public async Task If_the_first_images_do_not_load_one_can_try_again(int status, string message)
    {
        await SeedAsync(2);
        Allow(status == 0 ? "ERR_CONNECTION_RESET" : "status of 503");
        var page = await NewTabAsync();
        await page.FailAsync(status);
        await page.GotoAsync("/");
        await Expect(Alert(page, "The images did not load")).ToContainTextAsync(message);
        await page.Button("Try again").ClickAsync();
        await Expect(Alert(page, "The images did not load")).ToContainTextAsync(message);

        await page.MendAsync();
        await page.Button("Try again").ClickAsync();
        await Expect(page.Tiles()).ToHaveCountAsync(2);
        await Expect(page.GetByRole(AriaRole.Alert)).ToHaveCountAsync(0);
    }

    [Fact]
    public async Task If_later_images_do_not_load_the_earlier_ones_stay_and_one_can_try_again()
    {
        await SeedAsync(70);
        Allow("status of 503");
        var page = await NewTabAsync();
        await page.FailAsync(path: "cursor=");
        await page.GotoAsync("/");
        await Expect(Alert(page, "The next images did not load")).ToBeAttachedAsync();
        await Expect(page.Tile("Picture 1")).ToBeVisibleAsync();
        await page.Tile("Picture 1").FocusAsync();
        await page.Keyboard.PressAsync("End");
        await Expect(page.Tile("Picture 60")).ToBeFocusedAsync();

        await page.MendAsync();
        await page.Button("Try again").ClickAsync();
        await Expect(page.Tile("Picture 70")).ToBeVisibleAsync();
        await Expect(page.GetByRole(AriaRole.Alert)).ToHaveCountAsync(0);
    }

    [Fact]
    public async Task A_search_that_the_api_rejects_shows_why()
    {
        await SeedAsync(2);
        Allow("status of 400");
        var page = await OpenAsync();
        await page.Search().FillAsync("-cat");
        await Expect(Alert(page, "This search does not work")).ToContainTextAsync("Search has no word to look for. Type a word without a minus");

        await page.Search().FillAsync("picture");
        await Expect(page.Tiles()).ToHaveCountAsync(2);
        await Expect(page.GetByRole(AriaRole.Alert)).ToHaveCountAsync(0);
    }

    [Fact]
    public async Task Without_a_network_the_page_says_so_and_goes_on_later()
    {
        await SeedAsync(2);
        Allow("ERR_INTERNET_DISCONNECTED");
        var page = await OpenAsync();
        await Expect(page.Tiles()).ToHaveCountAsync(2);
        await page.Context.SetOfflineAsync(true);
        await page.Search().FillAsync("picture");
        await Expect(Alert(page, "The images did not load")).ToContainTextAsync(Unreachable);

        await page.Context.SetOfflineAsync(false);
        await page.Button("Try again").ClickAsync();
        await Expect(page.Tiles()).ToHaveCountAsync(2);
        await Expect(page.GetByText("2 images", new() { Exact = true })).ToBeVisibleAsync();
    }

    [Theory]
    [InlineData(0, "")]
    [InlineData(502, "<html><h1>Bad gateway")]
    [InlineData(429, """{"success":false,"code":"rate_limited"}""")]
    public async Task If_the_service_does_not_say_its_settings_one_can_try_again(int status, string body)
    {
        await SeedAsync(2);
        Allow("page/settings.json");
        var page = await NewTabAsync();
        await page.RouteAsync("**/page/settings.json", route => status == 0 ? route.AbortAsync() : route.FulfillAsync(new() { Status = status, Body = body }));
        await page.GotoAsync("/");
        await Expect(page.GetByRole(AriaRole.Alert)).ToHaveTextAsync("Gallery does not answer.");
        await Expect(page.Tiles()).ToHaveCountAsync(0);

        await page.UnrouteAsync("**/page/settings.json");
        await page.Button("Try again").ClickAsync();
        await Expect(page.Tiles()).ToHaveCountAsync(2);
    }

    private static ILocator Heading(IPage page, string name) => page.GetByRole(AriaRole.Heading, new() { Name = name, Exact = true });

    private static ILocator Alert(IPage page, string heading) => page.GetByRole(AriaRole.Alert).Filter(new() { Has = Heading(page, heading) });
}
