using Gallery.Tests.Fuzzing;
using Gallery.Tests.Service;

namespace Gallery.Tests.Http;

/// <summary>What every route does, whatever it is about.</summary>
public sealed class RoutingTests(TestService service) : IClassFixture<TestService>
{
    private readonly Api _api = service.Api;

    [Fact]
    public async Task Every_route_answers_with_and_without_its_trailing_slash()
    {
        foreach (var slash in new[] { "", "/" })
        {
            var id = Guid.NewGuid();
            var body = $$"""{"user_id":"user_123","image_url":"{{Api.UrlOf(id)}}"}""";
            Assert.Equal(201, (await _api.PostAsync($"/v1/gallery{slash}", body)).Status);
            Assert.Equal(200, (await _api.GetAsync($"/v1/gallery{slash}")).Status);
            Assert.Equal(200, (await _api.GetAsync($"/v1/gallery/{id}{slash}")).Status);
            Assert.Equal(200, (await _api.PatchAsync($"/v1/gallery/{id}{slash}", "{}")).Status);
            Assert.Equal(200, (await _api.GetAsync($"/v1/gallery/{id}/history{slash}")).Status);
            Assert.Equal(200, (await _api.GetAsync($"/v1/gallery/changes{slash}")).Status);
            Assert.Equal(200, (await _api.DeleteAsync($"/v1/gallery/{id}{slash}")).Status);
            Assert.Equal(200, (await _api.GetAsync($"/v1/gallery/deleted{slash}")).Status);
            Assert.Equal(200, (await _api.PostAsync($"/v1/gallery/{id}/restore{slash}")).Status);
            Assert.Equal(200, (await _api.DeleteAsync($"/v1/gallery/{id}/permanent{slash}")).Status);
            Assert.Equal(200, (await _api.PostAsync($"/v1/gallery/deleted/empty{slash}?user_id=nobody")).Status);
            Assert.Equal(200, (await _api.DeleteAsync($"/v1/gallery/users/nobody{slash}?confirm=nobody")).Status);
            Assert.Equal(200, (await _api.GetAsync($"/livez{slash}")).Status);
            Assert.Equal(200, (await _api.GetAsync($"/readyz{slash}")).Status);
        }
    }

    [Fact]
    public async Task Every_route_of_the_api_refuses_a_parameter_that_it_does_not_declare()
    {
        var id = Guid.NewGuid();
        await _api.SaveAsync(id);
        var operations = (await _api.GetAsync("/openapi/v1.json")).Body["paths"]!.AsObject().Where(path => path.Key.StartsWith("/v1/", StringComparison.Ordinal))
            .SelectMany(path => path.Value!.AsObject().Select(operation => (Path: path.Key.Replace("{image_id}", $"{id}", StringComparison.Ordinal).Replace("{share_id}", $"{id}", StringComparison.Ordinal), Method: operation.Key.ToUpperInvariant())));
        foreach (var (path, method) in operations)
        {
            var answer = await _api.SendAsync(new HttpMethod(method), $"{path}?misspelt=1");

            Assert.True((400, true) == (answer.Status, answer.Error("misspelt") is not null), $"{method} {path} answered {answer.Text}");
        }

        Assert.Equal(200, (await _api.GetAsync($"/v1/gallery/{id}/")).Status);
    }

    [Fact]
    public async Task Head_answers_as_get_does_without_the_body()
    {
        var id = Guid.NewGuid();
        await _api.SaveAsync(id);
        foreach (var path in new[] { "/v1/gallery/", "/v1/gallery/deleted/", $"/v1/gallery/{id}/", $"/v1/gallery/{Guid.NewGuid()}/", "/v1/gallery/?limit=0", "/livez", "/readyz" })
        {
            var get = await _api.GetAsync(path);
            var head = await _api.SendAsync(HttpMethod.Head, path);

            Assert.Equal(get.Status, head.Status);
            Assert.Equal(get.ETag, head.ETag);
            Assert.Equal(get.ContentHeaders.ContentType, head.ContentHeaders.ContentType);
            Assert.Empty(head.Text);
        }
    }

    [Theory]
    [InlineData("PUT", "/v1/gallery/", "GET, HEAD, POST")]
    [InlineData("DELETE", "/v1/gallery/", "GET, HEAD, POST")]
    [InlineData("PUT", "/v1/gallery/8d76bd3a-053e-4bb5-a2ab-ce147e53f40c/", "DELETE, GET, HEAD, PATCH")]
    [InlineData("POST", "/v1/gallery/8d76bd3a-053e-4bb5-a2ab-ce147e53f40c", "DELETE, GET, HEAD, PATCH")]
    [InlineData("GET", "/v1/gallery/8d76bd3a-053e-4bb5-a2ab-ce147e53f40c/restore/", "POST")]
    [InlineData("GET", "/v1/gallery/8d76bd3a-053e-4bb5-a2ab-ce147e53f40c/permanent/", "DELETE")]
    [InlineData("POST", "/v1/gallery/deleted/", "GET, HEAD")]
    [InlineData("DELETE", "/v1/gallery/deleted/", "GET, HEAD")]
    [InlineData("OPTIONS", "/v1/gallery/", "GET, HEAD, POST")]
    public async Task A_wrong_method_is_405_and_allow_says_which_are_right(string method, string path, string allow)
    {
        var answer = await _api.SendAsync(new HttpMethod(method), path);

        Assert.Equal((405, "method_not_allowed"), (answer.Status, answer.Problem));
        Assert.Equal(allow, string.Join(", ", answer.ContentHeaders.Allow.Order(StringComparer.Ordinal)));
    }

    [Theory]
    [InlineData("get")]
    [InlineData("Head")]
    [InlineData("pOsT")]
    [InlineData("dElEtE")]
    [InlineData("deletE")]
    [InlineData("M-SEARCH")]
    [InlineData("GETS")]
    [InlineData("!#$%&'*+-.^_`|~")]
    [InlineData("LONGEST")]
    public async Task A_methods_name_has_capitals_and_another_one_is_405_at_every_route(string method)
    {
        if (method == "LONGEST") method = new string('X', 2000);
        var id = Guid.NewGuid();
        await _api.SaveAsync(id);
        foreach (var path in ApiDocument.Committed.Operations.Select(operation => ApiDocument.Committed.Fill(operation, id)).Concat(["/openapi/v1.json", "/docs/", "/metrics", "/", "/page/settings.json"]).Distinct())
        {
            var answer = await AskAsync(path);

            Assert.Equal((path, 405, "method_not_allowed"), (path, answer!.Status, answer.Problem));
            Assert.NotEmpty(answer.Find("Allow")!);
            Assert.InRange(answer.Text.Length, 0, 1000);
        }

        Assert.Equal(404, (await AskAsync("/nowhere"))!.Status);
        Assert.Equal(200, (await _api.GetAsync($"/v1/gallery/{id}/")).Status);

        // HttpClient would write the capitals.
        async Task<Limits.RawAnswer?> AskAsync(string path)
        {
            using var connection = await Limits.RawConnection.OpenAsync(_api.Address);
            await connection.SendAsync($"{method} {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
            return await connection.ReadAsync();
        }
    }

    [Theory]
    [InlineData("/v1/")]
    [InlineData("/v2/gallery/")]
    [InlineData("/v1/gallery/8d76bd3a-053e-4bb5-a2ab-ce147e53f40c/restored/")]
    [InlineData("/v1/gallery/8d76bd3a-053e-4bb5-a2ab-ce147e53f40c/more/")]
    public async Task An_unknown_path_is_404(string path)
    {
        var answer = await _api.GetAsync(path);
        Assert.Equal((404, "route_not_found"), (answer.Status, answer.Problem));
    }

    [Theory]
    [InlineData("PUT", "/v1/gallery/not-a-uuid/")]
    [InlineData("POST", "/v1/gallery/not-a-uuid/")]
    [InlineData("GET", "/v1/gallery/not-a-uuid/restore/")]
    public async Task A_wrong_method_on_what_is_no_image_is_404(string method, string path)
    {
        var answer = await _api.SendAsync(new HttpMethod(method), path);

        Assert.Equal((404, "route_not_found"), (answer.Status, answer.Problem));
        Assert.Empty(answer.ContentHeaders.Allow);
    }

    [Theory]
    [InlineData("application/json")]
    [InlineData("text/html")]
    [InlineData("image/png")]
    public async Task A_failure_is_problem_json_with_the_envelopes_fields_whatever_is_accepted(string accept)
    {
        var answer = await _api.GetAsync($"/v1/gallery/{Guid.NewGuid()}/", ("Accept", accept));

        Assert.Equal("application/problem+json", answer.ContentHeaders.ContentType!.MediaType);
        Assert.False((bool)answer.Body["success"]!);
        Assert.Equal(404, (int)answer.Body["status"]!);
        Assert.Equal("Not Found", (string?)answer.Body["title"]);
        Assert.Equal("about:blank", (string?)answer.Body["type"]);
        Assert.Equal((string?)answer.Body["detail"], (string?)answer.Body["message"]);
        Assert.Matches("^[0-9a-f]{32}$", (string?)answer.Body["trace_id"]);
        Assert.Null(answer.Body["errors"]);
    }

    [Fact]
    public async Task The_service_does_not_say_what_it_is_built_with() =>
        Assert.False((await _api.GetAsync("/livez")).Headers.Contains("Server"));
}
