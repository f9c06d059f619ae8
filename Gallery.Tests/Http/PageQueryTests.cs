using Gallery.Tests.Limits;
using Gallery.Tests.Service;

namespace Gallery.Tests.Http;

/// <summary>The query of a list, and the URLs that answers lead to.</summary>
public sealed class PageQueryTests(TestService other) : IClassFixture<TestService>
{
    private readonly Api _api = other.Api;

    [Theory]
    [InlineData("page=2", "page", "Unknown parameter 'page'. Did you mean cursor? Known parameters: user_id, tag, any_tag, intent, created_from, created_to, metadata, has_prompt, q, ids, sort, fields, count, limit, cursor.")]
    [InlineData("created_frm=2026-01-15", "created_frm", "Unknown parameter 'created_frm'. Did you mean created_from? Known parameters: user_id, tag, any_tag, intent, created_from, created_to, metadata, has_prompt, q, ids, sort, fields, count, limit, cursor.")]
    [InlineData("limit=1&limit=2", "limit", "limit is given twice. Send it once.")]
    [InlineData("limit=1&limit=2&limit=3", "limit", "limit is given 3 times. Send it once.")]
    [InlineData("limit=ten", "limit", "limit is 'ten'. Send a whole number from 1 to 200; the default is 50.")]
    [InlineData("cursor=x", "cursor", "cursor is not from this list with these filters. Send next_cursor of the previous page, or omit cursor.")]
    public async Task A_fault_names_the_parameter_and_what_is_wrong(string query, string name, string message)
    {
        var answer = await _api.GetAsync($"/v1/gallery/?{query}");

        Assert.Equal((400, message, message), (answer.Status, answer.Error(name), (string?)answer.Body["message"]));
    }

    [Theory]
    [InlineData("user", "user_id")]
    [InlineData("from", "created_from")]
    [InlineData("since", "created_from")]
    [InlineData("date_from", "created_from")]
    [InlineData("created_before", "created_to")]
    [InlineData("to", "created_to")]
    [InlineData("until", "created_to")]
    [InlineData("prompt", "q")]
    [InlineData("query", "q")]
    [InlineData("id", "ids")]
    [InlineData("metadata_session_id", "metadata.session_id")]
    [InlineData("offset", "cursor")]
    [InlineData("per_page", "limit")]
    [InlineData("page_size", "limit")]
    [InlineData("order_by", "sort")]
    [InlineData("Order", "sort")]
    [InlineData("sort_order", "sort")]
    [InlineData("image_id", "ids")]
    [InlineData("created_at__gte", "created_from")]
    [InlineData("category", "tag")]
    [InlineData("sotr", "sort")]
    [InlineData("meta", "metadata")]
    public async Task A_guessed_name_leads_to_the_right_one(string guess, string name) =>
        Assert.StartsWith($"Unknown parameter '{guess}'. Did you mean {name}? ", (await _api.GetAsync($"/v1/gallery/?{guess}=1")).Error(guess), StringComparison.Ordinal);

    [Theory]
    [InlineData("", "not_tag", "Excluding a tag is not supported.")]
    [InlineData("", "has_tags", "Filtering by whether an image has tags is not supported.")]
    [InlineData("", "deleted", "GET /v1/gallery/deleted/ lists the trash.")]
    [InlineData("", "created_at", "For images of one time, send created_from and created_to.")]
    [InlineData("deleted/", "deleted_from", "Filtering by the time of deletion is not supported.")]
    [InlineData("export/", "cursor", "Did you mean after?")]
    [InlineData("export/", "limit", "An export has no pages.")]
    [InlineData("tags/", "q", "Did you mean prefix?")]
    public async Task A_guess_that_no_name_fits_gets_a_sentence(string list, string guess, string sentence) =>
        Assert.StartsWith($"Unknown parameter '{guess}'. {sentence} Known parameters: ", (await _api.GetAsync($"/v1/gallery/{list}?{guess}=1")).Error(guess), StringComparison.Ordinal);

    [Theory]
    [InlineData("limit")]
    [InlineData("cursor")]
    [InlineData("sort")]
    [InlineData("count")]
    [InlineData("fields")]
    [InlineData("page")]
    public async Task Names_of_list_parameters_are_not_offered_as_keys_of_metadata(string name)
    {
        var message = (await _api.GetAsync($"/v1/gallery/facets/?{name}=1")).Error(name);

        Assert.StartsWith($"Unknown parameter '{name}'. Known parameters: ", message, StringComparison.Ordinal);
        Assert.DoesNotContain($"metadata.{name}", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("batch/permanent/", "dry_run", "Send dry_run in the body.")]
    [InlineData("batch/save/", "mode", "Send mode in the body.")]
    [InlineData("", "user_id", "Send user_id in the body.")]
    [InlineData("batch/delete/", "x", "Remove it; this route has none.")]
    public async Task Where_no_parameter_has_the_name_a_field_of_the_body_may_have_it(string path, string name, string cure) =>
        Assert.Equal($"Unknown parameter '{name}'. {cure}", (await _api.PostAsync($"/v1/gallery/{path}?{name}=1", "{}")).Error(name));

    [Theory]
    [InlineData("", "api_key", "Send it in X-API-Key or Authorization. Known parameters: ")]
    [InlineData("shared/x/", "password", "Send it in X-Share-Password.")]
    public async Task A_secret_in_the_query_gets_its_header_named(string path, string name, string cure) =>
        Assert.StartsWith($"Unknown parameter '{name}'. {cure}", (await _api.GetAsync($"/v1/gallery/{path}?{name}=1")).Error(name), StringComparison.Ordinal);

    [Fact]
    public async Task A_guess_never_leads_to_a_parameter_that_the_route_lacks() =>
        Assert.Equal("Unknown parameter 'since'. Known parameters: user_id, prefix, sort, limit, cursor.", (await _api.GetAsync("/v1/gallery/tags/?since=1")).Error("since"));

    [Fact]
    public async Task An_empty_cursor_is_the_first_page()
    {
        await _api.SaveAsync(Guid.NewGuid(), "first_page");

        Assert.Equal((await _api.GetAsync("/v1/gallery/?user_id=first_page")).Ids, (await _api.GetAsync("/v1/gallery/?user_id=first_page&cursor=")).Ids);
    }

    [Fact]
    public async Task Link_and_location_are_absolute()
    {
        var location = (await _api.SaveAsync(Guid.NewGuid())).Headers.Location!.ToString();
        await _api.SaveAsync(Guid.NewGuid());

        Assert.StartsWith($"{_api.Address}v1/gallery/", location, StringComparison.Ordinal);
        Assert.StartsWith($"{_api.Address}v1/gallery/?limit=1&cursor=", await LinkAsync(_api), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Behind_a_trusted_proxy_link_and_location_have_its_scheme_host_and_prefix()
    {
        await using var service = await LimitedService.StartAsync(other.Database, "GALLERY_TRUSTED_PROXIES=127.0.0.1");
        (string, string)[] headers = [("X-Forwarded-For", "192.0.2.1"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "api.example.com"), ("X-Forwarded-Prefix", "/images")];
        await service.Api.SaveAsync(Guid.NewGuid());
        var id = Guid.NewGuid();
        var saved = await service.Api.SendAsync(HttpMethod.Post, "/v1/gallery/", new StringContent(
            $$"""{"user_id":"u","image_url":"{{Api.UrlOf(id)}}"}""", System.Text.Encoding.UTF8, "application/json"), headers);

        Assert.Equal($"https://api.example.com/images/v1/gallery/{id}/", saved.Headers.Location!.ToString());
        Assert.StartsWith("https://api.example.com/images/v1/gallery/?limit=1&cursor=", await LinkAsync(service.Api, headers), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_link_of_more_than_2_KB_is_left_out_and_the_cursor_leads_on()
    {
        Guid[] saved = [Guid.NewGuid(), Guid.NewGuid()];
        foreach (var id in saved) await _api.SaveAsync(id, "long_link");
        var list = $"/v1/gallery/?limit=1&ids={string.Join(',', saved.Concat(Enumerable.Range(0, 98).Select(_ => Guid.NewGuid())))}";

        var first = await _api.GetAsync(list);
        var second = await _api.GetAsync($"{list}&cursor={first.NextCursor}");

        Assert.Equal((200, false), (first.Status, first.Headers.Contains("Link")));
        Assert.Equal(saved.Order(), first.Ids.Concat(second.Ids).Order());
    }

    [Theory]
    [InlineData("X-Forwarded-Host", "/images/v1/gallery/")]
    [InlineData("X-Forwarded-Prefix", "https://api.example.com/v1/gallery/")]
    public async Task A_host_or_prefix_that_is_too_long_to_be_one_is_not_repeated(string header, string start)
    {
        await using var service = await LimitedService.StartAsync(other.Database, "GALLERY_TRUSTED_PROXIES=127.0.0.1");
        var headers = new Dictionary<string, string>
        {
            ["X-Forwarded-For"] = "192.0.2.1",
            ["X-Forwarded-Proto"] = "https",
            ["X-Forwarded-Host"] = "api.example.com",
            ["X-Forwarded-Prefix"] = "/images",
            [header] = (header == "X-Forwarded-Prefix" ? "/" : "") + string.Concat(Enumerable.Repeat("a.", 4_000)) + "a",
        };
        var id = Guid.NewGuid();

        var saved = await service.Api.SendAsync(HttpMethod.Post, "/v1/gallery/", new StringContent(
            $$"""{"user_id":"u","image_url":"{{Api.UrlOf(id)}}"}""", System.Text.Encoding.UTF8, "application/json"), [.. headers.Select(pair => (pair.Key, pair.Value))]);

        Assert.Equal((201, $"{start}{id}/"), (saved.Status, saved.Headers.Location?.ToString()));
    }

    [Theory]
    [InlineData("")]
    [InlineData("GALLERY_TRUSTED_PROXIES=127.0.0.1")]   // which does not name its scheme here
    public async Task Behind_a_proxy_of_unknown_scheme_the_link_is_a_path(string setting)
    {
        await using var service = await LimitedService.StartAsync(other.Database, setting.Split(',', StringSplitOptions.RemoveEmptyEntries));
        for (var i = 0; i < 2; i++) await service.Api.SaveAsync(Guid.NewGuid());

        Assert.StartsWith("/v1/gallery/?limit=1&cursor=", await LinkAsync(service.Api, ("X-Forwarded-For", "192.0.2.1")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_forwarded_host_does_not_open_a_service_without_credentials_to_another_name()
    {
        await using var service = await LimitedService.StartAsync(other.Database, "GALLERY_TRUSTED_PROXIES=127.0.0.1");

        var answer = await service.Api.GetAsync("/v1/gallery/", ("Host", "evil.example"), ("X-Forwarded-Host", "localhost"));

        Assert.Equal((400, "unknown_host"), (answer.Status, answer.Problem));
    }

    private static async Task<string> LinkAsync(Api api, params (string, string)[] headers) =>
        (await api.GetAsync("/v1/gallery/?limit=1", headers)).Headers.GetValues("Link").Single().Split('<', '>')[1];
}
