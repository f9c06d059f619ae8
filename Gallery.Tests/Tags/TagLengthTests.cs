using System.Text;
using System.Text.Json;
using Gallery.Tests.Service;

namespace Gallery.Tests.Tags;

/// <summary>A tag has 64 characters in NFC, however it is written and wherever it is named.</summary>
public sealed class TagLengthTests(TestService service) : IClassFixture<TestService>
{
    private readonly Api _api = service.Api;
    private readonly Guid _id = Guid.NewGuid();

    private string User => $"user_{_id:N}";

    [Theory]
    [InlineData("put")]
    [InlineData("delete")]
    [InlineData("save")]
    [InlineData("patch")]
    [InlineData("save in a batch")]
    [InlineData("add in a batch")]
    [InlineData("remove in a batch")]
    [InlineData("tag")]
    [InlineData("any_tag")]
    [InlineData("prefix")]
    [InlineData("rename from")]
    [InlineData("rename to")]
    [InlineData("import")]
    public async Task Every_spelling_of_64_characters_is_taken_and_of_65_refused(string place)
    {
        await _api.SaveAsync(_id, User);
        foreach (var letter in new[] { "\u00e9", "e\u0301", "\u1112\u1161\u11ab" })
        {
            var (fits, isTooLong) = (await SendAsync(place, Repeat(letter, 64)), await SendAsync(place, Repeat(letter, 65)));

            Assert.True(fits.Status is 200 or 201 && !fits.Text.Contains("validation_failed", StringComparison.Ordinal), fits.Text);
            Assert.Contains("validation_failed", isTooLong.Text, StringComparison.Ordinal);
            Assert.Contains("has 65 characters. The maximum is 64.", isTooLong.Text, StringComparison.Ordinal);
        }

        var longest = await SendAsync(place, Repeat("\u03a9\u0314\u0342\u0345", 64));   // 256 code points
        Assert.True(longest.Status is 200 or 201 && !longest.Text.Contains("validation_failed", StringComparison.Ordinal), longest.Text);
        Assert.Contains("has more than 64 characters. Send at most 64.", (await SendAsync(place, Repeat("\u03a9\u0314\u0342\u0345", 65))).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_tag_of_128_code_points_is_stored_as_it_was_written_and_found_in_its_short_form()
    {
        var (decomposed, composed) = (Repeat("e\u0301", 64), Repeat("\u00e9", 64));
        await _api.SaveAsync(_id, User);

        Assert.Equal([decomposed], (await SendAsync("put", decomposed)).Tags);
        Assert.Equal([decomposed], (await SendAsync("put", composed)).Tags);
        Assert.Equal([_id], (await SendAsync("tag", composed)).Ids);
        Assert.Equal(decomposed, await service.Database.FindAsync<string>($"select label from gallery.image_tag where image_id = '{_id}'"));
        Assert.Empty((await SendAsync("delete", composed)).Tags);
    }

    private Task<Answer> SendAsync(string place, string tag)
    {
        var (path, text) = ($"/v1/gallery/{_id}/", Uri.EscapeDataString(tag));
        var image = new { user_id = User, image_url = Api.UrlOf(_id), tags = new[] { tag } };
        return place switch
        {
            "put" => _api.PutAsync($"{path}tags/{text}/"),
            "delete" => _api.DeleteAsync($"{path}tags/{text}/"),
            "save" => _api.SaveAsync(_id, User, tags: [tag]),
            "patch" => _api.PatchAsync(path, JsonSerializer.Serialize(new { tags = new[] { tag } })),
            "save in a batch" => _api.PostAsync("/v1/gallery/batch/save/", JsonSerializer.Serialize(new { items = new[] { image } })),
            "add in a batch" => _api.PostAsync("/v1/gallery/batch/tags/", JsonSerializer.Serialize(new { image_ids = new[] { _id }, add = new[] { tag } })),
            "remove in a batch" => _api.PostAsync("/v1/gallery/batch/tags/", JsonSerializer.Serialize(new { image_ids = new[] { _id }, remove = new[] { tag } })),
            "tag" or "any_tag" => _api.GetAsync($"/v1/gallery/?user_id={User}&{place}={text}"),
            "prefix" => _api.GetAsync($"/v1/gallery/tags/?user_id={User}&prefix={text}"),
            "rename from" => _api.PostAsync("/v1/gallery/tags/rename/", JsonSerializer.Serialize(new { user_id = User, from = tag, to = "a" })),
            "rename to" => _api.PostAsync("/v1/gallery/tags/rename/", JsonSerializer.Serialize(new { user_id = User, from = "a", to = tag })),
            "import" => _api.SendAsync(HttpMethod.Post, "/v1/gallery/import/", new StringContent(
                JsonSerializer.Serialize(new { image.user_id, image.image_url, image.tags, created_at = "2025-01-01T00:00:00Z", revision = 9 }), Encoding.UTF8, "application/x-ndjson")),
            _ => throw new ArgumentOutOfRangeException(nameof(place), place, "No such place."),
        };
    }

    private static string Repeat(string letter, int count) => string.Concat(Enumerable.Repeat(letter, count));
}
