using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Gallery.Tests.Page;

/// <summary>What narrows the list, and that the URL has it.</summary>
public sealed class ViewTests(PageService service) : PageTests(service)
{
    /// <summary>12 images, of January 31 down to 20. Every second one has the tag sunset, every third the intent edit, every fourth is of ada, the last four are lighthouses.</summary>
    private Task<IReadOnlyList<Guid>> SeedAsync() => SeedAsync(12, i => new()
    {
        ["created_at"] = new DateTime(2026, 1, 31 - i, 12, 0, 0, DateTimeKind.Utc).ToString("O", CultureInfo.InvariantCulture),
        ["refined_prompt"] = i < 8 ? $"Picture {i + 1}" : $"Lighthouse {i + 1}",
        ["intent"] = i % 3 == 0 ? "edit" : "generate",
        ["tags"] = i % 2 == 0 ? new JsonArray("Sunset", "sea") : new JsonArray("sea"),
        ["user_id"] = i % 4 == 0 ? "ada" : "bob",
    });

    [Fact]
    public async Task Each_filter_changes_the_list_and_the_url_and_the_url_shows_the_same_view_in_another_tab()
    {
        await SeedAsync();
        var page = await OpenAsync();
        await page.Search().FillAsync("lighthouse or picture");
        await ShowsAsync(page, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], "?q=lighthouse+or+picture");

        await page.Button("Filters").ClickAsync();
        await page.GetByRole(AriaRole.Group, new() { Name = "Tags" }).GetByRole(AriaRole.Button, new() { Name = "Sunset 6" }).ClickAsync();
        await ShowsAsync(page, [1, 3, 5, 7, 9, 11], "&tag=Sunset");
        await Expect(page.GetByText("6 images", new() { Exact = true })).ToBeVisibleAsync();
        await page.GetByLabel("From", new() { Exact = true }).FillAsync("2026-01-21");
        await page.GetByLabel("To", new() { Exact = true }).FillAsync("2026-01-29");
        await ShowsAsync(page, [3, 5, 7, 9, 11], "&from=2026-01-21&to=2026-01-29");
        await page.GetByLabel("User", new() { Exact = true }).FillAsync("ada");
        await page.Keyboard.PressAsync("Tab");
        await ShowsAsync(page, [5, 9], "&user=ada");
        await Expect(page.GetByRole(AriaRole.Combobox, new() { Name = "Intent" }).GetByRole(AriaRole.Option)).ToHaveTextAsync(["Any", "generate"]);
        await page.GetByRole(AriaRole.Combobox, new() { Name = "Intent" }).SelectOptionAsync("generate");
        await ShowsAsync(page, [5, 9], "&intent=generate");
        await page.GetByLabel("To", new() { Exact = true }).FillAsync("2026-01-24");
        await ShowsAsync(page, [9], "&to=2026-01-24");

        var other = await OpenAsync(page.Url);
        await ShowsAsync(other, [9], new Uri(page.Url).Query);
        await Expect(other.Search()).ToHaveValueAsync("lighthouse or picture");
        await Expect(other.GetByRole(AriaRole.Group, new() { Name = "Filters in use" }).GetByRole(AriaRole.Button)).ToHaveTextAsync(
            ["Tag: Sunset", "Intent: generate", "From 2026-01-21", "To 2026-01-24", "User: ada", "Clear filters"]);
        await other.Button("Filters").ClickAsync();
        await Expect(other.GetByRole(AriaRole.Combobox, new() { Name = "Intent" })).ToHaveValueAsync("generate");
        await Expect(other.GetByLabel("From", new() { Exact = true })).ToHaveValueAsync("2026-01-21");
        await Expect(other.GetByLabel("User", new() { Exact = true })).ToHaveValueAsync("ada");

        await other.Button("Remove filter User: ada").ClickAsync();
        await ShowsAsync(other, [9, 11], "?q=lighthouse+or+picture&tag=Sunset&intent=generate&from=2026-01-21&to=2026-01-24");
        await other.Button("Remove filter Tag: Sunset").ClickAsync();
        await Expect(other.Button("Remove filter Tag: Sunset")).ToHaveCountAsync(0);   // the other filters move to its place
        await other.Button("Remove filter Intent: generate").ClickAsync();
        await ShowsAsync(other, [8, 9, 10, 11], "?q=lighthouse+or+picture&from=2026-01-21&to=2026-01-24");
        await other.Button("Clear filters").ClickAsync();
        await ShowsAsync(other, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], "");
        await Expect(other.Search()).ToHaveValueAsync("");
        await Expect(other.Button("Clear filters")).ToHaveCountAsync(0);
    }

    [Fact]
    public async Task Back_and_forward_go_through_what_one_did()
    {
        await SeedAsync();
        var page = await OpenAsync();
        await Expect(page.Tiles()).ToHaveCountAsync(12);
        await page.Search().FillAsync("lighthouse");
        await ShowsAsync(page, [9, 10, 11, 12], "?q=lighthouse");
        await page.Tile("Lighthouse 10").ClickAsync();
        await Expect(page.Opened("Lighthouse 10")).ToBeVisibleAsync();
        await Expect(page).ToHaveTitleAsync("“Lighthouse 10” – Gallery");
        Assert.Contains("?q=lighthouse&image=", page.Url, StringComparison.Ordinal);

        await page.GoBackAsync();
        await Expect(page.GetByRole(AriaRole.Dialog)).ToHaveCountAsync(0);
        await ShowsAsync(page, [9, 10, 11, 12], "?q=lighthouse");
        await Expect(page.Tile("Lighthouse 10")).ToBeFocusedAsync();
        await page.GoBackAsync();
        await ShowsAsync(page, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], "");
        await Expect(page.Search()).ToHaveValueAsync("");
        await page.GoForwardAsync();
        await ShowsAsync(page, [9, 10, 11, 12], "?q=lighthouse");
        await page.GoForwardAsync();
        await Expect(page.Opened("Lighthouse 10")).ToBeVisibleAsync();

        await page.ReloadAsync();
        await Expect(page.Opened("Lighthouse 10")).ToBeVisibleAsync();
        await page.Button("Close").ClickAsync();
        await ShowsAsync(page, [9, 10, 11, 12], "?q=lighthouse");
    }

    [Fact]
    public async Task Words_typed_one_after_the_other_are_one_step_of_the_history()
    {
        await SeedAsync();
        var page = await OpenAsync();
        await Expect(page.Tiles()).ToHaveCountAsync(12);
        var steps = await page.EvaluateAsync<int>("() => history.length");
        await page.Search().FocusAsync();
        foreach (var typed in new[] { "l", "light*", "lighthouse", "lighthouse 12" })
        {
            await page.Search().FillAsync(typed);
            await page.WaitForURLAsync(url => url.EndsWith($"?q={typed.Replace(' ', '+')}", StringComparison.Ordinal));
        }

        await ShowsAsync(page, [12], "?q=lighthouse+12");
        await Expect(page.Search()).ToBeFocusedAsync();
        Assert.Equal(steps + 1, await page.EvaluateAsync<int>("() => history.length"));
        await page.GoBackAsync();
        await ShowsAsync(page, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], "");
    }

    [Fact]
    public async Task What_was_typed_is_not_searched_in_a_place_that_one_went_to_meanwhile()
    {
        var ids = await SeedAsync();
        await Api.DeleteAsync($"/v1/gallery/{ids[0]}/");
        var page = await OpenAsync();
        await Expect(page.Tiles()).ToHaveCountAsync(11);
        await page.EvaluateAsync(
            """
            () => {
              const box = document.querySelector('input[type=search]');
              box.value = 'lighthouse';
              box.dispatchEvent(new Event('input', { bubbles: true }));
              [...document.links].find(link => link.textContent.includes('Trash')).click();
            }
            """);

        await Expect(page.Tiles()).ToHaveCountAsync(1);
        await Assert.ThrowsAsync<TimeoutException>(() => page.WaitForURLAsync(url => url.Contains("lighthouse", StringComparison.Ordinal), new() { Timeout = 600 }));
        await Expect(page.Search()).ToHaveValueAsync("");
        await ShowsAsync(page, [1], "?view=trash");
    }

    [Fact]
    public async Task If_the_counts_of_the_filters_failed_opening_the_filters_again_counts_again_and_images_without_an_intent_have_no_entry()
    {
        await SeedAsync(2, i => i == 0 ? new() { ["intent"] = "edit" } : []);
        var page = await NewTabAsync();
        await page.FailAsync(path: "facets/");
        await page.GotoAsync("/");
        var intents = page.GetByRole(AriaRole.Combobox, new() { Name = "Intent" }).GetByRole(AriaRole.Option);
        await page.RunAndWaitForResponseAsync(() => page.Button("Filters").ClickAsync(), answer => answer.Status == 503);
        await page.NextFrameAsync();
        await Expect(intents).ToHaveTextAsync(["Any"]);

        await page.MendAsync();
        await page.Button("Filters").ClickAsync();
        await page.Button("Filters").ClickAsync();
        await Expect(intents).ToHaveTextAsync(["Any", "edit"]);
        Allow("status of 503");
    }

    [Fact]
    public async Task A_key_leads_to_the_search_box()
    {
        var page = await OpenAsync();
        await Expect(page.Search()).ToBeVisibleAsync();
        await page.Keyboard.PressAsync("/");
        await Expect(page.Search()).ToBeFocusedAsync();
        await page.Keyboard.TypeAsync("a/b");
        await Expect(page.Search()).ToHaveValueAsync("a/b");
    }

    [Fact]
    public async Task The_trash_has_a_url_and_takes_filters_too()
    {
        var ids = await SeedAsync();
        foreach (var id in ids.Take(3)) await Api.DeleteAsync($"/v1/gallery/{id}/");
        var page = await OpenAsync();
        await Expect(page.Tiles()).ToHaveCountAsync(9);
        var (images, trash) = (page.GetByRole(AriaRole.Link, new() { Name = "Images", Exact = true }), page.GetByRole(AriaRole.Link, new() { Name = "Trash", Exact = true }));
        await Expect(images).ToHaveAttributeAsync("aria-current", "page");

        await trash.ClickAsync();
        await ShowsAsync(page, [3, 2, 1], "?view=trash");
        await Expect(trash).ToHaveAttributeAsync("aria-current", "page");
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Trash", Exact = true, Level = 1 })).ToHaveCountAsync(1);
        await Expect(page).ToHaveTitleAsync("Trash – Gallery");
        await page.Button("Filters").ClickAsync();
        await page.GetByRole(AriaRole.Combobox, new() { Name = "Intent" }).SelectOptionAsync("edit");
        await ShowsAsync(page, [1], "?view=trash&intent=edit");
        await page.Button("Clear filters").ClickAsync();
        await ShowsAsync(page, [3, 2, 1], "?view=trash");

        await page.GoBackAsync();
        await page.GoBackAsync();
        await page.GoBackAsync();
        await ShowsAsync(page, [.. Enumerable.Range(4, 9)], "");
        await Expect(images).ToHaveAttributeAsync("aria-current", "page");
    }

    [Theory]
    [InlineData("?image=foo&from=abc&view=x")]
    [InlineData("?view=&q=&tag=&intent=&from=&to=&user=&image=")]
    [InlineData("?from=2026-13-01&to=2026-02-31&from=")]
    [InlineData("?from=0001-01-01&to=9999-12-31")]
    [InlineData("?%E0%A4%A&utm_source=mail#there")]
    public async Task A_url_that_says_nothing_shows_the_gallery(string search)
    {
        await SeedAsync();
        var page = await OpenAsync($"/{search}");

        await ShowsAsync(page, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], null);
        await Expect(page.GetByRole(AriaRole.Dialog)).ToHaveCountAsync(0);
        await Expect(page.Button("Clear filters")).ToHaveCountAsync(0);
        await Expect(page).ToHaveTitleAsync("Gallery");
    }

    [Fact]
    public async Task A_last_day_before_the_first_narrows_nothing()
    {
        await SeedAsync();
        var page = await OpenAsync("/?from=2026-01-29&to=2026-01-01");
        await ShowsAsync(page, [1, 2, 3], null);

        await page.Button("Filters").ClickAsync();
        await page.GetByLabel("To", new() { Exact = true }).FillAsync("2026-01-05");
        await page.GetByLabel("To", new() { Exact = true }).PressAsync("Tab");

        await ShowsAsync(page, [1, 2, 3], null);
    }

    /// <param name="query">What the URL's query contains; empty: there is none; null: not compared.</param>
    private static async Task ShowsAsync(IPage page, int[] numbers, string? query)
    {
        await Expect(page.Tiles()).ToHaveCountAsync(numbers.Length);
        for (var i = 0; i < numbers.Length; i++)
            await Expect(page.Tiles().Nth(i)).ToHaveAccessibleNameAsync(new Regex($"^“(Picture|Lighthouse) {numbers[i]}”$"));
        if (query is not null) await Expect(page).ToHaveURLAsync(new Regex(query.Length == 0 ? @"^[^?]*$" : Regex.Escape(query)));
    }
}
