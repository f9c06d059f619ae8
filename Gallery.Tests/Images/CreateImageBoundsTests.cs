using System.Text;
using System.Text.Json.Nodes;
using Gallery.Tests.Service;

namespace Gallery.Tests.Images;

/// <summary>Each bound at its last good value and one past it.</summary>
public sealed class CreateImageBoundsTests(TestService service) : IClassFixture<TestService>
{
    private readonly Api _api = service.Api;

    /// <summary>Two UTF-16 units, four bytes, one character.</summary>
    private const string Emoji = "\U0001F305";

    [Theory]
    [InlineData("user_id", 255)]
    [InlineData("refined_prompt", 16_384)]
    [InlineData("intent", 100)]
    public async Task A_text_at_its_bound_is_taken_and_one_past_it_is_named(string field, int maximum)
    {
        var good = await PostAsync(field, new string('x', maximum));
        var bad = await PostAsync(field, new string('x', maximum + 1));

        Assert.Equal(201, good.Status);
        AssertRefused(bad, field);
        Assert.Contains($"{maximum}", bad.Error(field), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("user_id", 255)]
    [InlineData("refined_prompt", 16_384)]
    [InlineData("intent", 100)]
    public async Task Characters_are_counted_as_postgresql_counts_them(string field, int maximum)
    {
        Assert.Equal(201, (await PostAsync(field, string.Concat(Enumerable.Repeat(Emoji, maximum)))).Status);
        AssertRefused(await PostAsync(field, string.Concat(Enumerable.Repeat(Emoji, maximum + 1))), field);
    }

    [Fact]
    public async Task A_url_of_2048_characters_is_taken_and_one_more_is_named()
    {
        var id = Guid.NewGuid();
        var good = Api.UrlOf(id) + "?_a=";
        good += new string('A', 2_048 - good.Length);

        Assert.Equal(201, (await _api.SaveAsync(id, imageUrl: good)).Status);
        AssertRefused(await _api.SaveAsync(id, imageUrl: good + "A"), "image_url");
    }

    [Fact]
    public async Task Metadata_of_64_kilobytes_are_taken_and_one_byte_more_is_named()
    {
        string Metadata(int bytes) => $$"""{"k":"{{new string('x', bytes - 8)}}"}""";

        Assert.Equal(201, (await PostRawAsync(Metadata(65_536))).Status);
        AssertRefused(await PostRawAsync(Metadata(65_537)), "metadata");
    }

    [Fact]
    public async Task The_densest_metadata_of_64_kilobytes_are_taken()
    {
        var numbers = string.Join(',', Enumerable.Repeat("1", 32_764));

        Assert.Equal(201, (await PostRawAsync($$"""{"k":[{{numbers}}]}""")).Status);
    }

    [Theory]
    [InlineData("{\"a\":", "}")]
    [InlineData("[", "]")]
    public async Task Metadata_32_deep_are_taken_and_33_are_named(string open, string close)
    {
        string Metadata(int depth) =>
            $$"""{"k":{{string.Concat(Enumerable.Repeat(open, depth - 1))}}{{(open == "[" ? "" : "1")}}{{string.Concat(Enumerable.Repeat(close, depth - 1))}}}""";

        Assert.Equal(201, (await PostRawAsync(Metadata(32))).Status);
        AssertRefused(await PostRawAsync(Metadata(33)), "metadata");
        AssertRefused(await PostRawAsync(Metadata(65)), "metadata");
        AssertRefused(await PostRawAsync(Metadata(10_000)), "metadata");
    }

    [Theory]
    [InlineData("\"user_id\":\"a\\u0000b\"", "user_id")]
    [InlineData("\"refined_prompt\":\"\\u0000\"", "refined_prompt")]
    [InlineData("\"intent\":\"\\u0000\"", "intent")]
    [InlineData("\"user_id\":\"\\ud83c\"", "user_id")]
    [InlineData("\"refined_prompt\":\"\\udf05\\ud83c\"", "refined_prompt")]
    [InlineData("\"intent\":\"x\\ud83cx\"", "intent")]
    [InlineData("\"metadata\":{\"a\":\"\\u0000\"}", "metadata")]
    [InlineData("\"metadata\":{\"\\u0000\":1}", "metadata")]
    [InlineData("\"metadata\":{\"a\":[{\"b\":\"\\ud83c\"}]}", "metadata")]
    [InlineData("\"metadata\":{\"\\udf05\":1}", "metadata")]
    [InlineData("\"metadata\":{\"a\":1e200000}", "metadata")]
    [InlineData("\"metadata\":{\"a\":1e70000}", "metadata")]
    [InlineData("\"metadata\":{\"a\":-1E+131072}", "metadata")]
    [InlineData("\"metadata\":{\"a\":1e-16384}", "metadata")]
    [InlineData("\"metadata\":{\"a\":[0e-20000]}", "metadata")]
    [InlineData("\"metadata\":{\"a\":1e99999999999999999999}", "metadata")]
    [InlineData("\"metadata\":{\"a\":1e-99999999999999999999}", "metadata")]
    [InlineData("\"metadata\":{\"a\":0e99999999999999999999}", "metadata")]
    [InlineData("\"metadata\":{\"a\":-0.0e1073741823}", "metadata")]
    [InlineData("\"metadata\":{\"a\":1,\"a\":2}", "metadata")]
    [InlineData("\"metadata\":{\"a\":{\"b\":1,\"b\":1}}", "metadata")]
    [InlineData("\"metadata\":{\"a\":1,\"\\u0061\":2}", "metadata")]
    [InlineData("\"metadata\":[]", "metadata")]
    [InlineData("\"metadata\":\"{}\"", "metadata")]
    [InlineData("\"metadata\":1", "metadata")]
    [InlineData("\"user_id\":\"\"", "user_id")]
    [InlineData("\"user_id\":null", "user_id")]
    [InlineData("\"user_id\":5", "user_id")]
    [InlineData("\"user_id\":true", "user_id")]
    [InlineData("\"user_id\":{}", "user_id")]
    [InlineData("\"user_id\":[\"a\"]", "user_id")]
    [InlineData("\"image_url\":\"\"", "image_url")]
    [InlineData("\"image_url\":null", "image_url")]
    [InlineData("\"image_url\":1.5", "image_url")]
    [InlineData("\"refined_prompt\":1", "refined_prompt")]
    [InlineData("\"intent\":false", "intent")]
    [InlineData("\"refind_prompt\":\"misspelt\"", "refind_prompt")]
    [InlineData("\"User_Id\":\"a\"", "User_Id")]
    public async Task What_postgresql_or_the_contract_can_not_hold_is_400_and_names_the_field(string member, string field)
    {
        var name = member[..member.IndexOf(':', StringComparison.Ordinal)];
        string[] others = ["\"user_id\":\"user_123\"", $"\"image_url\":\"{Api.UrlOf(Guid.NewGuid())}\""];
        var answer = await _api.PostAsync("/v1/gallery/", $"{{{string.Join(',', others.Where(other => !other.StartsWith(name, StringComparison.Ordinal)).Append(member))}}}");

        AssertRefused(answer, field);
        Assert.Single(answer.Body["errors"]!.AsObject());
    }

    [Theory]
    [InlineData("1e16383")]
    [InlineData("1e-16383")]
    [InlineData("123456789012345678901234567890.123456789")]
    [InlineData("-0")]
    public async Task A_number_that_postgresql_holds_is_taken(string number) =>
        Assert.Equal(201, (await PostRawAsync($$"""{"a":{{number}}}""")).Status);

    [Theory]
    [InlineData("user_id")]
    [InlineData("image_url")]
    [InlineData("metadata")]
    public async Task A_field_given_twice_is_named(string field)
    {
        var value = field == "metadata" ? "{}" : $"\"{Api.UrlOf(Guid.NewGuid())}\"";
        var answer = await _api.PostAsync(
            "/v1/gallery/", $$"""{"user_id":"u","image_url":"{{Api.UrlOf(Guid.NewGuid())}}","metadata":{},"{{field}}":{{value}}}""");

        AssertRefused(answer, field);
    }

    [Fact]
    public async Task Every_fault_of_a_request_is_told_at_once()
    {
        var answer = await _api.PostAsync("/v1/gallery/", """{"user_id":"","image_url":"nowhere","intent":1,"metadata":[]}""");

        Assert.Equal(["user_id", "image_url", "intent", "metadata"], answer.Body["errors"]!.AsObject().Select(error => error.Key).Order(Comparer<string>.Create(ByWire)));
        Assert.Equal("validation_failed", answer.Problem);

        static int ByWire(string a, string b) => Array.IndexOf(Fields, a) - Array.IndexOf(Fields, b);
    }

    private static readonly string[] Fields = ["user_id", "image_url", "refined_prompt", "intent", "metadata"];

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_body_of_256_kilobytes_is_read_and_one_byte_more_is_413(bool chunked)
    {
        async Task<Answer> PostAsync(int bytes)
        {
            var json = $$"""{"user_id":"u","image_url":"{{Api.UrlOf(Guid.NewGuid())}}"}""".PadRight(bytes);
            using var request = new StringContent(json, Encoding.UTF8, "application/json");
            return await _api.SendAsync(HttpMethod.Post, "/v1/gallery/", request, chunked ? [("Transfer-Encoding", "chunked")] : []);
        }

        Assert.Equal(201, (await PostAsync(262_144)).Status);
        var tooLarge = await PostAsync(262_145);
        Assert.Equal(413, tooLarge.Status);
        Assert.Equal("body_too_large", tooLarge.Problem);
    }

    [Fact]
    public async Task A_merge_that_outgrows_what_one_image_may_keep_is_400_and_changes_nothing()
    {
        var id = Guid.NewGuid();
        string Half(string key) => $$"""{"{{key}}":"{{new string('x', 60_000)}}"}""";
        var first = await _api.SaveAsync(id, metadata: Half("a"));
        var second = await _api.SaveAsync(id, metadata: Half("b"));

        AssertRefused(second, "metadata");
        Assert.Equal(first.ETag, (await _api.GetAsync($"/v1/gallery/{id}/")).ETag);
    }

    [Fact]
    public async Task Among_many_saves_at_once_the_one_at_fault_fails_alone()
    {
        var id = Guid.NewGuid();
        string Half(string key) => $$"""{"{{key}}":"{{new string('x', 60_000)}}"}""";
        await _api.SaveAsync(id, metadata: Half("a"));
        var good = Enumerable.Range(0, 100).Select(_ => _api.SaveAsync(Guid.NewGuid())).ToArray();
        var bad = _api.SaveAsync(id, metadata: Half("b"));

        AssertRefused(await bad, "metadata");
        Assert.All(await Task.WhenAll(good), answer => Assert.Equal(201, answer.Status));
    }

    [Fact]
    public async Task Text_comes_back_as_it_was_sent()
    {
        const string text = "\"quotes\" \\ / \u200b zero width, \u202e bidi, \U0001F305, <script>, 'sql'); drop table gallery.image; --";
        var answer = await PostAsync("refined_prompt", text);

        Assert.Equal(text, (string?)answer.Image["refined_prompt"]);
    }

    private Task<Answer> PostAsync(string field, string value)
    {
        var body = new JsonObject { ["user_id"] = "user_123", ["image_url"] = Api.UrlOf(Guid.NewGuid()) };
        body[field] = value;
        return _api.PostAsync("/v1/gallery/", body.ToJsonString());
    }

    private Task<Answer> PostRawAsync(string metadata) =>
        _api.PostAsync("/v1/gallery/", $$"""{"user_id":"user_123","image_url":"{{Api.UrlOf(Guid.NewGuid())}}","metadata":{{metadata}}}""");

    private static void AssertRefused(Answer answer, string field)
    {
        Assert.True(answer.Status == 400, answer.Text);
        Assert.NotNull(answer.Error(field));
        Assert.False((bool)answer.Body["success"]!);
    }
}
