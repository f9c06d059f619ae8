using System.Text.Json;
using Gallery.Service.Http;
using Gallery.Service.Images;
using Gallery.Sql.Images;
using Microsoft.AspNetCore.Http;

namespace Gallery.Tests.Images;

/// <summary>What is written by hand is what the wire's own records, and so the OpenAPI document, promise.</summary>
public sealed class ImageJsonTests
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

    [Theory]
    [InlineData(null)]
    [InlineData("abc-_")]
    public async Task A_page_is_written_as_the_serialiser_would(string? cursor)
    {
        var pagination = new Pagination(2, cursor);
        foreach (var rows in new ImageRow[][] { [], [Bare, Full] })
            Assert.Equal(
                JsonSerializer.Serialize(Envelope.Of<Image>([.. rows.Select(Of)], "message", pagination), GalleryJson.Wire.PageEnvelopeImage),
                await WriteAsync(ImageJson.Page(rows, "message", pagination)));
    }

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

    private static async Task<string> WriteAsync(IResult result)
    {
        using var body = new MemoryStream();
        var http = new DefaultHttpContext { Response = { Body = body } };
        await result.ExecuteAsync(http);
        return System.Text.Encoding.UTF8.GetString(body.ToArray());
    }
}
