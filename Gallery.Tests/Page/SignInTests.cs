using System.Text.Json.Nodes;
using Gallery.Tests.Access;
using Gallery.Tests.Database;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Gallery.Tests.Page;

/// <summary>A person signs in with a password, a link or a service key, and out.</summary>
public sealed class SignInTests(SignInService service, PageService open) : PageTests(service), IClassFixture<SignInService>
{
    private readonly FakeSupabase _supabase = service.Supabase;

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        _supabase.Reset();
        var (ada, bob) = (_supabase.AddUser("ada@example.com"), _supabase.AddUser("bob@example.com"));
        await SeedAsync(4, i => new() { ["user_id"] = $"{(i < 3 ? ada : bob)}", ["tags"] = i == 0 ? new JsonArray("night") : [] });
    }

    [Fact]
    public async Task A_password_shows_the_users_own_images_and_a_wrong_one_shows_what_supabase_says()
    {
        var page = await OpenAsync();
        await Expect(page.Tiles()).ToHaveCountAsync(0);
        await page.SignInAsync("ada@example.com", "wrong");
        await Expect(page.GetByRole(AriaRole.Alert)).ToHaveTextAsync("Invalid login credentials");
        await page.SignInAsync("ada@example.com");
        await Expect(page.Tiles()).ToHaveCountAsync(3);
        await Expect(page.GetByText("3 images", new() { Exact = true })).ToBeVisibleAsync();

        await page.Button("Filters").ClickAsync();
        await Expect(page.GetByLabel("Intent")).ToBeVisibleAsync();
        await Expect(page.GetByLabel("User", new() { Exact = true })).ToBeHiddenAsync();
        await page.Tile("Picture 1").ClickAsync();
        await Expect(page.Opened("Picture 1").Text("Prompt")).ToBeEditableAsync();
        await Expect(page.Opened("Picture 1").GetByText("User", new() { Exact = true })).ToBeHiddenAsync();
        await page.ReloadAsync();
        await Expect(page.Opened("Picture 1").Text("Prompt")).ToBeEditableAsync();
        Allow("status of 400");
    }

    [Fact]
    public async Task A_link_by_e_mail_leads_back_to_the_same_view_and_leaves_no_token_in_the_url()
    {
        var page = await OpenAsync("/?tag=night");
        await page.GetByLabel("E-mail").FillAsync("nobody@example.com");
        await page.Button("E-mail me a link").ClickAsync();
        await Expect(page.GetByRole(AriaRole.Status)).ToContainTextAsync("a link is on its way");   // whether an account exists is not told
        await page.GetByLabel("E-mail").FillAsync("ada@example.com");
        await page.Button("E-mail me a link").ClickAsync();
        await Expect(page.GetByRole(AriaRole.Status)).ToContainTextAsync("a link is on its way");

        await page.GotoAsync(_supabase.MagicLink!);
        await Expect(page.Tiles()).ToHaveCountAsync(1);
        Assert.Equal($"{Api.Address}?tag=night", page.Url);
        await page.GoBackAsync();
        Assert.DoesNotContain("code=", page.Url, StringComparison.Ordinal);
        Allow("status of 422");
    }

    [Fact]
    public async Task A_link_that_has_expired_says_so()
    {
        var page = await OpenAsync("/?tag=night#error=access_denied&error_code=otp_expired&error_description=Email+link+is+invalid+or+has+expired");
        await Expect(page.GetByText("The link has expired or was used already. Ask for a new one.")).ToBeVisibleAsync();
        Assert.Equal($"{Api.Address}?tag=night", page.Url);
    }

    [Fact]
    public async Task Tokens_in_a_link_of_the_dashboard_are_not_used_and_leave_the_address()
    {
        var page = await OpenAsync("/?tag=night#access_token=a.b.c&refresh_token=r&token_type=bearer&type=invite");
        await Expect(page.GetByText("This link was not requested in this browser. Request a new one here.")).ToBeVisibleAsync();
        Assert.Equal($"{Api.Address}?tag=night", page.Url);
    }

    [Fact]
    public async Task A_link_of_somebody_else_neither_replaces_a_session_nor_begins_one()
    {
        var other = await OpenAsync(screen: Screen.Zoomed);
        await other.GetByLabel("E-mail").FillAsync("bob@example.com");
        await other.Button("E-mail me a link").ClickAsync();
        await Expect(other.GetByRole(AriaRole.Status)).ToContainTextAsync("a link is on its way");

        var page = await OpenAsync();
        await page.GotoAsync(_supabase.MagicLink!);
        await Expect(page.GetByText("This link was not requested in this browser. Request a new one here.")).ToBeVisibleAsync();
        await page.SignInAsync("ada@example.com");
        await Expect(page.Tiles()).ToHaveCountAsync(3);
        await page.GotoAsync(_supabase.MagicLink!);
        await Expect(page.Tiles()).ToHaveCountAsync(3);
        Assert.Equal($"{Api.Address}", page.Url);
        await page.ReloadAsync();
        await Expect(page.Tiles()).ToHaveCountAsync(3);
    }

    [Fact]
    public async Task Signing_out_forgets_everything()
    {
        var page = await OpenAsync();
        await page.SignInAsync("ada@example.com");
        await page.Circle("Picture 3").ClickAsync();
        await page.Selection().Button("Delete").ClickAsync();
        await Expect(page.Message("1 image moved to the trash")).ToBeVisibleAsync();
        await page.GetByRole(AriaRole.Link, new() { Name = "Trash" }).ClickAsync();
        await Expect(page.Tile("Picture 3")).ToBeVisibleAsync();

        await page.Button("Sign out").ClickAsync();
        await Expect(page.Button("Sign in")).ToBeVisibleAsync();
        Assert.Equal(0, await page.EvaluateAsync<int>("() => localStorage.length + sessionStorage.length"));
        Assert.Equal(1, _supabase.Count("logout"));
        await page.GoBackAsync();
        await Expect(page.Button("Sign in")).ToBeVisibleAsync();
        await Expect(page.GetByText("Picture")).ToHaveCountAsync(0);

        await page.SignInAsync("bob@example.com");
        await Expect(page.Tile("Picture 4")).ToBeVisibleAsync();
        await Expect(page.Tiles()).ToHaveCountAsync(1);
        await Expect(page.Button("Undo")).ToHaveCountAsync(0);
    }

    [Fact]
    public async Task A_service_key_sees_all_can_filter_by_user_and_is_only_in_memory()
    {
        var page = await OpenAsync();
        await UseKeyAsync(page, GuardedService.Key);
        await Expect(page.Tiles()).ToHaveCountAsync(4);
        await page.Button("Filters").ClickAsync();
        await page.GetByLabel("User", new() { Exact = true }).FillAsync($"{_supabase.AddUser("bob@example.com")}");
        await page.Keyboard.PressAsync("Enter");
        await Expect(page.Tiles()).ToHaveCountAsync(1);
        await Expect(page.Tile("Picture 4")).ToBeVisibleAsync();

        Assert.Equal("{}{}[]", await page.EvaluateAsync<string>("async () => JSON.stringify(localStorage) + JSON.stringify(sessionStorage) + JSON.stringify(await indexedDB.databases())"));
        Assert.Empty(await page.Context.CookiesAsync());
        await page.ReloadAsync();
        await Expect(page.Button("Sign in")).ToBeVisibleAsync();
        await Expect(page.Tiles()).ToHaveCountAsync(0);
    }

    [Fact]
    public async Task A_service_key_and_what_was_typed_stay_while_somebody_signs_in_in_another_tab_and_neither_signs_out_the_other()
    {
        var page = await OpenAsync();
        await UseKeyAsync(page, GuardedService.Key);
        await page.Tile("Picture 4").ClickAsync();
        var image = page.Locator("dialog.image");
        await image.Text("Prompt").FillAsync("Mine");
        var other = await OpenAsync();
        await other.SignInAsync("ada@example.com");
        await Expect(other.Tiles()).ToHaveCountAsync(3);

        await page.NextFrameAsync();
        await Expect(image.Text("Prompt")).ToHaveValueAsync("Mine");
        await image.Button("Save").ClickAsync();
        await Expect(page.Message("Image saved")).ToBeVisibleAsync();
        await page.Button("Close").ClickAsync();
        await page.Button("Sign out").ClickAsync();
        await Expect(page.Tiles()).ToHaveCountAsync(3);
        await other.ReloadAsync();
        await Expect(other.Tiles()).ToHaveCountAsync(3);
    }

    [Fact]
    public async Task A_wrong_service_key_says_so()
    {
        var page = await OpenAsync();
        await UseKeyAsync(page, "wrong");
        await Expect(page.GetByText("The service does not know this key.")).ToBeVisibleAsync();
        await Expect(page.GetByLabel("Service key")).ToBeVisibleAsync();
        await UseKeyAsync(page, GuardedService.Key);
        await Expect(page.Tiles()).ToHaveCountAsync(4);
        Allow("status of 401");
    }

    [Fact]
    public async Task An_open_service_asks_for_nothing()
    {
        await open.EmptyAsync();
        await open.SeedAsync(2);
        var page = await OpenAsync($"{open.Api.Address}");
        await Expect(page.Tiles()).ToHaveCountAsync(2);
        await Expect(page.Button("Sign out")).ToHaveCountAsync(0);
    }

    private static async Task UseKeyAsync(IPage page, string key)
    {
        if (!await page.GetByLabel("Service key").IsVisibleAsync()) await page.GetByText("Use a service key").ClickAsync();
        await page.GetByLabel("Service key").FillAsync(key);
        await page.Button("Use the key").ClickAsync();
    }
}

/// <summary>Users may not delete permanently here.</summary>
public sealed class NoPurgeService(TestServer server, Browser browser) : SignInService(server, browser)
{
    protected override async Task<string[]> PrepareAsync() => [.. await base.PrepareAsync(), "GALLERY_USERS_MAY_PURGE=false"];
}

public sealed class NoPurgeTests(NoPurgeService service) : PageTests(service), IClassFixture<NoPurgeService>
{
    [Fact]
    public async Task A_user_who_may_not_delete_permanently_sees_no_button_for_it()
    {
        var ada = service.Supabase.AddUser("ada@example.com");
        var ids = await SeedAsync(2, _ => new() { ["user_id"] = $"{ada}" });
        foreach (var id in ids) await Api.SendAsync(HttpMethod.Delete, $"/v1/gallery/{id}/", null, GuardedService.Bearer(GuardedService.Key));
        var page = await OpenAsync("/?view=trash");
        await page.SignInAsync("ada@example.com");
        await page.Circle("Picture 1").ClickAsync();
        await Expect(page.Selection().Button("Restore")).ToBeVisibleAsync();
        await page.Keyboard.PressAsync("Delete");
        await page.Keyboard.PressAsync("Escape");
        await page.Tile("Picture 1").ClickAsync();
        await Expect(page.Opened("Picture 1").Button("Restore")).ToBeVisibleAsync();
        await page.Keyboard.PressAsync("Delete");
        await Expect(page.GetByText("permanently", new() { Exact = false }).And(page.GetByRole(AriaRole.Button))).ToHaveCountAsync(0);
        await Expect(page.Button("Empty the trash")).ToHaveCountAsync(0);
        await Expect(page.GetByRole(AriaRole.Dialog)).ToHaveCountAsync(1);
    }
}
