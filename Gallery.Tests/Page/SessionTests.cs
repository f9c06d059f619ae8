using Gallery.Tests.Access;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Gallery.Tests.Page;

/// <summary>A session is renewed while it lasts. When it ends, a person loses nothing.</summary>
public sealed class SessionTests(SignInService service) : PageTests(service), IClassFixture<SignInService>
{
    private readonly FakeSupabase _supabase = service.Supabase;
    private IReadOnlyList<Guid> _ids = [];

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        _supabase.Reset();
        var ada = _supabase.AddUser("ada@example.com");
        _supabase.AddUser("bob@example.com");
        _ids = await SeedAsync(3, _ => new() { ["user_id"] = $"{ada}", ["intent"] = "generate" });
    }

    [Fact]
    public async Task A_token_near_its_end_is_renewed_once_for_all_tabs_and_nobody_notices()
    {
        var one = await SignedInAsync(TimeSpan.FromSeconds(20));
        var other = await OpenAsync();
        await Expect(other.Tiles()).ToHaveCountAsync(3);
        var renewed = _supabase.Count("refresh_token");
        _supabase.Lifetime = TimeSpan.FromHours(1);

        await Task.WhenAll(one.Tile("Picture 1").ClickAsync(), other.Tile("Picture 1").ClickAsync());
        foreach (var page in new[] { one, other }) await Expect(page.Opened("Picture 1").Text("Prompt")).ToBeEditableAsync();
        Assert.Equal(renewed + 1, _supabase.Count("refresh_token"));
        foreach (var page in new[] { one, other })
        {
            await page.ReloadAsync();
            await Expect(page.Opened("Picture 1").Text("Prompt")).ToBeEditableAsync();
        }

        Assert.Equal(renewed + 1, _supabase.Count("refresh_token"));
    }

    [Fact]
    public async Task A_session_that_ended_leads_back_to_the_same_view_and_to_what_was_typed()
    {
        var page = await SignedInAsync(path: "/?intent=generate");
        await page.Tile("Picture 2").ClickAsync();
        var image = await EndWithDraftAsync(page);
        await Expect(page.GetByText("Picture")).ToHaveCountAsync(0);

        await page.MendAsync();
        await page.SignInAsync("ada@example.com");
        await Expect(image.Text("Prompt")).ToHaveValueAsync("Mine");
        Assert.Equal($"{Api.Address}?intent=generate&image={_ids[1]}", page.Url);
        await image.Button("Save").ClickAsync();
        await Expect(page.Message("Image saved")).ToBeVisibleAsync();
        await page.Button("Close").ClickAsync();
        await Expect(page.Tiles()).ToHaveCountAsync(3);
    }

    [Fact]
    public async Task An_edit_by_somebody_else_between_two_sessions_is_not_overwritten_without_a_question()
    {
        var page = await SignedInAsync(path: $"/?image={_ids[1]}");
        var image = await EndWithDraftAsync(page);
        await Api.PatchAsync($"/v1/gallery/{_ids[1]}/", """{"refined_prompt": "Theirs"}""", GuardedService.Bearer(GuardedService.Key));
        await page.MendAsync();
        await page.SignInAsync("ada@example.com");
        await Expect(image.Text("Prompt")).ToHaveValueAsync("Mine");
        await image.Button("Save").ClickAsync();
        await Expect(page.Question("Somebody changed this image meanwhile").GetByText("Theirs", new() { Exact = true })).ToBeVisibleAsync();
    }

    [Fact]
    public async Task A_session_that_ends_amid_a_batch_says_so_and_names_what_was_not_done_to_the_same_user()
    {
        var ada = _supabase.AddUser("ada@example.com");
        await SeedAsync(250, i => new() { ["user_id"] = $"{ada}", ["refined_prompt"] = $"More {i}" });
        var page = await SignedInAsync();
        await ManyImagesTests.SelectAllAsync(page, 253);
        var chunks = 0;
        await page.RouteAsync("**/batch/delete/", route =>
        {
            if (++chunks == 1) return route.ContinueAsync();
            _supabase.EndSessions();
            return route.FulfillAsync(new() { Status = 401, ContentType = "application/problem+json", Body = """{"code":"expired_token","message":"The token has expired."}""" });
        });
        await page.Selection().Button("Delete").ClickAsync();
        await Expect(page.GetByText("Your session has ended. Sign in again.")).ToBeVisibleAsync();
        await page.NextFrameAsync();
        await Expect(page.GetByText("Your session has ended. Sign in again.")).ToBeVisibleAsync();

        await page.SignInAsync("ada@example.com");
        await Expect(page.Message("153 of 253 images failed").GetByRole(AriaRole.Listitem)).ToHaveCountAsync(153);
        await Expect(page.Message("100 images moved to the trash")).ToBeVisibleAsync();
        await Expect(page.GetByText("153 images", new() { Exact = true })).ToBeVisibleAsync();
        Allow("status of 401");
        Allow("status of 400");
    }

    [Fact]
    public async Task A_draft_is_not_shown_to_the_next_user()
    {
        var page = await SignedInAsync(path: $"/?image={_ids[1]}");
        await EndWithDraftAsync(page);
        await page.MendAsync();
        await page.SignInAsync("bob@example.com");
        await Expect(page.GetByRole(AriaRole.Alert)).ToContainTextAsync("There is no such image, or you may not see it.");
        await Expect(page.GetByText("Mine")).ToHaveCountAsync(0);
        await Expect(page.GetByText("Picture 2")).ToHaveCountAsync(0);
        Allow("status of 404");
    }

    [Fact]
    public async Task Filters_of_a_user_are_not_shown_to_the_next_user()
    {
        var page = await SignedInAsync();
        var intents = page.GetByRole(AriaRole.Combobox, new() { Name = "Intent" }).GetByRole(AriaRole.Option);
        await page.Button("Filters").ClickAsync();
        await Expect(intents).ToHaveTextAsync(["Any", "generate"]);
        await EndAsync(page);
        await page.Tile("Picture 1").FocusAsync();
        await page.Keyboard.PressAsync("Delete");
        await Expect(page.GetByText("Your session has ended. Sign in again.")).ToBeVisibleAsync();

        await page.MendAsync();
        var held = await page.HoldAsync(path: "facets/");
        await page.SignInAsync("bob@example.com");
        await Expect(page.Button("Sign out")).ToBeVisibleAsync();
        if (!await page.GetByLabel("Intent").IsVisibleAsync()) await page.Button("Filters").ClickAsync();
        await Expect(intents).ToHaveTextAsync(["Any"]);
        await page.RunAndWaitForRequestFinishedAsync(() =>
        {
            held.SetResult();
            return Task.CompletedTask;
        }, new() { Predicate = sent => sent.Url.Contains("facets/", StringComparison.Ordinal) });
        await Expect(intents).ToHaveTextAsync(["Any"]);
    }

    [Fact]
    public async Task While_supabase_is_down_a_session_is_kept_and_used_as_long_as_it_is_good()
    {
        var page = await OpenAsync();
        _supabase.IsDown = true;
        await page.SignInAsync("ada@example.com");
        await Expect(page.GetByRole(AriaRole.Alert)).ToHaveTextAsync("Service unavailable");
        _supabase.IsDown = false;
        _supabase.Lifetime = TimeSpan.FromSeconds(20);
        await page.SignInAsync("ada@example.com");
        await Expect(page.Tiles()).ToHaveCountAsync(3);

        _supabase.IsDown = true;
        await page.ReloadAsync();
        await Expect(page.Tiles()).ToHaveCountAsync(3);   // the token is near its end, and still good
        await page.Clock.SetFixedTimeAsync(DateTime.UtcNow.AddMinutes(1));
        await page.Tile("Picture 1").ClickAsync();
        await Expect(page.GetByRole(AriaRole.Alert)).ToContainTextAsync("Service unavailable");
        Assert.NotNull(await page.EvaluateAsync<string>("() => localStorage.getItem('gallery-session')"));

        _supabase.IsDown = false;
        await page.Button("Try again").ClickAsync();
        await Expect(page.Opened("Picture 1").Text("Prompt")).ToBeEditableAsync();
        Allow("status of 503");
    }

    [Fact]
    public async Task Signing_out_in_one_tab_signs_out_the_others()
    {
        var one = await SignedInAsync();
        var other = await OpenAsync();
        await Expect(other.Tiles()).ToHaveCountAsync(3);
        await one.Button("Sign out").ClickAsync();
        await Expect(other.Button("Sign in")).ToBeVisibleAsync();
        await Expect(other.GetByText("Picture")).ToHaveCountAsync(0);
    }

    [Fact]
    public async Task Signing_out_after_the_token_has_expired_ends_the_session_at_supabase()
    {
        var page = await SignedInAsync();
        await page.EvaluateAsync("() => { const now = Date.now; Date.now = () => now() + 2 * 3600 * 1000; }");

        await page.RunAndWaitForRequestFinishedAsync(() => page.Button("Sign out").ClickAsync(), new() { Predicate = sent => sent.Method == "POST" && sent.Url.Contains("/logout", StringComparison.Ordinal) });
        await Expect(page.Button("Sign in")).ToBeVisibleAsync();
        Assert.Equal((1, 1), (_supabase.Count("refresh_token"), _supabase.Count("logout")));
    }

    [Fact]
    public async Task A_page_that_the_browser_kept_shows_nothing_after_its_user_signed_out()
    {
        var page = await SignedInAsync();
        await page.EvaluateAsync("() => { localStorage.clear(); window.dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true })); }");

        await Expect(page.Button("Sign in")).ToBeVisibleAsync();
        await Expect(page.GetByText("Picture")).ToHaveCountAsync(0);
    }

    [Theory]
    [InlineData("pageshow")]
    [InlineData("renew")]
    public async Task A_page_that_the_browser_kept_never_works_with_the_session_of_the_next_user(string how)
    {
        var page = await SignedInAsync(TimeSpan.FromSeconds(how == "renew" ? 20 : 3600), $"/?image={_ids[1]}");
        await page.Locator("dialog.image").Text("Prompt").FillAsync("Mine");
        _supabase.Lifetime = TimeSpan.FromHours(1);
        await page.EvaluateAsync(   // in the page itself, which so gets no event
            """
            async ([url, apikey]) => {
              const answer = await fetch(`${url}/auth/v1/token?grant_type=password`, { method: 'POST', headers: { apikey }, body: '{"email": "bob@example.com", "password": "correct horse"}' });
              localStorage.setItem(Object.keys(localStorage)[0], JSON.stringify({ ...await answer.json(), email: 'bob@example.com' }));
            }
            """,
            new[] { _supabase.Url, FakeSupabase.PublishableKey });
        if (how == "renew") await page.Locator("dialog.image").Button("Save").ClickAsync();
        else await page.EvaluateAsync("() => { window.dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true })); }");

        await Expect(page.GetByText("bob@example.com")).ToBeAttachedAsync();
        await Expect(page.GetByRole(AriaRole.Alert)).ToContainTextAsync("There is no such image, or you may not see it.");
        Assert.Equal("Picture 2", await Database.FindAsync<string>($"select refined_prompt from gallery.image where image_id = '{_ids[1]}'"));
        Allow("status of 401");
        Allow("status of 404");
    }

    private async Task<IPage> SignedInAsync(TimeSpan? lifetime = null, string path = "/")
    {
        _supabase.Lifetime = lifetime ?? TimeSpan.FromHours(1);
        var page = await OpenAsync(path);
        await page.SignInAsync("ada@example.com");
        await Expect(page.Tiles().First).ToBeAttachedAsync();
        return page;
    }

    /// <summary>The session ends while a person edits the open image.</summary>
    private async Task<ILocator> EndWithDraftAsync(IPage page)
    {
        var image = page.Locator("dialog.image");
        await image.Text("Prompt").FillAsync("Mine");
        await EndAsync(page);
        await image.Button("Save").ClickAsync();
        await Expect(page.GetByText("Your session has ended. Sign in again.")).ToBeVisibleAsync();
        return image;
    }

    /// <summary>No token of the session works any longer, until <see cref="FaultyApi.MendAsync"/>.</summary>
    private async Task EndAsync(IPage page)
    {
        _supabase.EndSessions();
        await page.FailAsync(401, code: "expired_token", message: "The token has expired.");
        Allow("status of 401");
        Allow("status of 400");
    }
}
