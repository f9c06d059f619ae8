using System.Text.Json.Nodes;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Gallery.Tests.Page;

/// <summary>A person tags, deletes and restores many images at once, sees what failed, and takes it back.</summary>
public sealed class ManyImagesTests(PageService service) : PageTests(service)
{
    [Fact]
    public async Task Tags_are_added_and_removed_and_undo_keeps_those_that_were_there_before()
    {
        var ids = await SeedAsync(4, i => i switch
        {
            0 => new() { ["tags"] = new JsonArray("Night", "old") },
            1 => new() { ["tags"] = new JsonArray("sea") },
            2 => new() { ["tags"] = new JsonArray("night", "sea") },
            _ => [],
        });
        var page = await OpenAsync();
        await SelectAsync(page, 1, 2, 3);
        await page.Selection().Button("Tag").ClickAsync();
        var question = page.Question("Tag 3 images");
        await question.GetByLabel("Tags to add").PressSequentiallyAsync("sea, ol");
        await Expect(question.Locator("datalist option")).ToHaveAttributeAsync("value", "sea, old");
        await question.GetByLabel("Tags to add").FillAsync("sea, night");
        await question.GetByLabel("Tags to remove").FillAsync("old");
        await question.Button("Save tags").ClickAsync();

        await Expect(page.Message("2 images tagged")).ToBeVisibleAsync();
        Assert.Equal(["Night sea", "night sea", "night sea", ""], await TagsAsync(ids));
        await page.Message("2 images tagged").Button("Undo").ClickAsync();
        await Expect(page.Message("2 images tagged as before")).ToBeVisibleAsync();
        Assert.Equal(["Night old", "sea", "night sea", ""], await TagsAsync(ids));
    }

    [Fact]
    public async Task A_tag_to_add_and_to_remove_is_refused_where_it_was_typed()
    {
        var ids = await SeedAsync(1);
        var page = await OpenAsync();
        await SelectAsync(page, 1);
        await page.Selection().Button("Tag").ClickAsync();
        await page.GetByLabel("Tags to add").FillAsync("sea, Night");
        await page.GetByLabel("Tags to remove").FillAsync("night");
        await page.Button("Save tags").ClickAsync();
        await Expect(page.GetByRole(AriaRole.Alert)).ToHaveTextAsync("A tag cannot be added and removed at once: Night");

        await page.GetByLabel("Tags to remove").FillAsync("");
        await page.Button("Save tags").ClickAsync();
        await Expect(page.Message("1 image tagged")).ToBeVisibleAsync();
        Assert.Equal(["Night sea"], await TagsAsync(ids));
    }

    [Fact]
    public async Task Many_are_deleted_100_at_a_time_with_progress_and_undo_puts_them_back_in_their_places()
    {
        var ids = await SeedAsync(250);
        var page = await OpenAsync();
        await SelectAllAsync(page, 250);
        await page.Tile("Picture 2").ClickAsync();
        using var gate = new SemaphoreSlim(0);
        var sent = new List<int>();
        await page.RouteAsync("**/batch/delete/", async route =>
        {
            sent.Add(JsonNode.Parse(route.Request.PostData!)!["image_ids"]!.AsArray().Count);
            await gate.WaitAsync(Ct);
            await route.ContinueAsync();
        });
        await page.Selection().Button("Delete").ClickAsync();
        foreach (var done in new[] { 0, 100, 200 })
        {
            await Expect(page.GetByText($"Deleting {done} of 249", new() { Exact = true })).ToBeVisibleAsync();
            await Expect(page.GetByRole(AriaRole.Progressbar)).ToHaveJSPropertyAsync("value", done);
            gate.Release();
        }

        await Expect(page.Message("249 images moved to the trash")).ToBeVisibleAsync();
        await Expect(page.Tiles()).ToHaveCountAsync(1);
        await Expect(page.GetByText("1 image", new() { Exact = true })).ToBeVisibleAsync();
        Assert.Equal([100, 100, 49], sent);
        Assert.Equal([ids[1]], (await Api.GetAsync("/v1/gallery/")).Ids);

        await page.Keyboard.PressAsync("Control+z");
        await Expect(page.Message("249 images restored")).ToBeVisibleAsync();
        await Expect(page.GetByText("250 images", new() { Exact = true })).ToBeVisibleAsync();
        for (var i = 0; i < 3; i++) await Expect(page.Tiles().Nth(i)).ToHaveAccessibleNameAsync($"“Picture {i + 1}”");
        Assert.Equal(ids.Take(200), (await Api.GetAsync("/v1/gallery/?limit=200")).Ids);
    }

    [Fact]
    public async Task Images_are_restored_from_the_trash_and_undo_moves_them_there_again()
    {
        var ids = await SeedAsync(3);
        await BatchAsync("delete", ids);
        var page = await OpenAsync("/?view=trash");
        await SelectAsync(page, 1, 3);
        await page.Selection().Button("Restore").ClickAsync();
        await Expect(page.Message("2 images restored")).ToBeVisibleAsync();
        await Expect(page.Tiles()).ToHaveCountAsync(1);
        Assert.Equal([ids[0], ids[2]], (await Api.GetAsync("/v1/gallery/")).Ids);

        await page.Message("2 images restored").Button("Undo").ClickAsync();
        await Expect(page.Message("2 images moved to the trash again")).ToBeVisibleAsync();
        await Expect(page.Tiles()).ToHaveCountAsync(3);
        Assert.Empty((await Api.GetAsync("/v1/gallery/")).Ids);
    }

    [Fact]
    public async Task Deleting_permanently_asks_and_names_the_number()
    {
        var ids = await SeedAsync(3);
        await BatchAsync("delete", ids);
        var page = await OpenAsync("/?view=trash");
        await SelectAsync(page, 1, 2);
        await page.Selection().Button("Delete permanently").ClickAsync();
        await page.Question("Delete 2 images permanently?").Button("Cancel").ClickAsync();
        await Expect(page.Selection()).ToContainTextAsync("2 images selected");
        await page.Tile("Picture 3").FocusAsync();
        await page.Keyboard.PressAsync("Delete");
        await page.Question("Delete 2 images permanently?").Button("Cancel").PressAsync("Escape");
        Assert.Equal(3, await InTrashAsync());

        await page.Selection().Button("Delete permanently").ClickAsync();
        await page.Question("Delete 2 images permanently?").Button("Delete 2 images").ClickAsync();
        await Expect(page.Message("2 images deleted permanently")).ToBeVisibleAsync();
        await Expect(page.Message("2 images deleted permanently").Button("Undo")).ToBeHiddenAsync();
        await Expect(page.Tiles()).ToHaveCountAsync(1);
        Assert.Equal(1, await InTrashAsync());
    }

    [Fact]
    public async Task Each_failure_is_named_with_its_reason_the_rest_is_done_and_what_others_deleted_leaves_the_list()
    {
        var ids = await SeedAsync(3, i => i == 1 ? new() { ["tags"] = new JsonArray([.. Enumerable.Range(0, 50).Select(tag => JsonValue.Create($"tag {tag}"))]) } : []);
        var page = await OpenAsync();
        await SelectAsync(page, 1, 2, 3);
        await BatchAsync("delete", [ids[0]]);
        await BatchAsync("permanent", [ids[0]]);
        await page.Selection().Button("Tag").ClickAsync();
        await page.GetByLabel("Tags to add").FillAsync("new");
        await page.Keyboard.PressAsync("Enter");

        var failures = page.Message("2 of 3 images failed").GetByRole(AriaRole.Listitem);
        await Expect(failures.Nth(0)).ToHaveTextAsync($"“Picture 1”: There is no such image, or you may not see it.");
        await Expect(failures.Nth(1)).ToContainTextAsync("“Picture 2”: ");
        await Expect(failures.Nth(1)).ToContainTextAsync("50");
        await Expect(page.Message("1 image tagged")).ToBeVisibleAsync();
        await Expect(page.Tiles()).ToHaveCountAsync(2);
        await Expect(page.Selection()).ToContainTextAsync("2 images selected");
        Assert.Equal(["new"], (await Api.GetAsync($"/v1/gallery/{ids[2]}/")).Tags);

        await page.Message("2 of 3 images failed").Button("Close message").ClickAsync();
        await Expect(failures).ToHaveCountAsync(0);
    }

    [Fact]
    public async Task After_each_action_by_keys_the_focus_is_at_a_button_or_an_image()
    {
        await SeedAsync(3);
        var page = await OpenAsync();
        await SelectAsync(page, 1, 2);
        await page.Selection().Button("Tag").FocusAsync();
        await page.Keyboard.PressAsync("Enter");
        await page.Keyboard.TypeAsync("sea");
        await page.Keyboard.PressAsync("Enter");
        await Expect(page.Message("2 images tagged")).ToBeVisibleAsync();
        await Expect(page.Selection().Button("Tag")).ToBeFocusedAsync();
        await page.Message("2 images tagged").Button("Undo").FocusAsync();
        await page.Keyboard.PressAsync("Enter");
        await Expect(page.Message("2 images tagged as before")).ToBeVisibleAsync();
        await Expect(page.Tile("Picture 2")).ToBeFocusedAsync();

        await page.FailAsync(422, path: "batch/delete/", code: "no", message: "Not today.");
        await page.Selection().Button("Delete").FocusAsync();
        await page.Keyboard.PressAsync("Enter");
        await Expect(page.Message("2 of 2 images failed")).ToBeVisibleAsync();
        await Expect(page.Selection().Button("Delete")).ToBeFocusedAsync();
        await page.MendAsync();
        await page.Keyboard.PressAsync("Enter");
        await Expect(page.Tile("Picture 3")).ToBeFocusedAsync();
        await page.Message("2 images moved to the trash").Button("Undo").FocusAsync();
        await page.Keyboard.PressAsync("Enter");
        await Expect(page.Tiles()).ToHaveCountAsync(3);
        await Expect(page.Tile("Picture 3")).ToBeFocusedAsync();
        Allow("status of 422");
    }

    [Theory]
    [InlineData("overloaded")]
    [InlineData("connection lost before")]
    [InlineData("connection lost after")]
    public async Task What_failed_in_passing_is_sent_again_and_can_be_undone(string failure)
    {
        var ids = await SeedAsync(102);
        var page = await OpenAsync();
        await SelectAllAsync(page, 102);
        var calls = 0;
        await page.RouteAsync("**/batch/delete/", async route =>
        {
            if (Interlocked.Increment(ref calls) != 1)
            {
                await route.ContinueAsync();
            }
            else if (failure == "overloaded")
            {
                await route.FulfillAsync(new() { Status = 503, ContentType = "application/problem+json", Body = """{"code": "overloaded", "message": "The service is busy."}""" });
            }
            else
            {
                if (failure == "connection lost after") await route.FetchAsync();
                await route.AbortAsync("connectionreset");
            }
        });
        await page.Selection().Button("Delete").ClickAsync();

        await Expect(page.Message("102 images moved to the trash")).ToBeVisibleAsync();
        await Expect(page.GetByText("No images yet")).ToBeVisibleAsync();
        Assert.Equal((3, 102), (calls, await InTrashAsync()));
        await page.Message("102 images moved to the trash").Button("Undo").ClickAsync();
        await Expect(page.Message("102 images restored")).ToBeVisibleAsync();
        Assert.Equal(0, await InTrashAsync());
        Allow("status of 503");
        Allow("ERR_CONNECTION_RESET");
    }

    [Fact]
    public async Task The_trash_of_one_user_is_emptied_and_that_of_others_stays()
    {
        await BatchAsync("delete", await SeedAsync(4, i => new() { ["user_id"] = i < 3 ? "ada" : "bob" }));
        var page = await OpenAsync("/?view=trash");
        await Expect(page.Tiles()).ToHaveCountAsync(4);
        await Expect(page.Button("Empty the trash")).ToBeHiddenAsync();
        await page.GotoAsync("/?view=trash&user=ada");
        await Expect(page.GetByText("3 images", new() { Exact = true })).ToBeVisibleAsync();
        await page.Button("Empty the trash").ClickAsync();
        await page.Question("Empty the trash of ada?").Button("Cancel").ClickAsync();
        Assert.Equal(4, await InTrashAsync());

        await page.Button("Empty the trash").ClickAsync();
        await page.Question("Empty the trash of ada?").Button("Empty the trash").ClickAsync();
        await Expect(page.Message("Trash emptied: 3 deleted permanently")).ToBeVisibleAsync();
        await Expect(page.Tiles()).ToHaveCountAsync(0);
        Assert.Equal(1, await InTrashAsync());
    }

    [Fact]
    public async Task Two_pages_work_on_the_same_images_and_each_undoes_only_what_it_did()
    {
        var ids = await SeedAsync(3);
        var (one, other) = (await OpenAsync(), await OpenAsync());
        await SelectAsync(other, 1, 2);
        await SelectAsync(one, 1);
        await one.Selection().Button("Delete").ClickAsync();
        await Expect(one.Message("1 image moved to the trash")).ToBeVisibleAsync();

        await other.Selection().Button("Delete").ClickAsync();
        await Expect(other.Message("1 image moved to the trash")).ToBeVisibleAsync();
        await Expect(other.Tiles()).ToHaveCountAsync(1);
        await other.Message("1 image moved to the trash").Button("Undo").ClickAsync();
        await Expect(other.Message("1 image restored")).ToBeVisibleAsync();
        Assert.Equal([ids[1], ids[2]], (await Api.GetAsync("/v1/gallery/")).Ids);
    }

    private static async Task SelectAsync(IPage page, params int[] numbers)
    {
        foreach (var number in numbers) await page.Circle($"Picture {number}").ClickAsync();
    }

    /// <summary>Ctrl+A selects what is loaded, so it is pressed until all is.</summary>
    internal static async Task SelectAllAsync(IPage page, int count)
    {
        await page.Tile("Picture 1").FocusAsync();
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        do
        {
            patience.Token.ThrowIfCancellationRequested();
            await page.Keyboard.PressAsync("Control+a");
            await page.Selection().WaitForAsync();
        }
        while (!(await page.Selection().TextContentAsync())!.Contains($"{count} images selected", StringComparison.Ordinal));
    }

    private async Task BatchAsync(string kind, IReadOnlyList<Guid> ids) =>
        Assert.Equal(200, (await Api.PostAsync($"/v1/gallery/batch/{kind}/", new JsonObject { ["image_ids"] = new JsonArray([.. ids.Select(id => JsonValue.Create(id))]) }.ToJsonString())).Status);

    private async Task<int> InTrashAsync() => (int)(await Api.GetAsync("/v1/gallery/deleted/?limit=1&count=exact")).Body["pagination"]!["count"]!;

    private async Task<string[]> TagsAsync(IEnumerable<Guid> ids)
    {
        var tags = new List<string>();
        foreach (var id in ids) tags.Add(string.Join(' ', (await Api.GetAsync($"/v1/gallery/{id}/")).Tags.Order(StringComparer.OrdinalIgnoreCase)));
        return [.. tags];
    }
}
