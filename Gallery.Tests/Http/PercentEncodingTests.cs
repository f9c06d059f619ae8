using System.Text.Json.Nodes;
using Gallery.Service.Http;
using Gallery.Tests.Fuzzing;
using Gallery.Tests.Service;
using RawAnswer = Gallery.Tests.Limits.RawAnswer;
using RawConnection = Gallery.Tests.Limits.RawConnection;

namespace Gallery.Tests.Http;

/// <summary>Paths and queries that are not percent-encoded UTF-8. The framework would take their escapes literally.</summary>
public sealed class PercentEncodingTests(TestService service) : IClassFixture<TestService>
{
    private readonly Api _api = service.Api;

    [Theory]
    [InlineData("", null)]
    [InlineData("100%25", null)]
    [InlineData("%2525%2F%00%7f", null)]
    [InlineData("a%C3%A9%e2%82%ac%F0%9F%A6%89%EF%BF%BDz", null)]   // é € 🦉 and U+FFFD
    [InlineData("%F4%8F%BF%BF%ED%9F%BF", null)]                    // the last character of all, and the last before the surrogates
    [InlineData("%", 0)]
    [InlineData("a%4", 1)]
    [InlineData("ab%zz", 2)]
    [InlineData("%4g", 0)]
    [InlineData("% 41", 0)]
    [InlineData("%+4", 0)]
    [InlineData("%u00e9", 0)]
    [InlineData("%%41", 0)]
    [InlineData("%FF", 0)]
    [InlineData("%41%80", 3)]
    [InlineData("%C3", 0)]
    [InlineData("%C3%28", 0)]
    [InlineData("%C3a", 0)]
    [InlineData("%C3%A9%C3", 6)]
    [InlineData("%E2%82", 0)]
    [InlineData("%C0%AF", 0)]             // a slash in two bytes
    [InlineData("%E0%80%AF", 0)]          // and in three
    [InlineData("%F0%80%80%AF", 0)]
    [InlineData("%ED%A0%80", 0)]          // surrogates
    [InlineData("%ED%A0%BD%ED%B8%80", 0)]
    [InlineData("%F4%90%80%80", 0)]       // past U+10FFFF
    [InlineData("%F8%88%80%80%80", 0)]
    public void An_escape_must_begin_or_end_a_character_of_utf8(string text, int? place) => Assert.Equal(place, PercentEncoding.FindFault(text));

    [Fact]
    public async Task Of_many_faults_of_one_parameter_the_answer_names_sixteen_and_counts_all()
    {
        using var connection = await RawConnection.OpenAsync(_api.Address);
        await connection.SendAsync($"GET /v1/gallery/?{string.Join('&', Enumerable.Range(100, 200).Select(number => $"q=%FF{number}"))} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        var answer = (await connection.ReadAsync())!;

        Assert.Equal((400, 16), (answer.Status, JsonNode.Parse(answer.Text)!["errors"]!["q"]!.AsArray().Count));
        Assert.Contains(" There are 199 more faults; errors names some of them.", answer.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("%FF")]
    [InlineData("%C3%28")]
    [InlineData("%")]
    [InlineData("%zz")]
    [InlineData("%ED%A0%80")]
    public async Task Every_route_refuses_it_in_its_path_and_in_every_parameter(string bad)
    {
        var id = Guid.NewGuid();
        await _api.SaveAsync(id, tags: "a");
        using var connection = await RawConnection.OpenAsync(_api.Address);
        foreach (var operation in ApiDocument.Committed.Operations.Where(operation => operation.Path.StartsWith("/v1/", StringComparison.Ordinal)))
        {
            var path = ApiDocument.Committed.Fill(operation, id);
            foreach (var parameter in operation.In("query"))
                Refuses(await AskAsync($"{path}?{parameter.Name}=a{bad}&x=1"), "validation_failed", $"\"{parameter.Name}\":[\"{parameter.Name} is not UTF-8 at ");
            Refuses(await AskAsync($"{path}?{bad}=1"), "validation_failed", $"\"{bad}\":[\"The parameter's name is not UTF-8 at ");
            Refuses(await AskAsync($"{path}?{bad}"), "validation_failed", "\"errors\"");
            foreach (var (segment, _) in operation.Path.Split('/').Zip(path.Split('/')).Where(pair => pair.First != pair.Second))
                Refuses(await AskAsync(operation.Path.Replace(segment, $"a{bad}", StringComparison.Ordinal)), "bad_request", "The path is not UTF-8 at ");

            async Task<(string Target, RawAnswer? Answer)> AskAsync(string target)
            {
                await connection.SendAsync($"{operation.Method} {target} HTTP/1.1\r\nHost: localhost\r\n\r\n");
                return ($"{operation.Method} {target}", await connection.ReadAsync());
            }
        }

        Assert.Equal(["a"], (await _api.GetAsync($"/v1/gallery/{id}/")).Tags);

        static void Refuses((string Target, RawAnswer? Answer) asked, string code, string text)
        {
            Assert.Equal((asked.Target, 400, code), (asked.Target, asked.Answer!.Status, asked.Answer.Problem));
            Assert.Contains(text, asked.Answer.Text, StringComparison.Ordinal);
            Assert.Contains("Percent-encode UTF-8. A % itself is %25.", asked.Answer.Text, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("GET", "http://localhost/v1/gallery/?q=%C3%28", 400)]   // the form that proxies send
    [InlineData("GET", "/v1/gallery/?user_id=user_123&q=a&q=%FF", 400)]
    [InlineData("GET", "/v1/gallery/?user%5Fid=%FF", 400)]
    [InlineData("GET", "/v1/gallery/?metadata.a=%FF", 400)]
    [InlineData("GET", "/nowhere/%FF", 400)]
    [InlineData("GET", "/s/%FF", 400)]
    [InlineData("GET", "/page/%zz", 400)]
    [InlineData("PUT", "/v1/gallery/?q=%FF", 405)]
    [InlineData("GET", "/?utm_campaign=100%&x=%FF", 200)]               // the page does not read it
    [InlineData("GET", "/s/any?utm_campaign=%FF", 200)]
    [InlineData("GET", "/livez?%zz", 200)]
    [InlineData("GET", "/v1/gallery/?q=100%25+%C3%A9", 200)]
    [InlineData("GET", "/v1/gallery/?user%5Fid=a%2Fb%25FF", 200)]
    public async Task Only_what_is_read_is_checked(string method, string target, int status)
    {
        using var connection = await RawConnection.OpenAsync(_api.Address);
        await connection.SendAsync($"{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");

        Assert.StartsWith($"HTTP/1.1 {status} ", await connection.ReadToEndAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("100%")]
    [InlineData("%FF")]
    [InlineData("a/b%2Fc")]
    [InlineData("é🦉+ \ufffd")]
    public async Task Every_text_can_be_a_tag_and_a_user_if_it_is_encoded(string text)
    {
        var (id, encoded) = (Guid.NewGuid(), Uri.EscapeDataString(text));
        await _api.SaveAsync(id, userId: text);

        Assert.Equal([text], (await _api.PutAsync($"/v1/gallery/{id}/tags/{encoded}/")).Tags);
        Assert.Equal([id], (await _api.GetAsync($"/v1/gallery/?user_id={encoded}&tag={encoded}")).Ids);
        Assert.Equal(1, (int)(await _api.DeleteAsync($"/v1/gallery/users/{encoded}/?confirm={encoded}")).Body["data"]!["purged"]!);
    }
}
