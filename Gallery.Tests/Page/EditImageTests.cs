using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Gallery.Tests.Page;

/// <summary>A person edits prompt and intent. Nobody's change is lost without a question.</summary>
public sealed class EditImageTests(PageService service) : PageTests(service)
{
    private const string Conflict = "Somebody changed this image meanwhile";
    private const string Leave = "Leave without saving?";

    private Guid _id;

    [Fact]
    public async Task An_edit_is_saved_by_button_and_by_key_and_names_the_state_that_was_shown()
    {
        var page = await OpenOneAsync();
        var image = page.GetByRole(AriaRole.Dialog);
        await image.Text("Prompt").FillAsync("A lighthouse\nat dawn");
        await AssertNamesStateAsync(() => image.Button("Save").ClickAsync());
        await Expect(page.Message("Image saved")).ToBeVisibleAsync();
        await Expect(page.Opened("A lighthouse at dawn").Button("Save")).ToBeHiddenAsync();
        Assert.Equal(("A lighthouse\nat dawn", "generate"), await StoredAsync());

        await image.Text("Intent").FillAsync("");
        await AssertNamesStateAsync(() => image.Text("Intent").PressAsync("Control+Enter"));
        await Expect(page.Message("Image saved")).ToHaveCountAsync(2);
        Assert.Equal(("A lighthouse\nat dawn", null), await StoredAsync());
        await page.Button("Close").ClickAsync();
        await Expect(page.Tile("A lighthouse at dawn")).ToBeVisibleAsync();

        async Task AssertNamesStateAsync(Func<Task> save)
        {
            var etag = (await Api.GetAsync(Path)).ETag;
            var request = await page.RunAndWaitForRequestAsync(save, sent => sent.Method == "PATCH");
            Assert.Equal(etag, await request.HeaderValueAsync("If-Match"));
        }
    }

    [Theory]
    [InlineData("Save mine", "Mine", "Mine")]
    [InlineData("Keep what is saved", "Theirs", "Theirs")]
    [InlineData("Go on editing", "Theirs", "Mine")]
    public async Task If_somebody_edited_meanwhile_both_versions_are_shown_and_the_person_chooses(string choice, string stored, string shown)
    {
        var page = await OpenOneAsync();
        var image = page.Locator("dialog.image");
        await image.Text("Prompt").FillAsync("Mine");
        await Api.PatchAsync(Path, """{"refined_prompt": "Theirs", "intent": "edit"}""");
        await image.Button("Save").ClickAsync();

        var question = page.Question(Conflict);
        foreach (var version in new[] { "Theirs", "Mine" }) await Expect(question.GetByText(version, new() { Exact = true })).ToBeVisibleAsync();
        var tops = await question.Locator("section h3").EvaluateAllAsync<double[]>("names => names.slice(0, 2).map(name => name.getBoundingClientRect().top)");
        Assert.Equal(tops[0], tops[1]);
        await question.Button(choice).ClickAsync();
        if (choice == "Save mine") await Expect(page.Message("Image saved")).ToBeVisibleAsync();   // the form has the text before
        await Expect(image.Text("Prompt")).ToHaveValueAsync(shown);
        await Expect(image.Text("Intent")).ToHaveValueAsync("edit");
        await Expect(image.Button("Save")).ToBeVisibleAsync(new() { Visible = stored != shown });
        Assert.Equal((stored, "edit"), await StoredAsync());

        if (stored != shown)   // who has seen both versions is not asked again
        {
            await image.Button("Save").ClickAsync();
            await Expect(page.Message("Image saved")).ToBeVisibleAsync();
            Assert.Equal(("Mine", "edit"), await StoredAsync());
        }

        Allow("status of 412");
    }

    [Fact]
    public async Task Adding_a_tag_while_typing_does_not_hide_that_somebody_edited_meanwhile()
    {
        var page = await OpenOneAsync();
        var image = page.Locator("dialog.image");
        await image.Text("Prompt").FillAsync("Mine");
        await Api.PatchAsync(Path, """{"refined_prompt": "Theirs"}""");
        await image.GetByLabel("Add a tag").FillAsync("night");
        await image.Button("Add").ClickAsync();
        await Expect(page.Message("Tag night added")).ToBeVisibleAsync();
        await Expect(image.Text("Prompt")).ToHaveValueAsync("Mine");

        await image.Button("Save").ClickAsync();
        await Expect(page.Question(Conflict).GetByText("Theirs", new() { Exact = true })).ToBeVisibleAsync();
        await page.Question(Conflict).Button("Save mine").ClickAsync();
        await Expect(page.Message("Image saved")).ToBeVisibleAsync();
        Assert.Equal(("Mine", "generate"), await StoredAsync());
        Allow("status of 412");
    }

    [Theory]
    [InlineData("a tag of one's own")]
    [InlineData("another field")]
    [InlineData("a restore")]
    public async Task A_change_of_something_else_that_comes_before_a_slow_save_asks_nothing(string change)
    {
        var page = await OpenOneAsync();
        var image = page.Locator("dialog.image");
        var held = await page.HoldAsync("PATCH");
        await image.Text("Prompt").FillAsync("Mine");
        await image.Text("Prompt").PressAsync("Control+Enter");
        await Expect(image.Button("Saving …")).ToBeDisabledAsync();
        if (change == "a tag of one's own")
        {
            await image.GetByLabel("Add a tag").FillAsync("night");
            await page.Keyboard.PressAsync("Enter");
            await Expect(page.Message("Tag night added")).ToBeVisibleAsync();
        }
        else if (change == "another field")
        {
            await Api.PatchAsync(Path, """{"intent": "edit"}""");
        }
        else
        {
            await Api.DeleteAsync(Path);
            await Api.PostAsync($"{Path}restore/", "");
        }

        held.SetResult();
        await Expect(page.Message("Image saved")).ToBeVisibleAsync();
        await Expect(page.Question(Conflict)).ToHaveCountAsync(0);
        Assert.Equal(("Mine", change == "another field" ? "edit" : "generate"), await StoredAsync());
        Assert.Equal(change == "a tag of one's own" ? ["night"] : [], (await Api.GetAsync(Path)).Tags);
        Allow("status of 412");
    }

    [Fact]
    public async Task If_the_newer_state_is_not_to_be_read_a_save_says_so_instead_of_asking_or_repeating_itself()
    {
        var page = await OpenOneAsync();
        await page.FailAsync(412, "PATCH", code: "precondition_failed");
        await page.Locator("dialog.image").Text("Prompt").FillAsync("Mine");
        await page.Button("Save").ClickAsync();

        await Expect(page.Message("The image was not saved, because it has just changed. Save it again.")).ToBeVisibleAsync();
        await page.MendAsync();
        await page.Button("Save").ClickAsync();
        await Expect(page.Message("Image saved")).ToBeVisibleAsync();
        Allow("status of 412");
    }

    [Theory]
    [InlineData("a save")]
    [InlineData("a tag")]
    public async Task An_image_that_somebody_deletes_meanwhile_is_restored_and_what_was_typed_stays(string sent)
    {
        var page = await OpenOneAsync();
        var image = page.Locator("dialog.image");
        await image.Text("Prompt").FillAsync("Mine");
        await Api.DeleteAsync(Path);
        if (sent == "a tag") await image.GetByLabel("Add a tag").FillAsync("night");
        await image.Button(sent == "a tag" ? "Add" : "Save").ClickAsync();

        await Expect(page.GetByRole(AriaRole.Alert)).ToContainTextAsync("This image was moved to the trash. Your changes are not saved.");
        await Expect(page.GetByText("/v1/")).ToHaveCountAsync(0);
        await Expect(image.Button("Save")).ToBeDisabledAsync();
        await Expect(image.Text("Prompt")).Not.ToBeEditableAsync();
        await AxeAsync(page);
        await image.Button("Show it in the trash").ClickAsync();
        await page.Question(Leave).Button("Cancel").ClickAsync();

        await image.Button("Restore").ClickAsync();
        await Expect(page.Message("Image restored")).ToBeVisibleAsync();
        await Expect(image.Text("Prompt")).ToHaveValueAsync("Mine");
        await image.Button("Save").ClickAsync();
        await Expect(page.Message("Image saved")).ToBeVisibleAsync();
        Assert.Equal(("Mine", "generate"), await StoredAsync());
        await page.Button("Close").ClickAsync();
        await Expect(page.Tile("Mine")).ToBeFocusedAsync();
        Allow("status of 404");
    }

    [Fact]
    public async Task An_edit_is_undone_unless_the_image_changed_since()
    {
        var page = await OpenOneAsync();
        var image = page.Locator("dialog.image");
        await image.Text("Prompt").FillAsync("Mine");
        await image.Button("Save").ClickAsync();
        await page.Message("Image saved").Button("Undo").ClickAsync();
        await Expect(page.Message("Edit undone")).ToBeVisibleAsync();
        await Expect(image.Text("Prompt")).ToHaveValueAsync("Picture 1");
        Assert.Equal(("Picture 1", "generate"), await StoredAsync());

        await image.Text("Intent").FillAsync("edit");
        await image.Button("Save").ClickAsync();
        await Expect(page.Message("Image saved")).ToBeVisibleAsync();
        await Api.PatchAsync(Path, """{"intent": "theirs"}""");
        await page.Message("Image saved").Button("Undo").ClickAsync();
        await Expect(page.Message("Not undone, because the image has changed since.")).ToBeVisibleAsync();
        Assert.Equal(("Picture 1", "theirs"), await StoredAsync());
        Allow("status of 412");
    }

    [Fact]
    public async Task An_edit_is_undone_although_something_else_changed_since()
    {
        var page = await OpenOneAsync();
        var image = page.Locator("dialog.image");
        await image.Text("Prompt").FillAsync("Mine");
        await image.Button("Save").ClickAsync();
        await Expect(page.Message("Image saved")).ToBeVisibleAsync();
        await image.GetByLabel("Add a tag").FillAsync("night");
        await page.Keyboard.PressAsync("Enter");
        await Expect(page.Message("Tag night added")).ToBeVisibleAsync();

        await page.Message("Image saved").Button("Undo").ClickAsync();
        await Expect(page.Message("Edit undone")).ToBeVisibleAsync();
        Assert.Equal(("Picture 1", "generate"), await StoredAsync());
        Assert.Equal(["night"], (await Api.GetAsync(Path)).Tags);
        Allow("status of 412");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_late_answer_to_a_save_leaves_what_was_typed_meanwhile(bool isStale)
    {
        await SeedAsync(1, _ => new() { ["created_at"] = "2026-01-01T00:00:00Z", ["refined_prompt"] = "Another" });
        var page = await OpenOneAsync();
        var image = page.Locator("dialog.image");
        var held = await page.HoldAsync("PATCH");
        await image.Text("Prompt").FillAsync("First");
        await image.Button("Save").ClickAsync();
        if (isStale) await Api.PatchAsync(Path, """{"intent": "edit"}""");
        await image.Button("Next image").ClickAsync();
        await page.Question(Leave).Button("Discard changes").ClickAsync();
        await page.Opened("Another").Button("Previous image").ClickAsync();
        await Expect(page.Opened("Picture 1").Text("Prompt")).ToBeEditableAsync();
        await image.Text("Prompt").FillAsync("Second");

        await page.RunAndWaitForRequestFinishedAsync(() =>
        {
            held.SetResult();
            return Task.CompletedTask;
        }, new() { Predicate = sent => sent.Method == "PATCH" });
        await Expect(page.Message(isStale ? "The image was not saved." : "Image saved")).ToBeVisibleAsync();
        await Expect(image.Text("Prompt")).ToHaveValueAsync("Second");
        await Expect(image.Button("Save")).ToBeEnabledAsync();
        Assert.Equal(isStale ? "Picture 1" : "First", (await StoredAsync()).Prompt);
        if (isStale) Allow("status of 412");
    }

    [Fact]
    public async Task Deleting_the_only_image_with_unsaved_changes_asks_once()
    {
        var page = await OpenOneAsync();
        var image = page.Locator("dialog.image");
        await image.Text("Prompt").FillAsync("Mine");
        await image.Button("Delete").ClickAsync();
        await page.Question(Leave).Button("Discard changes").ClickAsync();
        await Expect(page.Message("1 image moved to the trash")).ToBeVisibleAsync();
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "No images yet" })).ToBeVisibleAsync();
        await Expect(page.GetByRole(AriaRole.Dialog)).ToHaveCountAsync(0);
    }

    [Fact]
    public async Task Leaving_with_unsaved_changes_asks_however_one_leaves()
    {
        await SeedAsync(2);
        var page = await OpenAsync();
        await page.Tile("Picture 1").ClickAsync();
        var image = page.Opened("Picture 1");
        await image.GetByLabel("Add a tag").FillAsync("night");
        await image.Button("Add").ClickAsync();
        await image.Text("Prompt").FillAsync("Mine");
        var ways = new Func<Task>[]
        {
            () => page.Keyboard.PressAsync("Escape"),
            () => page.Keyboard.PressAsync("Escape"),
            () => image.Button("Close").ClickAsync(),
            () => image.Button("Next image").ClickAsync(),
            () => image.Link("night").ClickAsync(),
            () => image.Button("Delete").ClickAsync(),
            () => page.GoBackAsync(),
        };
        foreach (var leave in ways)
        {
            await leave();
            await page.Question(Leave).Button("Cancel").PressAsync("Escape");
            await Expect(page.Question(Leave)).ToBeHiddenAsync();
            await Expect(image.Text("Prompt")).ToHaveValueAsync("Mine");
        }

        var asked = new TaskCompletionSource<string>();
        page.Dialog += async (_, dialog) =>
        {
            asked.TrySetResult(dialog.Type);
            await dialog.DismissAsync();
        };
        await page.EvaluateAsync("() => { setTimeout(() => location.reload()); }");
        Assert.Equal("beforeunload", await asked.Task.WaitAsync(TimeSpan.FromSeconds(15), Ct));

        await image.Button("Next image").ClickAsync();
        await page.Question(Leave).Button("Discard changes").ClickAsync();
        await Expect(page.Opened("Picture 2").Text("Prompt")).ToHaveValueAsync("Picture 2");
        await page.Button("Close").ClickAsync();
        await Expect(page.Tile("Picture 1")).ToBeVisibleAsync();
    }

    private string Path => $"/v1/gallery/{_id}/";

    private async Task<IPage> OpenOneAsync()
    {
        _id = (await SeedAsync(1, _ => new() { ["intent"] = "generate" }))[0];
        var page = await OpenAsync();
        await page.Tile("Picture 1").ClickAsync();
        await Expect(page.Opened("Picture 1").Text("Prompt")).ToBeEditableAsync();
        return page;
    }

    private async Task<(string? Prompt, string? Intent)> StoredAsync()
    {
        var image = (await Api.GetAsync(Path)).Image;
        return ((string?)image["refined_prompt"], (string?)image["intent"]);
    }
}
