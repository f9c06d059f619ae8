using System.Text.Json.Nodes;
using Gallery.Service.Http;
using Gallery.Service.Images;
using Gallery.Sql.Coalescing;
using Gallery.Sql.Database;
using Gallery.Sql.Images;
using Gallery.Sql.Tags;
using Gallery.Tests.Service;

namespace Gallery.Tests.Tags;

/// <summary>Tags are rows, so requests with many of them share statements with few others.</summary>
public sealed class TagCostTests(TestService service) : IClassFixture<TestService>
{
    private static readonly string[] Fifty = [.. Enumerable.Range(0, 50).Select(i => $"tag {i}")];

    [Fact]
    public void A_save_and_an_edit_weigh_as_much_as_the_rows_of_their_tags()
    {
        var image = new NewImage(Guid.NewGuid(), "u", "https://res.cloudinary.com/x.jpg", null, null, null);
        var edit = UpdateImageRequest.Read(System.Text.Encoding.UTF8.GetBytes(Body("tags", Fifty).ToJsonString()), new FieldErrors());

        Assert.InRange((image with { Tags = TagArray.Of(Fifty) }).Bytes - image.Bytes, 25_000, 35_000);
        Assert.InRange(edit.Bytes, 25_000, 35_000);
    }

    [Fact]
    public async Task The_weight_of_an_edit_counts_in_the_queue()
    {
        await using var source = service.Database.CreateSource();
        await using var images = new ImageRepository(source, new BatchOptions { MaximumQueuedBytes = 1000 });
        var key = new ImageKey(Guid.NewGuid(), Caller.Anonymous);

        Assert.Equal(ImageOutcome.NotFound, (await images.UpdateImageAsync(key, image => image, 1000, CancellationToken.None)).Outcome);
        await Assert.ThrowsAsync<CoalescerFullException>(() => images.UpdateImageAsync(key, image => image, 1001, CancellationToken.None));
    }

    [Fact]
    public async Task More_than_100_tags_are_rejected_before_they_are_compared()
    {
        string[] equal = [.. Enumerable.Repeat("tag", 100)];

        Assert.Equal(["tag"], (await service.Api.SaveAsync(Guid.NewGuid(), tags: equal)).Tags);
        Assert.Equal("tags has more than 100 items. Send at most 50 different tags.", (await service.Api.SaveAsync(Guid.NewGuid(), tags: [.. equal, "tag"])).Error("tags"));
    }

    [Theory]
    [InlineData("mode")]
    [InlineData("dry_run")]
    public async Task A_transaction_saves_at_most_10000_tags(string way)
    {
        JsonNode Item() => Body("tags", Fifty, ("user_id", "u"), ("image_url", Api.UrlOf(Guid.NewGuid())));
        var body = new JsonObject { ["items"] = new JsonArray([.. Enumerable.Range(0, 201).Select(_ => Item())]), [way] = way == "mode" ? "all" : JsonValue.Create(true) };

        var answer = await service.Api.PostAsync("/v1/gallery/batch/save/", body.ToJsonString());

        Assert.Equal((413, "too_many_items"), (answer.Status, answer.Problem));
        Assert.Contains("10,000 tags", answer.Text, StringComparison.Ordinal);
    }

    private static JsonObject Body(string name, string[] texts, params (string Name, string Value)[] others) =>
        new([KeyValuePair.Create(name, (JsonNode?)new JsonArray([.. texts.Select(text => JsonValue.Create(text))])), .. others.Select(other => KeyValuePair.Create(other.Name, (JsonNode?)JsonValue.Create(other.Value)))]);
}
