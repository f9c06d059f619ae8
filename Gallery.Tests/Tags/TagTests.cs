using System.Text.RegularExpressions;
using Gallery.Service.Tags;
using Gallery.Tests.Service;

namespace Gallery.Tests.Tags;

/// <summary>The tags of one image: in saves, edits, and one by one.</summary>
public sealed class TagTests(TestService service) : IClassFixture<TestService>
{
    private readonly Api _api = service.Api;
    private readonly Guid _id = Guid.NewGuid();

    private string Path => $"/v1/gallery/{_id}/";

    [Fact]
    public async Task Every_answer_shows_the_tags_in_the_order_of_adding()
    {
        string user = $"user_{_id:N}", path = $"?user_id={user}";
        Assert.Equal(["b", "a"], (await _api.SaveAsync(_id, user, tags: ["b", "a"])).Tags);
        Assert.Equal(["b", "a", "c"], (await _api.PutAsync($"{Path}tags/c/")).Tags);
        Assert.Equal(["b", "a", "c"], (await _api.GetAsync(Path)).Tags);
        Assert.Equal("""["b","a","c"]""", (await _api.GetAsync($"/v1/gallery/{path}")).Image[0]!["tags"]!.ToJsonString());
        Assert.Equal(["b", "c"], (await _api.DeleteAsync($"{Path}tags/a/")).Tags);
        Assert.Equal(["b", "c"], (await _api.PatchAsync(Path, """{"intent": "edit"}""")).Tags);
        Assert.Equal(["b", "c"], (await _api.DeleteAsync(Path)).Tags);
        Assert.Equal("""["b","c"]""", (await _api.GetAsync($"/v1/gallery/deleted/{path}")).Image[0]!["tags"]!.ToJsonString());
        Assert.Equal(["b", "c"], (await _api.PostAsync($"{Path}restore/")).Tags);
        Assert.Equal(["b", "c"], (await _api.DeleteAsync($"{Path}permanent/")).Tags);
        Assert.Empty(await FoundAsync());
    }

    [Fact]
    public async Task A_tag_is_shown_as_it_was_first_written_and_found_whatever_its_case()
    {
        var saved = await _api.SaveAsync(_id, tags: ["Éclair", "Straße"]);
        var added = await _api.PutAsync($"{Path}tags/{Uri.EscapeDataString("e\u0301CLAIR")}/");

        Assert.Equal((200, saved.ETag, "The image has this tag already; nothing changed"), (added.Status, added.ETag, (string?)added.Body["message"]));
        Assert.Equal(["Straße"], (await _api.DeleteAsync($"{Path}tags/{Uri.EscapeDataString("ÉCLAIR")}/")).Tags);
        Assert.Empty((await _api.DeleteAsync($"{Path}tags/STRASSE/")).Tags);
    }

    [Fact]
    public async Task Adding_and_removing_move_the_revision_once_and_are_events()
    {
        await _api.SaveAsync(_id);
        foreach (var _ in new[] { 1, 2 }) Assert.Equal(2, (long)(await _api.PutAsync($"{Path}tags/noir/")).Image["revision"]!);
        await _api.SaveAsync(_id, tags: ["film"]);
        foreach (var _ in new[] { 1, 2 }) Assert.Equal(4, (long)(await _api.DeleteAsync($"{Path}tags/noir/")).Image["revision"]!);

        Assert.Equal(
            ["edited tags", "filled_in tags", "edited tags", "created "],
            (await _api.GetAsync($"{Path}history/")).Body["data"]!.AsArray().Select(item => $"{item!["event"]} {string.Join(',', item["fields"]!.AsArray())}"));
    }

    [Fact]
    public async Task A_save_adds_tags_and_removes_none()
    {
        await _api.SaveAsync(_id, tags: ["a", "b"]);
        var more = await _api.SaveAsync(_id, tags: ["B", "c"]);
        var again = await _api.SaveAsync(_id, tags: ["c", "A"]);

        Assert.Equal(("updated", "unchanged"), ((string?)more.Body["outcome"], (string?)again.Body["outcome"]));
        Assert.Equal(["a", "b", "c"], again.Tags);
        Assert.Equal("[]", again.Body["kept"]!.ToJsonString());
        Assert.Equal(more.ETag, again.ETag);
        Assert.Equal(["a", "b", "c"], (await _api.SaveAsync(_id)).Tags);
    }

    [Fact]
    public async Task A_late_save_brings_back_a_tag_that_was_removed()
    {
        await _api.SaveAsync(_id, tags: ["a"]);
        await _api.DeleteAsync($"{Path}tags/a/");

        Assert.Equal(["a"], (await _api.SaveAsync(_id, tags: ["a"])).Tags);
    }

    [Theory]
    [InlineData("""["c", "A", "C"]""", "c", "a")]
    [InlineData("[]")]
    [InlineData("null")]
    public async Task A_patch_replaces_the_list(string tags, params string[] expected)
    {
        await _api.SaveAsync(_id, tags: ["a", "b"]);
        var edited = await _api.PatchAsync(Path, $$"""{"tags": {{tags}}}""");

        Assert.Equal((200, 2L), (edited.Status, (long)edited.Image["revision"]!));
        Assert.Equal(expected, edited.Tags);
        Assert.Equal(expected.Order(), await FoundAsync());
        Assert.Equal(edited.ETag, (await _api.PatchAsync(Path, $$"""{"tags": {{tags}}}""")).ETag);
    }

    [Theory]
    [InlineData("style:noir")]
    [InlineData("a/b")]
    [InlineData("a%2Fb")]
    [InlineData("100%")]
    [InlineData("a b")]
    [InlineData("a+b?c#d")]
    [InlineData("{a,\"b\\\",NULL}")]
    [InlineData("東京タワー")]
    [InlineData("\U0001F469\u200d\U0001F469\u200d\U0001F467")]
    [InlineData("...")]
    [InlineData("\u2764\ufe0f")]
    [InlineData("\U0001F3F4\U000E0067\U000E0062\U000E007F")]
    public async Task Any_tag_can_be_put_and_removed_by_its_path(string tag)
    {
        await _api.SaveAsync(_id);
        var path = $"{Path}tags/{Uri.EscapeDataString(tag)}";

        Assert.Equal([tag], (await _api.PutAsync(path)).Tags);
        Assert.Equal([tag], (await _api.GetAsync(Path)).Tags);
        Assert.Empty((await _api.DeleteAsync($"{path}/")).Tags);
    }

    [Theory]
    [InlineData(" a", "begins or ends with a blank")]
    [InlineData("a\u3000", "begins or ends with a blank")]
    [InlineData("\u200b", "begins or ends with the invisible character U+200B")]
    [InlineData("\u2060\u00ad", "begins or ends with the invisible character U+00AD")]
    [InlineData("\ufeffa", "begins or ends with the invisible character U+FEFF")]
    [InlineData("a\u200d", "begins or ends with the invisible character U+200D")]
    [InlineData("\ufe0f", "begins or ends with the invisible character U+FE0F")]
    [InlineData("a\tb", "U+0009")]
    [InlineData("a\u0085b", "U+0085")]
    [InlineData("", "is empty")]
    [InlineData(".", "URL path")]
    [InlineData("..", "URL path")]
    [InlineData("x64", "has 65 characters. The maximum is 64.")]
    public async Task A_tag_that_cannot_be_one_is_refused_everywhere(string tag, string message)
    {
        if (tag == "x64") tag = new string('x', 65);
        await _api.SaveAsync(_id);
        var json = System.Text.Json.JsonSerializer.Serialize(tag);
        List<Answer> answers = [await _api.SaveAsync(_id, tags: ["fine", tag]), await _api.PatchAsync(Path, $$"""{"tags": ["fine", {{json}}]}""")];
        Assert.All(answers, answer => Assert.Contains($"tags[1] ", answer.Error("tags"), StringComparison.Ordinal));
        if (tag is not ("" or "." or "..")) answers.Add(await _api.PutAsync($"{Path}tags/{Uri.EscapeDataString(tag)}/"));

        Assert.All(answers, answer => Assert.Equal(400, answer.Status));
        Assert.All(answers, answer => Assert.Contains(message, (string?)answer.Body["message"], StringComparison.Ordinal));
        Assert.Empty((await _api.GetAsync(Path)).Tags);
    }

    [Fact]
    public void The_pattern_in_the_document_is_the_rule()
    {
        var pattern = new Regex(TagRules.Pattern);
        var texts = Enumerable.Range(0, 0x10000).Select(code => (char)code).Where(one => !char.IsSurrogate(one)).SelectMany(one => new[] { $"{one}", $"{one}a", $"a{one}", $"a{one}a" });

        Assert.DoesNotContain(texts.Append("...").Append(".a").Append("a.").Where(text => text is not ("." or "..")), text => (pattern.Match(text) is { Success: true } match && match.Length == text.Length) != (TagRules.FindFault("tag", text) is null));   // $ also stands before a last \n in .NET
    }

    [Theory]
    [InlineData("\"noir\"", "tags must be a list of strings, not a string.")]
    [InlineData("[\"a\", 5]", "tags[1] must be a string, not a number.")]
    [InlineData("[null]", "tags[0] must be a string, not null.")]
    [InlineData("[[\"a\"]]", "tags[0] must be a string, not an array.")]
    public async Task Tags_are_a_list_of_strings(string tags, string message)
    {
        var save = await _api.PostAsync("/v1/gallery/", $$"""{"user_id": "user_123", "image_url": "{{Api.UrlOf(_id)}}", "tags": {{tags}}}""");

        Assert.Equal((400, message), (save.Status, save.Error("tags")));
    }

    [Fact]
    public async Task An_image_has_at_most_50_tags()
    {
        string[] fifty = [.. Enumerable.Range(0, 50).Select(i => $"tag {i}")];
        Assert.Equal(fifty, (await _api.SaveAsync(_id, tags: [.. fifty, "TAG 7"])).Tags);
        var sent = await _api.SaveAsync(Guid.NewGuid(), tags: [.. fifty, "x"]);
        var patched = await _api.PatchAsync(Path, $$"""{"tags": [{{string.Join(',', Enumerable.Range(0, 51))}}]}""".Replace("[0", "[\"0").Replace(",", "\",\"").Replace("]", "\"]"));
        Answer[] full = [await _api.SaveAsync(_id, tags: ["x"]), await _api.PutAsync($"{Path}tags/x/")];

        Assert.All([sent, patched], answer => Assert.Equal((400, "tags has 51 tags. An image has at most 50 tags."), (answer.Status, answer.Error("tags"))));
        Assert.All(full, answer => Assert.Equal((400, "tags would exceed the 50 tags of one image. Remove some first."), (answer.Status, answer.Error("tags"))));
        Assert.Equal(fifty.Order(StringComparer.Ordinal), await FoundAsync());
    }

    [Fact]
    public async Task Adding_and_removing_fail_as_an_edit_does()
    {
        Assert.Equal("image_not_found", (await _api.PutAsync($"{Path}tags/a/")).Problem);
        var saved = await _api.SaveAsync(_id, tags: ["a"]);
        var changed = await _api.PutAsync($"{Path}tags/b/", ("If-Match", saved.ETag!));
        var stale = await _api.PutAsync($"{Path}tags/c/", ("If-Match", saved.ETag!));
        Assert.Equal((200, 412, changed.ETag), (changed.Status, stale.Status, stale.ETag));

        await _api.DeleteAsync(Path);
        Assert.Equal("image_deleted", (await _api.PutAsync($"{Path}tags/c/")).Problem);
        Assert.Equal("image_deleted", (await _api.DeleteAsync($"{Path}tags/a/")).Problem);
        Assert.Equal("in_trash", (string?)(await _api.SaveAsync(_id, tags: ["c"])).Body["outcome"]);
        Assert.Equal(["a", "b"], await FoundAsync());
    }

    [Fact]
    public async Task The_tags_follow_a_new_owner()
    {
        await _api.SaveAsync(_id, tags: ["a", "b"]);
        await _api.PatchAsync(Path, $$"""{"user_id": "new_{{_id:N}}", "tags": ["b", "c"]}""");
        await _api.PatchAsync(Path, $$"""{"user_id": "newer_{{_id:N}}"}""");

        Assert.Equal([$"b newer_{_id:N}", $"c newer_{_id:N}"], await service.Database.ListAsync<string>($"select tag || ' ' || user_id from gallery.image_tag where image_id = '{_id}' order by tag"));
    }

    private Task<IReadOnlyList<string>> FoundAsync() => service.Database.ListAsync<string>($"select label from gallery.image_tag where image_id = '{_id}' order by label");
}
