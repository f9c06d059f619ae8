using System.Text.Json;
using Gallery.Service.Http;
using Gallery.Service.Images;
using Gallery.Sql.Images;
using Gallery.Tests.Service;
using Microsoft.AspNetCore.Http;

namespace Gallery.Tests.Images;

/// <summary>What is written by hand is what the wire's own records, and so the OpenAPI document, promise.</summary>
public sealed class ImageJsonTests(TestService service) : IClassFixture<TestService>
{
    private static readonly ImageRow Bare = new(
        Guid.Parse("8d76bd3a-053e-4bb5-a2ab-ce147e53f40c"), "u", "https://res.cloudinary.com/x", null, null, "{}",
        new DateTime(2026, 1, 15, 10, 30, 0, DateTimeKind.Utc), new DateTime(2026, 1, 15, 10, 30, 0, DateTimeKind.Utc).AddMicroseconds(7), null, 1);

    private static readonly ImageRow Full = Bare with
    {
        UserId = "\"é\U0001F305\\ <&>' \u200b\u2028",
        RefinedPrompt = "line\nbreak\ttab",
        Intent = "",
        Metadata = """{"a": 1.50, "b": [null, "\u0001é"]}""",
        DeletedAt = new DateTime(2026, 12, 31, 23, 59, 59, DateTimeKind.Utc),
        Revision = long.MaxValue,
    };

    [Fact]
    public async Task An_image_is_written_as_the_serialiser_would()
    {
        foreach (var row in new[] { Bare, Full })
            Assert.Equal(
                JsonSerializer.Serialize(Envelope.Of(Of(row), "message"), GalleryJson.Wire.EnvelopeImage),
                await WriteAsync(ImageJson.Envelope(200, row, "message")));
    }

    [Fact]
    public async Task A_page_holds_each_image_as_it_is_answered_alone()
    {
        var (bare, full) = (Guid.NewGuid(), Guid.NewGuid());
        var user = Full.UserId;
        await service.Images.UpsertImagesAsync(
            [
                new NewImage(bare, user, Api.UrlOf(bare), null, null, null),
                new NewImage(full, user, Api.UrlOf(full), Full.RefinedPrompt, Full.Intent, Full.Metadata),
            ],
            CancellationToken.None);
        var path = $"/v1/gallery/?user_id={Uri.EscapeDataString(user)}";

        var live = new[] { await DataOfAsync(full), await DataOfAsync(bare) };
        Assert.Equal(live.Order(), ItemsOf((await service.Api.GetAsync(path)).Text).Order());

        var deleted = new[] { await DeleteAsync(full), await DeleteAsync(bare) };
        var trash = await service.Api.GetAsync(path.Replace("gallery/", "gallery/deleted/", StringComparison.Ordinal));
        Assert.Equal(deleted.Order(), ItemsOf(trash.Text).Order());
    }

    [Theory]
    [InlineData(1, true)]
    [InlineData(2, false)]
    public async Task A_page_is_written_as_the_serialiser_would(int limit, bool hasNext)
    {
        var user = $"user {limit}";
        var ids = new[] { Guid.NewGuid(), Guid.NewGuid() };
        await service.Images.UpsertImagesAsync([.. ids.Select(id => new NewImage(id, user, Api.UrlOf(id), null, null, null))], CancellationToken.None);

        var page = await service.Api.GetAsync($"/v1/gallery/?user_id={user}&limit={limit}");

        var envelope = JsonSerializer.Deserialize(page.Text, GalleryJson.Wire.PageEnvelopeImage)!;
        Assert.Equal(page.Text, JsonSerializer.Serialize(envelope, GalleryJson.Wire.PageEnvelopeImage));
        Assert.Equal(page.ContentHeaders.ContentLength, System.Text.Encoding.UTF8.GetByteCount(page.Text));
        Assert.Equal(limit, envelope.Data.Count);
        Assert.Equal(hasNext, envelope.Pagination.NextCursor is not null);
    }

    /// <summary>The image of an answer, to the letter.</summary>
    private static string DataOf(Answer answer) => JsonDocument.Parse(answer.Text).RootElement.GetProperty("data").GetRawText();

    private static string[] ItemsOf(string page) => [.. JsonDocument.Parse(page).RootElement.GetProperty("data").EnumerateArray().Select(item => item.GetRawText())];

    private async Task<string> DataOfAsync(Guid id) => DataOf(await service.Api.GetAsync($"/v1/gallery/{id}/"));

    private async Task<string> DeleteAsync(Guid id) => DataOf(await service.Api.DeleteAsync($"/v1/gallery/{id}/"));

    private static Image Of(ImageRow row) => new(
        row.ImageId,
        row.UserId,
        row.ImageUrl,
        row.RefinedPrompt,
        row.Intent,
        row.Metadata,
        row.CreatedAt,
        row.UpdatedAt,
        row.DeletedAt,
        row.Revision);

    private static async Task<string> WriteAsync(JsonAnswer result)
    {
        using var body = new MemoryStream();
        var http = new DefaultHttpContext { Response = { Body = body } };
        await result.ExecuteAsync(http);
        return System.Text.Encoding.UTF8.GetString(body.ToArray());
    }
}
