using System.Text.Json.Nodes;
using Gallery.Tests.Access;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Gallery.Tests.Page;

/// <summary>In each state, axe-core finds no violation and nothing is wider than the window.</summary>
public sealed class AccessibilityTests(PageService service) : PageTests(service)
{
    private static readonly Screen DarkPhone = Screen.Phone with { Dark = true };

    public static TheoryData<string> Screens => ["wide", "phone, dark", "zoomed"];

    [Theory]
    [MemberData(nameof(Screens))]
    public async Task The_grid_and_what_is_above_it(string name)
    {
        var page = await NewTabAsync(ScreenOf(name));
        var held = await page.HoldAsync();
        await page.GotoAsync("/");
        await IsFineAsync(page, page.GetByText("Loading images …"));
        held.SetResult();
        await IsFineAsync(page, page.GetByRole(AriaRole.Heading, new() { Name = "No images yet" }));

        await SeedAsync(8, Fields);   // axe-core looks at each tile
        await page.ReloadAsync();
        await IsFineAsync(page, page.Tile("Picture 1"));
        await page.Button("Filters").ClickAsync();
        await page.GetByRole(AriaRole.Group, new() { Name = "Tags" }).GetByRole(AriaRole.Button).First.ClickAsync();
        await page.GetByLabel("From", new() { Exact = true }).FillAsync("2026-01-01");
        await IsFineAsync(page, page.Button("Remove filter From 2026-01-01"));
        await page.Search().FillAsync("zebra");
        await IsFineAsync(page, page.GetByRole(AriaRole.Heading, new() { Name = "No image matches" }));
        await page.Button("Clear filters").Last.ClickAsync();
        await page.Button("Filters").ClickAsync();

        await page.Tile("Picture 2").FocusAsync();
        await page.Keyboard.PressAsync("Space");
        await page.Keyboard.PressAsync("Shift+ArrowRight");
        await IsFineAsync(page, page.Selection().GetByText("2 images selected"));
        await page.Button("Tag").ClickAsync();
        await IsFineAsync(page, page.GetByRole(AriaRole.Dialog, new() { Name = "Tag 2 images" }));
        await page.Keyboard.PressAsync("Escape");
        await page.FailAsync(422, path: "batch/delete/", code: "no", message: "The image may not be deleted today, for a reason that takes a long sentence to explain.");
        await page.Button("Delete").ClickAsync();
        await IsFineAsync(page, page.GetByText("2 of 2 images failed"));
        await page.MendAsync();
        await page.Button("Delete").ClickAsync();
        await IsFineAsync(page, page.GetByText("2 images moved to the trash"));

        await page.GetByRole(AriaRole.Link, new() { Name = "Trash", Exact = true }).ClickAsync();
        await IsFineAsync(page, page.GetByText("Images stay in the trash until somebody deletes them permanently."));
        await page.Tile("Picture 2").FocusAsync();
        await page.Keyboard.PressAsync("Space");
        await page.Button("Delete permanently").ClickAsync();
        await IsFineAsync(page, page.GetByRole(AriaRole.Dialog, new() { Name = "Delete this image permanently?" }));
        await page.Keyboard.PressAsync("Escape");
        await page.FailAsync();
        await page.GetByRole(AriaRole.Link, new() { Name = "Images", Exact = true }).ClickAsync();
        await IsFineAsync(page, page.GetByRole(AriaRole.Alert));
        Allow("status of 422");
        Allow("status of 503");
    }

    [Theory]
    [MemberData(nameof(Screens))]
    public async Task One_image(string name)
    {
        var ids = await SeedAsync(3, Fields);
        await ImageViewsTests.CountAsync(Database, ids[0], (0, 12, 3), (4, 1, 0));
        Pictures.Lose($"{ids[2]}");
        Allow("res.cloudinary.com");
        var page = await OpenAsync(screen: ScreenOf(name));
        await page.Tile("Picture 1").ClickAsync();
        await Expect(page.GetByLabel("Prompt", new() { Exact = true })).ToBeEditableAsync();
        await page.GetByText("History").ClickAsync();
        await IsFineAsync(page, page.GetByText("Created", new() { Exact = true }).Last);
        await page.GetByText("Views", new() { Exact = true }).ClickAsync();
        await page.GetByText("Day by day").ClickAsync();
        await IsFineAsync(page, page.GetByRole(AriaRole.Img, new() { Name = "Views per day" }));
        Assert.Empty(await UnreachableAsync(page));

        await page.GetByLabel("Prompt", new() { Exact = true }).FillAsync("A picture of something else");
        await IsFineAsync(page, page.Button("Discard changes"));
        await Api.PatchAsync($"/v1/gallery/{ids[0]}/", """{"refined_prompt": "Somebody wrote a word of a hundred letters: MMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMM", "intent": "edit"}""");
        await page.Button("Save").ClickAsync();
        await IsFineAsync(page, page.GetByRole(AriaRole.Dialog, new() { Name = "Somebody changed this image meanwhile" }));
        await page.Button("Save mine").ClickAsync();
        await IsFineAsync(page, page.GetByText("Image saved"));

        await page.Button("Close").FocusAsync();
        await page.Keyboard.PressAsync("ArrowRight");
        await page.Keyboard.PressAsync("ArrowRight");
        await IsFineAsync(page, page.Opened("Picture 3"));   // its prompt instead of the picture
        await Api.DeleteAsync($"/v1/gallery/{ids[1]}/");
        await page.GotoAsync($"/?image={ids[1]}");
        await IsFineAsync(page, page.Button("Show it in the trash"));
        await page.Button("Show it in the trash").ClickAsync();
        await IsFineAsync(page, page.Button("Restore"));
        Allow("status of 412");
        Allow($"{ids[1]}");
    }

    [Theory]
    [MemberData(nameof(Screens))]
    public async Task Sharing_and_the_page_of_a_link(string name)
    {
        await SeedAsync(1, Fields);
        var page = await OpenAsync(screen: ScreenOf(name));
        await page.Tile("Picture 1").ClickAsync();
        await page.Button("Share").First.ClickAsync();
        var dialog = page.Question("Share “Picture 1”");
        await dialog.Text("User id").FillAsync("a-user-with-a-long-id-of-one-word-that-fills-the-window-of-a-phone");
        await dialog.Button("Share").ClickAsync();
        await dialog.Text("Password").FillAsync("shorty");
        await dialog.Text("Maximum of views").FillAsync("many");
        await dialog.Button("Make a link").ClickAsync();
        await IsFineAsync(page, dialog.GetByText("Maximum of views must be"));
        await dialog.Text("Maximum of views").FillAsync("9");
        await dialog.Text("Note for yourself").FillAsync(new string('m', 100));
        await dialog.Button("Make a link").ClickAsync();
        await IsFineAsync(page, dialog.GetByText("Link made."));
        var link = await dialog.GetByLabel("The link. It is shown only now, so copy it.").InputValueAsync();
        await dialog.Button($"Revoke: {new string('m', 100)}").ClickAsync();
        await IsFineAsync(page, page.Question("Revoke this link?"));

        await page.GotoAsync(link);
        await page.GetByLabel("Password").FillAsync("wrong");
        await page.Button("Show the picture").ClickAsync();
        await IsFineAsync(page, page.GetByText("This is not the password."));
        await page.GetByLabel("Password").FillAsync("shorty");
        await page.Button("Show the picture").ClickAsync();
        await IsFineAsync(page, page.GetByRole(AriaRole.Img, new() { Name = "Shared picture" }));
        await page.GotoAsync("/s/unknown");
        await IsFineAsync(page, page.GetByRole(AriaRole.Heading, new() { Name = "This link shows nothing" }));
        Allow("status of 40");
    }

    [Fact]
    public async Task A_prompt_in_hebrew_is_read_from_the_right()
    {
        await SeedAsync(2, _ => new() { ["refined_prompt"] = "מגדלור", ["intent"] = "ציור" });
        var page = await OpenAsync("/?q=מגדלור");
        await AssertAsync(page.Locator(".tile .caption, .tile .words").First);
        await AssertAsync(page.Search());
        await page.Tiles().First.ClickAsync();
        await AssertAsync(page.Locator("dialog.image").Text("Prompt"));
        await AssertAsync(page.Locator("dialog.image").Text("Intent"));

        static async Task AssertAsync(ILocator text) => await Expect(text).ToHaveCSSAsync("direction", "rtl");
    }

    [Fact]
    public async Task Without_motion_nothing_has_a_transition()
    {
        await SeedAsync(3);
        foreach (var hasMotion in new[] { false, true })
        {
            var page = await OpenAsync(screen: new Screen(Motion: hasMotion));
            await page.Tile("Picture 1").ClickAsync();
            await Expect(page.Opened("Picture 1")).ToBeVisibleAsync();
            var moving = await page.EvaluateAsync<int>(
                """
                () => [...document.querySelectorAll('*')].filter(element => ['', '::before', '::after'].some(part => {
                  const { transitionDuration, animationName } = getComputedStyle(element, part || null);
                  return transitionDuration !== '0s' || animationName !== 'none';
                })).length
                """);
            if (hasMotion) Assert.NotEqual(0, moving);
            else Assert.Equal(0, moving);
        }
    }

    /// <summary>Fails if the page does not come to show this, or shows it badly.</summary>
    internal static async Task IsFineAsync(IPage page, ILocator shown)
    {
        await Expect(shown).ToBeVisibleAsync();
        await page.NextFrameAsync();
        if (page.ViewportSize!.Width != Screen.Zoomed.Width) await AxeAsync(page);   // the zoom changes only sizes
        var tooWide = await page.EvaluateAsync<string[]>(
            """
            () => [document.scrollingElement, ...document.querySelectorAll('dialog[open], dialog[open] .details')].filter(box => box.scrollWidth > box.clientWidth)
              .map(box => `${box.tagName} ${box.className}: ${box.scrollWidth} of ${box.clientWidth} px`)
            """);
        Assert.Empty(tooWide);
    }

    /// <summary>What can be used in the dialog, but is never reached by the Tab key.</summary>
    private static async Task<string[]> UnreachableAsync(IPage page)
    {
        await page.EvaluateAsync("() => { window.left = new Set([...document.querySelectorAll('dialog[open] :is(a, button, input, textarea, select, summary)')].filter(control => control.checkVisibility())); }");
        Assert.InRange(await page.EvaluateAsync<int>("() => left.size"), 10, 50);
        for (var i = 0; i < 50; i++)
        {
            await page.Keyboard.PressAsync("Tab");
            await page.EvaluateAsync("() => left.delete(document.activeElement)");
        }

        return await page.EvaluateAsync<string[]>("() => [...left].map(control => control.outerHTML)");
    }

    private static JsonObject Fields(int i) => new()
    {
        ["intent"] = "generate",
        ["tags"] = new JsonArray("sea", "a tag that is as long as it may be, which is sixty-four letters"),
        ["metadata"] = new JsonObject { ["model"] = "gemini-pro", ["options"] = new JsonObject { ["steps"] = 20, ["seeds"] = new JsonArray(1, 2) }, ["a_long_word"] = new string('m', 100) },
    };

    private static Screen ScreenOf(string name) => name switch { "wide" => new Screen(), "zoomed" => Screen.Zoomed, _ => DarkPhone };
}

/// <summary>The sign-in, as <see cref="AccessibilityTests"/>.</summary>
public sealed class SignInAccessibilityTests(SignInService service) : PageTests(service), IClassFixture<SignInService>
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Signing_in(bool isPhone)
    {
        Allow("status of 40");
        var page = await OpenAsync(screen: isPhone ? Screen.Phone with { Dark = true } : Screen.Zoomed);
        await AccessibilityTests.IsFineAsync(page, page.Button("Sign in"));
        await page.GetByLabel("E-mail", new() { Exact = true }).FillAsync("nobody@example.com");
        await page.GetByLabel("Password").FillAsync("wrong");
        await page.Button("Sign in").ClickAsync();
        await AccessibilityTests.IsFineAsync(page, page.GetByText("Invalid login credentials"));

        await page.GetByText("Use a service key").ClickAsync();
        await page.GetByLabel("Service key").FillAsync("wrong");
        await page.Button("Use the key").ClickAsync();
        await AccessibilityTests.IsFineAsync(page, page.GetByText("The service does not know this key."));
        await page.GetByLabel("Service key").FillAsync(GuardedService.Key);
        await page.Button("Use the key").ClickAsync();
        await AccessibilityTests.IsFineAsync(page, page.Button("Sign out"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_others_share(bool isPhone)
    {
        var bob = service.Supabase.AddUser("bob@example.com");
        var page = await OpenAsync("/?view=shared", isPhone ? Screen.Phone with { Dark = true } : new Screen());
        await page.SignInAsync("bob@example.com");
        await AccessibilityTests.IsFineAsync(page, page.GetByRole(AriaRole.Heading, new() { Name = "Nothing is shared with you" }));
        await SeedAsync(1, _ => new() { ["user_id"] = "a-user-with-a-long-id-of-one-word-that-fills-the-window" });
        await Database.ExecuteAsync("insert into gallery.image_grant (image_id, user_id, owner_id, role) select image_id, @Bob, user_id, 'edit' from gallery.image", new { Bob = $"{bob}" });
        await page.ReloadAsync();
        await AccessibilityTests.IsFineAsync(page, page.Tile("Picture 1"));
        await page.Tile("Picture 1").ClickAsync();
        await AccessibilityTests.IsFineAsync(page, page.Button("Remove from my list"));
    }
}
