using System.Collections.Concurrent;
using Gallery.Tests.Access;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Gallery.Tests.Page;

/// <summary>A user sees and edits images of others. Ada owns the images, and Bob looks at them.</summary>
public sealed class SharedWithMeTests(SignInService service) : PageTests(service), IClassFixture<SignInService>
{
    private Guid _bob;

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        service.Supabase.Reset();
        _bob = service.Supabase.AddUser("bob@example.com");
    }

    [Fact]
    public async Task An_image_that_is_shared_to_be_seen_can_only_be_read()
    {
        await ShareAsync(2, "view");
        var page = await SignInAsync("/");
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "No images yet" })).ToBeVisibleAsync();
        await page.GetByRole(AriaRole.Link, new() { Name = "Shared with me" }).ClickAsync();
        await Expect(page.Tiles()).ToHaveCountAsync(2);
        await Expect(page).ToHaveTitleAsync("Shared with me – Gallery");
        await page.Tile("Picture 1").FocusAsync();
        foreach (var key in new[] { "x", "Control+a", "Shift+ArrowRight", "Delete" }) await page.Keyboard.PressAsync(key);   // nothing is selected
        await Expect(page.Selection()).ToHaveCountAsync(0);
        await Expect(page.Tile("Picture 2")).ToBeFocusedAsync();
        await page.Keyboard.PressAsync("Enter");

        for (var round = 0; round < 2; round++)
        {
            var image = page.Opened("Picture 2");
            await Expect(image.GetByText("You can see it.")).ToBeVisibleAsync();
            await Expect(image.Text("Prompt")).Not.ToBeEditableAsync();
            foreach (var button in new[] { "Share", "Delete", "Add" }) await Expect(image.Button(button)).ToHaveCountAsync(0);
            await Expect(image.GetByText("History", new() { Exact = true })).ToHaveCountAsync(0);
            await image.Button("Close").FocusAsync();
            await page.Keyboard.PressAsync("Delete");
            await Expect(image).ToBeVisibleAsync();
            await page.ReloadAsync();
        }

        Assert.Equal(2, await Database.FindAsync<long>("select count(*) from gallery.image where deleted_at is null"));
    }

    [Fact]
    public async Task An_image_beyond_the_first_page_that_is_shared_to_be_edited_is_edited_and_tagged()
    {
        var ids = await ShareAsync(70, "edit");
        var page = await SignInAsync($"/?view=shared&image={ids[^1]}");
        var image = page.Opened("Picture 70");
        await Expect(image.GetByText("You can edit and tag it.")).ToBeVisibleAsync();
        await image.Text("Prompt").FillAsync("Edited by Bob");
        await image.Button("Save").ClickAsync();
        await Expect(page.Message("Image saved")).ToBeVisibleAsync();
        image = page.Opened("Edited by Bob");
        await image.GetByLabel("Add a tag").FillAsync("sea");
        await page.Keyboard.PressAsync("Enter");
        await Expect(image.Button("Remove tag sea")).ToBeVisibleAsync();
        foreach (var button in new[] { "Share", "Delete" }) await Expect(image.Button(button)).ToHaveCountAsync(0);
        await Expect(image.GetByText("History", new() { Exact = true })).ToHaveCountAsync(0);
        Assert.Equal("Edited by Bob", await Database.FindAsync<string>("select refined_prompt from gallery.image where image_id = @Id and tags = array['sea']", new { Id = ids[^1] }));
    }

    [Fact]
    public async Task A_long_user_id_does_not_widen_the_image()
    {
        await ShareAsync(1, "view", new string('a', 255));
        var page = await SignInAsync("/?view=shared");
        await page.Tile("Picture 1").ClickAsync();
        await Expect(page.Opened("Picture 1").GetByText("You can see it.")).ToBeVisibleAsync();
        Assert.Equal(0, await page.EvaluateAsync<int>("() => { const { scrollWidth, clientWidth } = document.querySelector('.details'); return scrollWidth - clientWidth; }"));
    }

    [Fact]
    public async Task A_link_to_an_image_opens_it_in_the_place_where_it_is()
    {
        var foreign = (await ShareAsync(1, "edit"))[0];
        var own = (await SeedAsync(1, _ => new() { ["user_id"] = $"{_bob}", ["refined_prompt"] = "Mine" }))[0];
        var page = await SignInAsync($"/?tag=sea&image={foreign}");
        await Expect(page.Opened("Picture 1").GetByText("You can edit and tag it.")).ToBeVisibleAsync();
        Assert.EndsWith($"/?view=shared&image={foreign}", page.Url, StringComparison.Ordinal);

        await page.GotoAsync($"/?view=shared&image={own}");
        await Expect(page.Opened("Mine").Button("Delete")).ToBeVisibleAsync();
        Assert.EndsWith($"/?image={own}", page.Url, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_user_can_pass_on_their_id_and_leave_an_image()
    {
        await ShareAsync(1, "view");
        var page = await SignInAsync("/?view=shared");
        await page.Button("Copy your user id").ClickAsync();
        await Expect(page.Message("User id copied")).ToBeVisibleAsync();
        Assert.Equal($"{_bob}", await page.EvaluateAsync<string>("() => navigator.clipboard.readText()"));

        await page.Tile("Picture 1").ClickAsync();
        await page.Opened("Picture 1").Button("Remove from my list").ClickAsync();
        await page.Question("Remove this image from your list?").Button("Remove").ClickAsync();
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Nothing is shared with you" })).ToBeVisibleAsync();
        Assert.Equal(0, await Database.FindAsync<long>("select count(*) from gallery.image_grant"));
    }

    [Fact]
    public async Task Opening_an_image_of_somebody_else_counts_a_view_and_opening_its_original_a_download_and_ones_own_count_nothing()
    {
        var foreign = (await ShareAsync(1, "view"))[0];
        await SeedAsync(1, _ => new() { ["user_id"] = $"{_bob}", ["refined_prompt"] = "Mine" });
        var page = await SignInAsync("/");
        var beacons = Beacons(page);
        await page.Tile("Mine").ClickAsync();
        await page.RunAndWaitForPopupAsync(() => page.Opened("Mine").Link("Open the original").ClickAsync());
        await page.Button("Close").ClickAsync();

        await page.GetByRole(AriaRole.Link, new() { Name = "Shared with me" }).ClickAsync();
        var request = await page.RunAndWaitForRequestFinishedAsync(() => page.Tile("Picture 1").ClickAsync(), new() { Predicate = sent => sent.Method == "POST" && IsOfApi(sent) });
        Assert.Equal(204, (await request.ResponseAsync())!.Status);
        Assert.StartsWith("Bearer ", await request.HeaderValueAsync("Authorization"), StringComparison.Ordinal);
        await page.RunAndWaitForPopupAsync(() => page.Opened("Picture 1").Link("Open the original").ClickAsync());
        await page.RunAndWaitForRequestAsync(() => page.Opened("Picture 1").Link("Open the original").ClickAsync(new() { Button = MouseButton.Middle }), IsOfApi);
        Assert.Equal([$"/v1/gallery/{foreign}/views/", .. Enumerable.Repeat($"/v1/gallery/{foreign}/downloads/", 2)], beacons);
    }

    [Fact]
    public async Task A_beacon_that_fails_says_nothing_and_a_service_key_sends_none()
    {
        var id = (await ShareAsync(1, "view"))[0];
        var page = await NewTabAsync();
        await page.FailAsync(method: "POST");
        await page.GotoAsync($"/?view=shared&image={id}");
        var beacons = Beacons(page);
        await page.RunAndWaitForRequestFinishedAsync(() => page.SignInAsync("bob@example.com"), new() { Predicate = sent => sent.Url.EndsWith("/views/", StringComparison.Ordinal) });
        await Expect(page.Opened("Picture 1").GetByText("You can see it.")).ToBeVisibleAsync();
        await page.NextFrameAsync();
        await Expect(page.Locator(".message")).ToHaveCountAsync(0);
        Assert.Single(beacons);
        Allow("status of 503");

        await page.Button("Close").ClickAsync();
        await page.Button("Sign out").ClickAsync();
        await page.GetByText("Use a service key").ClickAsync();
        await page.GetByLabel("Service key").FillAsync(GuardedService.Key);
        await page.Button("Use the key").ClickAsync();
        await page.Tile("Picture 1").ClickAsync();
        await Expect(page.Opened("Picture 1").Text("Prompt")).ToBeEditableAsync();
        await page.RunAndWaitForPopupAsync(() => page.Opened("Picture 1").Link("Open the original").ClickAsync());
        Assert.Single(beacons);
    }

    /// <summary>The paths of what the page posts to the API from now on.</summary>
    private static ConcurrentQueue<string> Beacons(IPage page)
    {
        var paths = new ConcurrentQueue<string>();
        page.Request += (_, request) =>
        {
            if (request.Method == "POST" && IsOfApi(request)) paths.Enqueue(new Uri(request.Url).AbsolutePath);
        };
        return paths;
    }

    private static bool IsOfApi(IRequest request) => request.Url.Contains("/v1/gallery/", StringComparison.Ordinal);

    /// <summary>Images of Ada that Bob sees, the first one at the top of his list.</summary>
    private async Task<IReadOnlyList<Guid>> ShareAsync(int count, string role, string owner = "ada")
    {
        var ids = await SeedAsync(count, _ => new() { ["user_id"] = owner });
        await Database.ExecuteAsync("insert into gallery.image_grant (image_id, user_id, owner_id, role, granted_at) select image_id, @Bob, user_id, @Role, created_at from gallery.image", new { Bob = $"{_bob}", Role = role });
        return ids;
    }

    private async Task<IPage> SignInAsync(string path)
    {
        var page = await OpenAsync(path);
        await page.SignInAsync("bob@example.com");
        return page;
    }
}
