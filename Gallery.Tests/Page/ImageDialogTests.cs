using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Gallery.Tests.Service;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Gallery.Tests.Page;

/// <summary>A person opens one image, reads what is known about it, changes its tags and deletes it.</summary>
public sealed class ImageDialogTests(PageService service) : PageTests(service)
{
    [Fact]
    public async Task An_image_shows_its_large_picture_and_what_is_known_about_it()
    {
        var metadata = JsonNode.Parse("""{"model": {"name": "sdxl", "sizes": [512, 768]}, "many": {"a":1,"b":2,"c":3,"d":4,"e":5,"f":6,"g":7,"h":8,"i":9,"j":10,"k":11,"l":12,"m":"thirteenth"}, "upscaled": false}""");
        var id = (await SeedAsync(1, _ => new() { ["metadata"] = metadata, ["intent"] = "generate", ["user_id"] = "ada" }))[0];
        var page = await OpenAsync();
        await page.Tile("Picture 1").ClickAsync();
        var image = page.Opened("Picture 1");

        await Expect(image.GetByRole(AriaRole.Img, new() { Name = "Picture 1" })).ToHaveAttributeAsync("src", Api.UrlOf(id));
        await Expect(image.Text("Prompt")).ToHaveValueAsync("Picture 1");
        await Expect(image.Text("Intent")).ToHaveValueAsync("generate");
        await Expect(image.GetByText("Jan 31, 2026, 12:00 PM").First).ToBeVisibleAsync();
        await Expect(image.GetByText("ada", new() { Exact = true })).ToBeVisibleAsync();

        foreach (var shown in new[] { "sdxl", "768", "false" }) await Expect(image.GetByText(shown, new() { Exact = true })).ToBeVisibleAsync();
        await Expect(image.GetByText("thirteenth")).ToBeHiddenAsync();
        await image.GetByText("many 13").ClickAsync();
        await Expect(image.GetByText("thirteenth")).ToBeVisibleAsync();

        var original = await page.RunAndWaitForPopupAsync(() => image.Link("Open the original").ClickAsync());
        Assert.Equal(Api.UrlOf(id), original.Url);
    }

    [Fact]
    public async Task The_prompt_and_the_id_are_copied()
    {
        var id = (await SeedAsync(1, _ => new() { ["refined_prompt"] = "A “lighthouse”\n  at dawn" }))[0];
        var page = await OpenAsync($"/?image={id}");
        foreach (var (button, said, copied) in new[] { ("Copy the prompt", "Prompt copied", "A “lighthouse”\n  at dawn"), ("Copy the id", "Id copied", $"{id}") })
        {
            await page.Button(button).ClickAsync();
            await Expect(page.Message(said)).ToBeVisibleAsync();
            Assert.Equal(copied, await page.EvaluateAsync<string>("() => navigator.clipboard.readText()"));
        }
    }

    [Fact]
    public async Task Tags_are_added_with_suggestions_of_the_same_user_and_removed_and_both_can_be_undone()
    {
        var id = (await SeedAsync(3, i => i switch
        {
            1 => new() { ["tags"] = new JsonArray("Harbour", "night") },
            2 => new() { ["tags"] = new JsonArray("harvest"), ["user_id"] = "somebody else" },
            _ => [],
        }))[0];
        var page = await OpenAsync($"/?image={id}");
        var image = page.Opened("Picture 1");
        await image.GetByLabel("Add a tag").PressSequentiallyAsync("har");
        await Expect(image.Locator("datalist option")).ToHaveCountAsync(1);
        await Expect(image.Locator("datalist option")).ToHaveAttributeAsync("value", "Harbour");

        await image.GetByLabel("Add a tag").FillAsync("black/white");
        await page.Keyboard.PressAsync("Enter");
        await Expect(image.Link("black/white")).ToBeVisibleAsync();
        await Expect(image.GetByLabel("Add a tag")).ToHaveValueAsync("");
        Assert.Equal(["black/white"], await TagsAsync(id));

        await page.Message("Tag black/white added").Button("Undo").ClickAsync();
        await Expect(image.Link("black/white")).ToBeHiddenAsync();
        Assert.Empty(await TagsAsync(id));

        await image.GetByLabel("Add a tag").FillAsync("night");
        await image.Button("Add").ClickAsync();
        await image.Button("Remove tag night").ClickAsync();
        await Expect(image.Link("night")).ToBeHiddenAsync();
        Assert.Empty(await TagsAsync(id));

        await page.Message("Tag night removed").Button("Undo").ClickAsync();
        await Expect(image.Link("night")).ToBeVisibleAsync();
        Assert.Equal(["night"], await TagsAsync(id));
    }

    [Fact]
    public async Task A_refused_tag_shows_the_reason_beside_the_input_and_stays_there()
    {
        var id = (await SeedAsync(1))[0];
        var page = await OpenAsync($"/?image={id}");
        var input = page.GetByLabel("Add a tag");
        await input.FillAsync(new string('a', 65));
        await page.Keyboard.PressAsync("Enter");

        const string said = "Tag has 65 characters. The maximum is 64.";
        await Expect(page.GetByRole(AriaRole.Alert)).ToHaveTextAsync(said);
        await Expect(input).ToHaveAccessibleDescriptionAsync(said);
        await Expect(input).ToHaveAttributeAsync("aria-invalid", "true");
        await Expect(input).ToHaveValueAsync(new string('a', 65));
        Allow("status of 400");
    }

    [Fact]
    public async Task A_tag_that_is_typed_while_another_one_is_sent_stays_until_one_leaves_the_image()
    {
        await SeedAsync(2);
        var page = await OpenAsync();
        await page.Tile("Picture 1").ClickAsync();
        var held = await page.HoldAsync("PUT");
        var input = page.GetByLabel("Add a tag");
        await input.FillAsync("cat");
        await page.Keyboard.PressAsync("Enter");
        await page.NextFrameAsync();
        await page.Keyboard.TypeAsync("dog");
        held.SetResult();
        await Expect(page.Message("Tag cat added")).ToBeVisibleAsync();
        await page.NextFrameAsync();
        await Expect(input).ToHaveValueAsync("dog");

        await page.Button("Next image").ClickAsync();
        await Expect(page.Opened("Picture 2").GetByLabel("Add a tag")).ToHaveValueAsync("");
    }

    [Fact]
    public async Task A_tag_in_the_image_leads_to_the_images_that_have_it()
    {
        await SeedAsync(3, i => i < 2 ? new() { ["tags"] = new JsonArray("night") } : []);
        var page = await OpenAsync();
        await page.Tile("Picture 1").ClickAsync();
        await page.Opened("Picture 1").Link("night").ClickAsync();

        await Expect(page.Tiles()).ToHaveCountAsync(2);
        Assert.EndsWith("/?tag=night", page.Url, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_history_lists_what_happened_and_grows_with_a_change()
    {
        var id = (await SeedAsync(1))[0];
        await Api.PatchAsync($"/v1/gallery/{id}/", """{"intent": "edit"}""");
        var page = await OpenAsync($"/?image={id}");
        await page.GetByText("History", new() { Exact = true }).ClickAsync();
        var events = page.GetByRole(AriaRole.Group).Filter(new() { HasText = "History" }).GetByRole(AriaRole.Listitem);

        await Expect(events).ToContainTextAsync(["Edited: intent", "Created"]);
        await page.GetByLabel("Add a tag").FillAsync("night");
        await page.Keyboard.PressAsync("Enter");
        await Expect(events).ToContainTextAsync(["Edited: tags", "Edited: intent", "Created"]);
    }

    [Fact]
    public async Task The_arrows_lead_to_the_next_and_the_previous_image_beyond_what_was_loaded()
    {
        await SeedAsync(62);
        var page = await NewTabAsync();
        var held = await page.HoldAsync(path: "cursor=");
        await page.GotoAsync("/");
        await page.Tile("Picture 1").FocusAsync();
        await page.Keyboard.PressAsync("End");
        await Expect(page.Tile("Picture 60")).ToBeFocusedAsync();
        await page.Keyboard.PressAsync("Enter");
        await Expect(page.Opened("Picture 60")).ToBeVisibleAsync();

        await page.Keyboard.PressAsync("ArrowRight");
        held.SetResult();
        await Expect(page.Opened("Picture 61")).ToBeVisibleAsync();
        await page.Keyboard.PressAsync("ArrowRight");
        await Expect(page.Opened("Picture 62")).ToBeVisibleAsync();
        await Expect(page.Button("Next image")).ToBeHiddenAsync();
        await page.Keyboard.PressAsync("ArrowRight");
        await page.Keyboard.PressAsync("ArrowLeft");
        await Expect(page.Opened("Picture 61")).ToBeVisibleAsync();
        await page.Button("Previous image").ClickAsync();
        await Expect(page.Opened("Picture 60")).ToBeVisibleAsync();

        await page.Keyboard.PressAsync("Escape");
        await Expect(page.Tile("Picture 60")).ToBeFocusedAsync();
        Assert.EndsWith("/", page.Url, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_link_opens_its_image_again_and_says_if_there_is_none()
    {
        var ids = await SeedAsync(2);
        await Api.DeleteAsync($"/v1/gallery/{ids[1]}/");
        var page = await OpenAsync();
        await page.Tile("Picture 1").ClickAsync();
        await Expect(page.Opened("Picture 1").Text("Prompt")).ToBeEditableAsync();
        await page.ReloadAsync();
        await Expect(page.Opened("Picture 1").Text("Prompt")).ToBeEditableAsync();

        await page.GotoAsync($"/?image={ids[1]}");
        await Expect(page.GetByRole(AriaRole.Alert)).ToContainTextAsync("This image was moved to the trash.");
        await page.Button("Show it in the trash").ClickAsync();
        await Expect(page.Opened("Picture 2").Button("Restore")).ToBeVisibleAsync();
        Assert.Contains("view=trash", page.Url, StringComparison.Ordinal);
        await page.GotoAsync($"/?view=trash&image={ids[0]}");
        await Expect(page.Opened("Picture 1").Text("Prompt")).ToBeEditableAsync();
        Assert.DoesNotContain("view=trash", page.Url, StringComparison.Ordinal);

        var unknown = Guid.NewGuid();
        await page.GotoAsync($"/?image={unknown}");
        await Expect(page.GetByRole(AriaRole.Alert)).ToContainTextAsync("There is no such image, or you may not see it.");
        await page.Button("Close").ClickAsync();
        await Expect(page.Tile("Picture 1")).ToBeVisibleAsync();
        await Expect(page.GetByRole(AriaRole.Dialog)).ToHaveCountAsync(0);
        Allow("status of 404");
    }

    [Fact]
    public async Task A_deleted_image_gives_way_to_the_next_one_and_undo_puts_it_back_in_its_place_and_opens_it()
    {
        var ids = await SeedAsync(3);
        var page = await OpenAsync();
        await page.Tile("Picture 2").ClickAsync();
        await page.Opened("Picture 2").Button("Delete").ClickAsync();
        await Expect(page.Opened("Picture 3")).ToBeVisibleAsync();
        Assert.Equal([ids[0], ids[2]], (await Api.GetAsync("/v1/gallery/")).Ids);
        await page.Keyboard.PressAsync("Delete");
        await Expect(page.Opened("Picture 1")).ToBeVisibleAsync();

        await page.Message("1 image moved to the trash").Button("Undo").Last.ClickAsync();
        await Expect(page.Opened("Picture 3")).ToBeVisibleAsync();
        await page.Opened("Picture 3").Text("Prompt").FillAsync("Unsaved");
        await page.Message("1 image moved to the trash").Button("Undo").ClickAsync();
        await Expect(page.Message("This image stays open, because it has unsaved changes.")).ToBeVisibleAsync();
        await page.Opened("Picture 3").Button("Discard changes").ClickAsync();
        await page.Button("Close").ClickAsync();
        await Expect(page.Tiles()).ToHaveCountAsync(3);
        for (var i = 0; i < 3; i++) await Expect(page.Tiles().Nth(i)).ToHaveAccessibleNameAsync($"“Picture {i + 1}”");
        Assert.Equal(ids, (await Api.GetAsync("/v1/gallery/")).Ids);
    }

    [Theory]
    [InlineData("a held Delete")]
    [InlineData("a held Enter")]
    [InlineData("a double click")]
    public async Task A_held_key_or_a_double_click_deletes_one_image(string how)
    {
        await SeedAsync(3);
        var page = await OpenAsync();
        var deletions = new ConcurrentQueue<string>();
        page.Request += (_, request) =>
        {
            if (request.Url.EndsWith("/batch/delete/", StringComparison.Ordinal)) deletions.Enqueue(request.Url);
        };
        await page.Tile("Picture 1").ClickAsync();
        await Expect(page.Opened("Picture 1").Text("Prompt")).ToBeEditableAsync();
        var button = page.Opened("Picture 1").Button("Delete");
        await button.FocusAsync();
        await button.HoverAsync();
        await PressAsync(1);
        await Expect(page.Opened("Picture 2").Button("Delete")).ToBeFocusedAsync();
        await PressAsync(2);
        await page.NextFrameAsync();
        await Expect(page.Opened("Picture 2").Text("Prompt")).ToBeEditableAsync();
        Assert.Single(deletions);

        async Task PressAsync(int count)
        {
            if (how != "a double click")
            {
                await page.Keyboard.DownAsync(how == "a held Enter" ? "Enter" : "Delete");
            }
            else
            {
                await page.Mouse.DownAsync(new() { ClickCount = count });
                await page.Mouse.UpAsync(new() { ClickCount = count });
            }
        }
    }

    [Fact]
    public async Task A_message_without_undo_takes_no_undo_away()
    {
        await SeedAsync(4);
        var page = await OpenAsync();
        await page.Tile("Picture 1").ClickAsync();
        for (var i = 1; i <= 3; i++)
        {
            await Expect(page.Opened($"Picture {i}").Text("Prompt")).ToBeEditableAsync();
            await page.Keyboard.PressAsync("Delete");
        }

        await Expect(page.Opened("Picture 4").Text("Prompt")).ToBeEditableAsync();
        await page.Button("Copy the id").ClickAsync();
        await page.Button("Copy the prompt").ClickAsync();
        await Expect(page.Message("Prompt copied")).ToBeVisibleAsync();
        await Expect(page.Message("Id copied")).ToHaveCountAsync(0);
        await Expect(page.Button("Undo")).ToHaveCountAsync(3);
    }

    [Theory]
    [InlineData("/permanent/", "There is no such image, or you may not see it.")]
    [InlineData("/", "This image was moved to the trash.")]
    public async Task An_image_that_others_deleted_says_so_and_leaves_the_list_when_one_leaves_it(string how, string said)
    {
        var ids = await SeedAsync(4);
        var page = await OpenAsync();
        await Expect(page.GetByText("4 images", new() { Exact = true })).ToBeVisibleAsync();
        foreach (var id in ids.Skip(1).Take(2))
        {
            await Api.DeleteAsync($"/v1/gallery/{id}/");
            await Api.DeleteAsync($"/v1/gallery/{id}{how}");
        }

        await page.Tile("Picture 2").ClickAsync();
        await Expect(page.GetByRole(AriaRole.Alert)).ToContainTextAsync(said);
        foreach (var button in new[] { "Share", "Delete" }) await Expect(page.Button(button)).ToHaveCountAsync(0);
        await page.Keyboard.PressAsync("ArrowRight");
        await Expect(page.Message("“Picture 2” is not there any more. It was taken out of the list.")).ToBeVisibleAsync();
        await Expect(page.GetByRole(AriaRole.Alert)).ToContainTextAsync(said);
        await page.Keyboard.PressAsync("Escape");
        await Expect(page.Message("“Picture 3” is not there any more.")).ToBeVisibleAsync();
        await Expect(page.Tile("Picture 4")).ToBeFocusedAsync();
        await Expect(page.Tiles()).ToHaveCountAsync(2);
        await Expect(page.GetByText("2 images", new() { Exact = true })).ToBeVisibleAsync();
        Allow("status of 404");
    }

    [Theory]
    [InlineData("a", "\u0301")]
    [InlineData("\u0915", "\u094D\u0915")]
    public async Task A_letter_with_thousands_of_marks_is_cut_where_it_is_shown_and_stays_as_it_is_stored(string letter, string mark)
    {
        var prompt = $"Before {letter}{string.Concat(Enumerable.Repeat(mark, 7000))} after";
        var id = (await SeedAsync(1, _ => new() { ["refined_prompt"] = prompt, ["metadata"] = new JsonObject { ["long"] = prompt } }))[0];
        var page = await OpenAsync($"/?image={id}");
        var shown = page.GetByLabel("Prompt", new() { Exact = true });

        await Expect(page.GetByText("So the prompt is shortened here.")).ToBeVisibleAsync();
        await Expect(shown).Not.ToBeEditableAsync();
        Assert.InRange((await shown.InputValueAsync()).Length, 20, 60);
        Assert.EndsWith("… after", await shown.InputValueAsync(), StringComparison.Ordinal);
        await Expect(page.Locator(".tree .value")).ToHaveTextAsync(await shown.InputValueAsync());
        await Expect(page.GetByLabel("Intent")).ToBeEditableAsync();
        await page.Button("Copy the prompt").ClickAsync();
        await Expect(page.Message("Prompt copied")).ToBeVisibleAsync();
        Assert.Equal(prompt, await page.EvaluateAsync<string>("() => navigator.clipboard.readText()"));
    }

    private async Task<IReadOnlyList<string>> TagsAsync(Guid id) => (await Api.GetAsync($"/v1/gallery/{id}/")).Tags;
}
