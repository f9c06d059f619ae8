using System.Text.RegularExpressions;
using Gallery.Tests.Access;
using Gallery.Tests.Service;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Gallery.Tests.Page;

/// <summary>A stranger opens a link to an image. Each answer with the picture is a view of the link, so the page asks for it once.</summary>
public sealed partial class SharedPageTests(SignInService service) : PageTests(service), IClassFixture<SignInService>
{
    private readonly (string, string) _key = GuardedService.Bearer(GuardedService.Key);
    private Guid _id;

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        _id = (await SeedAsync(1))[0];
    }

    [Fact]
    public async Task A_link_shows_its_picture_and_prompt_without_signing_in_and_counts_one_view()
    {
        var path = await ShareAsync("""{"show_prompt": true}""");
        var page = await NewTabAsync();
        var requests = new List<string>();
        page.Request += (_, request) => requests.Add(request.Url);
        await page.GotoAsync(path);

        await Expect(page.GetByRole(AriaRole.Img, new() { Name = "Picture 1" })).ToHaveAttributeAsync("src", Service.Api.UrlOf(_id));
        await Expect(page).ToHaveTitleAsync("“Picture 1” – Gallery");
        await page.Button("Copy the prompt").ClickAsync();
        await Expect(page.GetByRole(AriaRole.Status)).ToHaveTextAsync("Prompt copied");
        Assert.Equal("Picture 1", await page.EvaluateAsync<string>("() => navigator.clipboard.readText()"));
        await Expect(page.GetByRole(AriaRole.Link, new() { Name = "Open the original" })).ToHaveAttributeAsync("href", Service.Api.UrlOf(_id));
        await Expect(page.GetByText("Loading")).ToHaveCountAsync(0);
        Assert.Single(requests, url => url.Contains("/v1/", StringComparison.Ordinal));
        Assert.Equal(1, await ViewsAsync());
    }

    [Fact]
    public async Task A_link_shows_no_prompt_unless_its_owner_wants_that_and_says_if_the_picture_is_lost()
    {
        Pictures.Lose($"{_id}");
        Allow("res.cloudinary.com");
        var page = await OpenAsync(await ShareAsync("{}"));

        await Expect(page.GetByText("The picture does not load.")).ToBeVisibleAsync();
        await Expect(page).ToHaveTitleAsync("Shared picture – Gallery");
        await Expect(page.GetByText("Picture 1")).ToHaveCountAsync(0);
        await Expect(page.Button("Copy the prompt")).ToHaveCountAsync(0);
    }

    [Fact]
    public async Task A_link_asks_for_its_password_and_a_wrong_one_leaves_the_focus_there()
    {
        var page = await OpenAsync(await ShareAsync("""{"password": "open-sesame"}"""));
        var input = page.GetByLabel("Password", new() { Exact = true });
        await Expect(input).ToBeFocusedAsync();
        foreach (var (typed, said) in new[] { ("", "Type the password."), ("sésame", "The password has only letters A to Z, digits and signs such as ! or -. Type it as you got it."), ("sesame", "This is not the password. Try again.") })
        {
            await input.FillAsync(typed);
            await page.Keyboard.PressAsync("Enter");
            await Expect(page.GetByRole(AriaRole.Alert)).ToHaveTextAsync(said);
            await Expect(input).ToHaveAccessibleDescriptionAsync(said);
            await Expect(input).ToBeFocusedAsync();
            await Expect(input).ToHaveValueAsync(typed);
        }

        await Expect(page.GetByText("If you load this page again, it asks again, and that counts as another view.")).ToBeVisibleAsync();
        Assert.Equal(0, await ViewsAsync());
        await input.FillAsync(" open-sesame ");   // copied with its blanks
        await page.Button("Show the picture").ClickAsync();
        await Expect(page.GetByRole(AriaRole.Img, new() { Name = "Shared picture" })).ToBeVisibleAsync();
        Assert.Equal(1, await ViewsAsync());
        Allow("status of 403");
    }

    [Fact]
    public async Task After_too_many_wrong_passwords_the_page_says_how_long_to_wait()
    {
        var path = await ShareAsync("""{"password": "open-sesame"}""");
        await Database.ExecuteAsync("update gallery.image_share set attempts = 10, attempts_since = now()");
        var page = await OpenAsync(path);
        await page.GetByLabel("Password", new() { Exact = true }).FillAsync("open-sesame");
        await page.Button("Show the picture").ClickAsync();

        await Expect(page.GetByRole(AriaRole.Alert)).ToHaveTextAsync("Too many wrong passwords were sent. Wait 15 minutes, then try again.");
        await Expect(page.GetByLabel("Password", new() { Exact = true })).ToHaveValueAsync("open-sesame");
        Allow("status of 403");
        Allow("status of 429");
    }

    [Fact]
    public async Task A_link_that_is_used_up_says_to_ask_for_a_new_one()
    {
        var path = await ShareAsync("""{"max_views": 1}""");
        await OpenAsync(path);
        var page = await OpenAsync(path);

        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "This link shows nothing" })).ToBeVisibleAsync();
        await Expect(page.GetByRole(AriaRole.Alert)).ToContainTextAsync("It may have expired, been revoked, or been opened as often as it may be. Ask for a new one.");
        await Expect(page.GetByRole(AriaRole.Button)).ToHaveCountAsync(0);
        Allow("status of 404");
    }

    [Fact]
    public async Task If_the_service_does_not_answer_one_can_try_again()
    {
        Allow("ERR_CONNECTION_RESET");
        var page = await NewTabAsync();
        await page.FailAsync(0);
        await page.GotoAsync(await ShareAsync("{}"));
        await Expect(page.GetByRole(AriaRole.Alert)).ToContainTextAsync("Gallery does not answer.");
        await page.MendAsync();
        await page.Button("Try again").ClickAsync();

        await Expect(page.GetByRole(AriaRole.Img, new() { Name = "Shared picture" })).ToBeVisibleAsync();
        Assert.Equal(1, await ViewsAsync());
    }

    [Fact]
    public async Task Below_a_proxys_prefix_everything_is_found_and_so_are_invented_pictures()
    {
        await Database.ExecuteAsync("update gallery.image set image_url = 'https://res.cloudinary.com/gallery-demo/image/upload/' || image_id || '.svg'");
        var path = await ShareAsync("{}");
        var page = await NewTabAsync();
        await page.RouteAsync(BelowPrefix(), async route =>
        {
            var url = route.Request.Url.Replace("/prefix/", "/", StringComparison.Ordinal);
            if (url.EndsWith("/settings.json", StringComparison.Ordinal)) await route.FulfillAsync(new() { ContentType = "application/json", Body = """{"is_demo": true}""" });
            else if (url.EndsWith($"/page/demo/{_id}.svg", StringComparison.Ordinal)) await route.FulfillAsync(new() { ContentType = "image/svg+xml", Body = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"/>""" });
            else await route.FulfillAsync(new() { Response = await route.FetchAsync(new() { Url = url }) });
        });
        await page.GotoAsync($"/prefix{path}");

        await Expect(page.GetByRole(AriaRole.Img, new() { Name = "Shared picture" })).ToHaveAttributeAsync("src", $"{Api.Address}prefix/page/demo/{_id}.svg");
        Assert.Empty(Pictures.Requests);
    }

    /// <summary>Makes a link. Returns its path.</summary>
    private async Task<string> ShareAsync(string options)
    {
        var made = await Api.PostAsync($"/v1/gallery/{_id}/shares/", options, _key);
        Assert.Equal(201, made.Status);
        return $"/s/{made.Body["data"]!["token"]}";
    }

    private async Task<int> ViewsAsync() => (int)(await Api.GetAsync($"/v1/gallery/{_id}/shares/", _key)).Body["data"]![0]!["views"]!;

    [GeneratedRegex(@"^http://127\.0\.0\.1:\d+/prefix/")]
    private static partial Regex BelowPrefix();
}
