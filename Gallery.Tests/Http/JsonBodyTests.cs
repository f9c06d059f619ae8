using System.Text;
using Gallery.Tests.Service;

namespace Gallery.Tests.Http;

/// <summary>Which bodies are JSON, and what the answer says about the others.</summary>
public sealed class JsonBodyTests(TestService service) : IClassFixture<TestService>
{
    private readonly Api _api = service.Api;

    [Theory]
    [InlineData("", "The body is empty. Send a JSON object.")]
    [InlineData(" \n", "The body is empty. Send a JSON object.")]
    [InlineData("{", "Invalid JSON at line 1, byte 2: the JSON ends too early. Close every quote, bracket and brace.")]
    [InlineData("{\"user_id\":\"a", "Invalid JSON at line 1, byte 14: the JSON ends too early. Close every quote, bracket and brace.")]
    [InlineData("{} {}", "Invalid JSON at line 1, byte 4: unexpected '{'.")]
    [InlineData("{} x", "Invalid JSON at line 1, byte 4: unexpected 'x'.")]
    [InlineData("[]", "The body must be a JSON object, not an array.")]
    [InlineData("null", "The body must be a JSON object, not null.")]
    [InlineData("\"text\"", "The body must be a JSON object, not a string.")]
    [InlineData("{\"user_id\":'a'}", "Invalid JSON at line 1, byte 12: use double quotes.")]
    [InlineData("{\"user_id\":\"a\",}", "Invalid JSON at line 1, byte 16: unexpected '}'. Remove the comma before it or complete the value.")]
    [InlineData("{\n  \"metadata\": {\n    \"a\": NaN}}", "Invalid JSON at line 3, byte 10: NaN and Infinity are not JSON. Send null or a string.")]
    [InlineData("{\"metadata\":{\"a\":-Infinity}}", "Invalid JSON at line 1, byte 19: NaN and Infinity are not JSON. Send null or a string.")]
    [InlineData("{\"metadata\":{\"a\":None}}", "Invalid JSON at line 1, byte 18: use null, true and false, in lower case.")]
    [InlineData("{\"metadata\":{\"a\":01}}", "Invalid JSON at line 1, byte 19: unexpected '1'.")]
    [InlineData("{\"user_id\":\"a\nb\"}", "Invalid JSON at line 1, byte 14: unexpected control character 0x0A. Escape it, such as \\n for a line break.")]
    [InlineData("{\u00a0}", "Invalid JSON at line 1, byte 2: unexpected byte 0xC2.")]
    [InlineData("{\"a\\ud800\":1}", "A field's name contains half of a surrogate pair. Send the whole pair or remove it.")]
    public async Task A_body_that_is_not_a_json_object_is_400_and_the_message_says_what_is_wrong_at_which_byte(string body, string message)
    {
        var answer = await _api.PostAsync("/v1/gallery/", body);

        Assert.Equal((400, "invalid_json", message), (answer.Status, answer.Problem, (string?)answer.Body["message"]));
    }

    [Fact]
    public async Task Invalid_utf8_is_400()
    {
        var answer = await SendAsync([.. "{\"user_id\":\""u8, 0xff, .. "\"}"u8], "application/json");

        Assert.Equal((400, "invalid_json"), (answer.Status, answer.Problem));
    }

    [Theory]
    [InlineData("text/plain")]
    [InlineData("application/x-www-form-urlencoded")]
    [InlineData("application/vnd.api+json")]
    [InlineData("application/merge-patch+json")]
    [InlineData("application/json; charset=utf-16")]
    [InlineData("application/json; charset=latin1")]
    [InlineData(null)]
    public async Task Another_media_type_is_415_and_accept_names_the_right_one(string? type)
    {
        var answer = await SendAsync("{}"u8.ToArray(), type);

        Assert.Equal((415, "unsupported_media_type"), (answer.Status, answer.Problem));
        Assert.Equal(["application/json"], answer.Headers.GetValues("Accept"));
        Assert.Equal("Send the body in UTF-8 with Content-Type: application/json.", (string?)answer.Body["message"]);
    }

    [Theory]
    [InlineData("application/json; charset=UTF-8")]
    [InlineData("application/json; charset=\"utf-8\"")]
    [InlineData("Application/JSON")]
    public async Task A_media_type_that_means_json_in_utf8_is_accepted(string type) =>
        Assert.Equal(201, (await SendAsync(Encoding.UTF8.GetBytes($$"""{"user_id":"u","image_url":"{{Api.UrlOf(Guid.NewGuid())}}"}"""), type)).Status);

    [Fact]
    public async Task The_content_coding_identity_is_compared_without_case() =>
        Assert.Equal(201, (await SendAsync(Encoding.UTF8.GetBytes($$"""{"user_id":"u","image_url":"{{Api.UrlOf(Guid.NewGuid())}}"}"""), "application/json", "Identity")).Status);

    [Theory]
    [InlineData("gzip")]
    [InlineData("br")]
    [InlineData("identity, gzip")]
    public async Task A_compressed_body_is_415_and_accept_encoding_says_identity(string coding)
    {
        var answer = await SendAsync("{}"u8.ToArray(), "application/json", coding);

        Assert.Equal((415, "unsupported_media_type"), (answer.Status, answer.Problem));
        Assert.Equal(["identity"], answer.Headers.GetValues("Accept-Encoding"));
    }

    [Theory]
    [InlineData("""{"refind_prompt":"x"}""", "refind_prompt", "Unknown field 'refind_prompt'. Did you mean refined_prompt? Known fields: user_id, image_url, refined_prompt, intent, metadata, tags.")]
    [InlineData("""{"intent":"a","intent":"b"}""", "intent", "intent is given twice. Send it once.")]
    [InlineData("""{"intent":5}""", "intent", "intent must be a string, not a number.")]
    [InlineData("""{"metadata":{"a":1,"a":2}}""", "metadata", "metadata contains the same key twice in one object. Send each key once.")]
    [InlineData("""{"metadata":{"a":"\u0000"}}""", "metadata", "metadata contains the character U+0000, which cannot be stored. Remove it.")]
    [InlineData("""{"metadata":{"\ud800":1}}""", "metadata", "metadata contains half of a surrogate pair. Send the whole pair or remove it.")]
    [InlineData("""{"metadata":{"a":1e20000}}""", "metadata", "metadata contains a number with more than 16,383 digits after the point or in its exponent. Send it as a string.")]
    public async Task A_fault_names_the_field_and_what_is_wrong(string member, string field, string message)
    {
        var answer = await _api.PostAsync("/v1/gallery/", $$"""{"user_id":"u","image_url":"{{Api.UrlOf(Guid.NewGuid())}}",{{member[1..]}}""");

        Assert.Equal((400, message, message), (answer.Status, answer.Error(field), (string?)answer.Body["message"]));
    }

    [Theory]
    [InlineData("""{"user_id":"u"}""", "image_url is required. Send a string of 1 to 2048 characters.")]
    [InlineData("""{"user_id":""}""", "user_id is empty. Send 1 to 255 characters. Another fault is in errors.")]
    [InlineData("""{"user_id":"","intent":1,"metadata":[]}""", "user_id is empty. Send 1 to 255 characters. 3 more faults are in errors.")]
    public async Task With_several_faults_the_message_is_the_first_and_how_many_more(string body, string message) =>
        Assert.Equal(message, (string?)(await _api.PostAsync("/v1/gallery/", body)).Body["message"]);

    [Fact]
    public async Task A_long_unknown_name_is_shortened_between_characters()
    {
        var answer = await _api.PostAsync("/v1/gallery/", $$"""{"{{new string('x', 99)}}🌅🌅":1}""");

        Assert.NotNull(answer.Error(new string('x', 99) + "…"));
    }

    [Fact]
    public async Task A_hundred_unknown_fields_are_counted_and_sixteen_are_listed()
    {
        var answer = await _api.PostAsync("/v1/gallery/", $$"""{"user_id":"u","image_url":"{{Api.UrlOf(Guid.NewGuid())}}",{{string.Join(',', Enumerable.Range(0, 100).Select(i => $"\"x{i}\":1"))}}}""");

        Assert.Equal(16, answer.Body["errors"]!.AsObject().Count);
        Assert.EndsWith(" There are 99 more faults; errors names some of them.", (string?)answer.Body["message"], StringComparison.Ordinal);
    }

    private Task<Answer> SendAsync(byte[] body, string? type, string? coding = null)
    {
        var content = new ByteArrayContent(body);
        if (type is not null) content.Headers.TryAddWithoutValidation("Content-Type", type);
        if (coding is not null) content.Headers.TryAddWithoutValidation("Content-Encoding", coding);
        return _api.SendAsync(HttpMethod.Post, "/v1/gallery/", content);
    }
}
