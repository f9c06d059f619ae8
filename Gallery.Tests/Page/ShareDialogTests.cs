using System.Text.Json.Nodes;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Gallery.Tests.Page;

/// <summary>A person shares an image by links and with users.</summary>
public sealed class ShareDialogTests(PageService service) : PageTests(service)
{
    private Guid _id;

    private string Links => $"/v1/gallery/{_id}/shares/";

    private string Grants => $"/v1/gallery/{_id}/grants/";

    [Fact]
    public async Task A_link_is_made_and_copied_once_then_listed_and_revoked()
    {
        var (page, dialog) = await OpenDialogAsync();
        await dialog.GetByLabel("Expires").SelectOptionAsync("Never");
        await dialog.Text("Maximum of views").FillAsync("3");
        await dialog.Text("Password").FillAsync("open-sesame");
        await dialog.Text("Note for yourself").FillAsync("for Mira");
        await dialog.GetByLabel("Show the prompt too").CheckAsync();
        await dialog.Button("Make a link").ClickAsync();
        var url = dialog.GetByLabel("The link. It is shown only now, so copy it.");
        await Expect(url).ToBeFocusedAsync();
        await dialog.Button("Copy").ClickAsync();
        await Expect(dialog.GetByRole(AriaRole.Status)).ToHaveTextAsync("Link copied");
        var copied = await page.EvaluateAsync<string>("() => navigator.clipboard.readText()");
        Assert.StartsWith($"{Api.Address}s/", copied, StringComparison.Ordinal);
        await Expect(url).ToHaveValueAsync(copied);
        await Expect(dialog.Text("Password")).ToHaveValueAsync("");   // the next link has its own

        var made = Assert.Single((await Api.GetAsync(Links)).Body["data"]!.AsArray())!;
        Assert.Equal((null, 3, true, true, "for Mira"), ((string?)made["expires_at"], (int)made["max_views"]!, (bool)made["has_password"]!, (bool)made["show_prompt"]!, (string?)made["note"]));
        Assert.Equal(200, (await Api.GetAsync($"/v1/gallery/shared/{copied.Split('/')[^1]}/", ("X-Share-Password", "open-sesame"))).Status);

        await page.Keyboard.PressAsync("Escape");
        await Expect(page.Opened("Picture 1").Button("Share")).ToBeFocusedAsync();
        await page.Keyboard.PressAsync("Enter");
        var row = dialog.GetByRole(AriaRole.List, new() { Name = "Links" }).GetByRole(AriaRole.Listitem);
        await Expect(row).ToContainTextAsync("for Mira");
        await Expect(row).ToContainTextAsync("1 of 3 views, the last ");
        await Expect(row).ToContainTextAsync(", never expires, asks for a password, shows the prompt");
        await Expect(url).ToHaveCountAsync(0);
        await row.Button("Revoke: for Mira").ClickAsync();
        await page.Question("Revoke this link?").Button("Revoke").ClickAsync();
        await Expect(dialog.GetByRole(AriaRole.Status)).ToHaveTextAsync("Link revoked");
        await Expect(row).ToHaveCountAsync(0);
        Assert.Empty((await Api.GetAsync(Links)).Body["data"]!.AsArray());
    }

    [Fact]
    public async Task Links_expire_after_seven_days_and_all_of_many_are_shown_and_revoked()
    {
        var (page, dialog) = await OpenDialogAsync();
        await dialog.Button("Make a link").ClickAsync();
        await Expect(dialog.GetByRole(AriaRole.Status)).ToContainTextAsync("Link made.");
        var made = Assert.Single((await Api.GetAsync(Links)).Body["data"]!.AsArray())!;
        Assert.InRange((DateTime)made["expires_at"]! - (DateTime)made["created_at"]!, TimeSpan.FromDays(7) - TimeSpan.FromMinutes(5), TimeSpan.FromDays(7) + TimeSpan.FromMinutes(5));

        await Database.ExecuteAsync("insert into gallery.image_share (image_id, share_id, user_id, created_at, expires_at) select image_id, gen_random_uuid(), user_id, now() - n * interval '1 day', now() - interval '1 day' from gallery.image, generate_series(1, 55) n");
        await dialog.Button("Done").ClickAsync();
        await page.Opened("Picture 1").Button("Share").ClickAsync();
        var rows = dialog.GetByRole(AriaRole.List, new() { Name = "Links" }).GetByRole(AriaRole.Listitem);
        await dialog.Button("Show more").ClickAsync();
        await Expect(rows).ToHaveCountAsync(56);
        await Expect(rows.Last).ToContainTextAsync("(shows nothing any more)");

        await dialog.Button("Revoke all links").ClickAsync();
        await page.Question("Revoke all links of this image?").Button("Revoke all").ClickAsync();
        await Expect(rows).ToHaveCountAsync(0);
        Assert.Empty((await Api.GetAsync(Links)).Body["data"]!.AsArray());
    }

    [Fact]
    public async Task What_the_api_rejects_is_said_beside_its_field_by_its_label_and_nothing_typed_is_lost()
    {
        var (page, dialog) = await OpenDialogAsync();
        var typed = new Dictionary<string, string> { ["Maximum of views"] = "many", ["Password"] = "sésame", ["Note for yourself"] = new('a', 201) };
        foreach (var (field, text) in typed) await dialog.Text(field).FillAsync(text);
        await dialog.GetByLabel("Expires").SelectOptionAsync("In 30 days");
        await dialog.Button("Make a link").ClickAsync();
        var refused = (await Api.PostAsync(Links, new JsonObject { ["max_views"] = "many", ["password"] = "sésame", ["note"] = new string('a', 201) }.ToJsonString())).Body["errors"]!;
        foreach (var (field, name) in new[] { ("Maximum of views", "max_views"), ("Password", "password"), ("Note for yourself", "note") })
        {
            await Expect(dialog.Text(field)).ToHaveAccessibleDescriptionAsync(((string)refused[name]![0]!).Replace(name, field, StringComparison.Ordinal).Replace("ASCII's signs", "signs such as ! or -", StringComparison.Ordinal));
            await Expect(dialog.Text(field)).ToHaveAttributeAsync("aria-invalid", "true");
        }

        await Expect(dialog.Text("Maximum of views")).ToBeFocusedAsync();
        await page.FailAsync(method: "POST");
        await dialog.Button("Make a link").ClickAsync();
        await Expect(dialog.GetByText("No link was made. The service is busy. Try again.")).ToBeVisibleAsync();
        foreach (var (field, text) in typed) await Expect(dialog.Text(field)).ToHaveValueAsync(text);
        await Expect(dialog.GetByLabel("Expires")).ToHaveValueAsync("30");
        Allow("status of 400");
        Allow("status of 503");
    }

    [Fact]
    public async Task An_image_is_shared_with_a_user_whose_role_changes_and_ends()
    {
        var (page, dialog) = await OpenDialogAsync();
        await Expect(dialog.GetByText("Each opening is a view, and so is loading its page again.")).ToBeVisibleAsync();
        await Expect(dialog.GetByText("Shared with me")).ToHaveCountAsync(0);   // an open service has no such place
        await dialog.Text("User id").FillAsync("mira/studio");
        await dialog.GetByLabel("They may").SelectOptionAsync("edit it");
        await dialog.Text("User id").PressAsync("Enter");
        await Expect(dialog.GetByRole(AriaRole.Status)).ToHaveTextAsync("Shared with mira/studio");
        await Expect(dialog.Text("User id")).ToHaveValueAsync("");
        Assert.Equal(["mira/studio edit"], await GrantsAsync());

        var role = dialog.GetByLabel("What mira/studio may do");
        await Expect(role).ToHaveValueAsync("edit");
        await page.FailAsync(method: "PUT");
        await role.SelectOptionAsync("see it");
        await Expect(dialog.GetByText("Not changed. The service is busy. Try again.")).ToBeVisibleAsync();
        await Expect(role).ToHaveValueAsync("edit");
        await page.MendAsync();
        await role.SelectOptionAsync("see it");
        await Expect(dialog.GetByRole(AriaRole.Status)).ToHaveTextAsync("mira/studio may only see it now");
        Assert.Equal(["mira/studio view"], await GrantsAsync());

        await dialog.Button("Remove mira/studio").ClickAsync();
        await Expect(dialog.GetByRole(AriaRole.Status)).ToHaveTextAsync("No longer shared with mira/studio");
        Assert.Empty(await GrantsAsync());
        Allow("status of 503");
    }

    [Theory]
    [InlineData("", "Type the id of a user.")]
    [InlineData("user_123", "This user owns the image. Name another one.")]
    [InlineData("..", "Not shared. A name that is . or .. cannot be sent. Type another one.")]
    public async Task A_user_id_that_cannot_be_used_stays_with_the_reason(string typed, string said)
    {
        var (_, dialog) = await OpenDialogAsync();
        await dialog.Text("User id").FillAsync(typed);
        await dialog.Button("Share").ClickAsync();

        await Expect(dialog.GetByText(said)).ToBeVisibleAsync();
        await Expect(dialog.Text("User id")).ToHaveValueAsync(typed);
        await Expect(dialog.Text("User id")).ToBeFocusedAsync();
        if (typed == "user_123") Allow("status of 400");
    }

    [Fact]
    public async Task In_the_trash_nothing_is_shared_and_without_users_nothing_is_shared_with_one()
    {
        _id = (await SeedAsync(1))[0];
        var page = await OpenAsync("/?view=shared");
        await Expect(page.Tile("Picture 1")).ToBeVisibleAsync();
        Assert.Equal($"{Api.Address}", page.Url);
        await Expect(page.GetByRole(AriaRole.Navigation).GetByRole(AriaRole.Link)).ToHaveTextAsync(["Images", "Trash"]);

        await Api.DeleteAsync($"/v1/gallery/{_id}/");
        await page.GotoAsync($"/?view=trash&image={_id}");
        await Expect(page.Opened("Picture 1").Button("Restore")).ToBeVisibleAsync();
        await Expect(page.Opened("Picture 1").Button("Share")).ToHaveCountAsync(0);
    }

    private async Task<(IPage Page, ILocator Dialog)> OpenDialogAsync()
    {
        _id = (await SeedAsync(1))[0];
        var page = await OpenAsync();
        await page.Tile("Picture 1").ClickAsync();
        await page.Opened("Picture 1").Button("Share").ClickAsync();
        return (page, page.Question("Share “Picture 1”"));
    }

    private async Task<string[]> GrantsAsync() => [.. (await Api.GetAsync(Grants)).Body["data"]!.AsArray().Select(grant => $"{grant!["user_id"]} {grant["role"]}")];
}
