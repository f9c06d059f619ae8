using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Gallery.Tests.Access;
using Gallery.Tests.Service;
using Npgsql;

namespace Gallery.Tests.Observability;

/// <summary>GALLERY_ACCESS_LOG: one line for each request.</summary>
public sealed partial class AccessLogTests(AccessFixture fixture) : IClassFixture<AccessFixture>
{
    private const string Category = "Gallery.Access";
    private const string TraceId = "0af7651916cd43dd8448eb211c80319c";
    private const string Image = "/v1/gallery/{image_id:uuid}/";

    private static readonly (string, string) Key = ("X-API-Key", GuardedService.Key);

    [Fact]
    public async Task Each_request_has_one_line_with_its_route_outcome_caller_and_ids()
    {
        await using var service = await StartAsync("GALLERY_ACCESS_LOG=on", "GALLERY_LOG_LEVEL=error");
        var id = Guid.NewGuid();
        var user = GuardedService.Bearer(fixture.Issuer.Token("HS256", "user_123"));
        var body = new JsonObject { ["user_id"] = "user_123", ["image_url"] = Api.UrlOf(id), ["refined_prompt"] = "SECRET" }.ToJsonString();
        var expected = new List<string>();

        var saved = await ExpectAsync("POST", "/v1/gallery/", "route=/v1/gallery/ status=201 code=-", "user:user_123", id, body, user);
        await ExpectAsync("GET", $"/v1/gallery/{id}/", $"route={Image} status=200 code=-", "key:pipeline", id, null, Key);
        await ExpectAsync("GET", $"/v1/gallery/{id.ToString().ToUpperInvariant()}", $"route={Image} status=304 code=-", "key:pipeline", id, null, Key, ("If-None-Match", saved.ETag!));
        await ExpectAsync("HEAD", "/v1/gallery/?user_id=SECRET", "route=/v1/gallery/ status=200 code=-", "key:pipeline", null, null, Key);
        await ExpectAsync("GET", "/v1/gallery/?limit=SECRET", "route=/v1/gallery/ status=400 code=validation_failed", "key:pipeline", null, null, Key);
        await ExpectAsync("GET", $"/v1/gallery/{Guid.Empty}/", $"route={Image} status=404 code=image_not_found", "user:user_123", Guid.Empty, null, user);
        await ExpectAsync("DELETE", $"/v1/gallery/{id}/permanent/", $"route={Image}permanent/ status=401 code=missing_credentials", "anonymous", id, null);
        await ExpectAsync("GET", "/v1/gallery/", "route=/v1/gallery/ status=401 code=invalid_token", "anonymous", null, null, GuardedService.Bearer("SECRET"));
        await ExpectAsync("POST", "/v1/gallery/", "route=/v1/gallery/ status=403 code=forbidden_origin", "key:pipeline", null, body, Key, ("Sec-Fetch-Site", "cross-site"));
        await ExpectAsync("POST", "/v1/gallery/", "route=/v1/gallery/ status=413 code=body_too_large", "key:pipeline", null, new string(' ', 300_000), Key);
        await ExpectAsync("POST", "/v1/gallery/", "route=/v1/gallery/ status=400 code=invalid_json", "key:pipeline", null, "{\"SECRET", Key);
        await ExpectAsync("PATCH", "/v1/gallery/", "route=- status=405 code=method_not_allowed", "key:pipeline", null, null, Key);
        await ExpectAsync("GET", "/", "route=/ status=200 code=-", "anonymous", null, null);
        await ExpectAsync("GET", "/SECRET/", "route=- status=404 code=route_not_found", "anonymous", null, null);
        using (var connection = await Limits.RawConnection.OpenAsync(service.Api.Address))
        {
            await connection.SendAsync($"{new string('d', 2000)} /v1/gallery/?SECRET HTTP/1.1\r\nHost: localhost\r\ntraceparent: 00-{TraceId}-b7ad6b7169203331-01\r\n\r\n");
            await connection.ReadAsync();
            expected.Add($"method={new string('d', 30)}\\u2026 route=- status=405 code=method_not_allowed ms= caller=anonymous id=- trace_id={TraceId} request_id={TraceId}");
        }

        await service.Api.GetAsync("/livez");
        await service.Api.GetAsync("/readyz");
        await service.Api.GetAsync("/metrics");

        await WaitAsync(service, expected.Count);
        Assert.Equal(expected, service.Lines(Category).Select(line => Milliseconds().Replace(line, "ms=")));
        Assert.All(service.Lines(Category), line => Assert.InRange(double.Parse(Milliseconds().Match(line).Groups[1].Value, CultureInfo.InvariantCulture), 0.0001, 60_000));
        Assert.DoesNotContain("SECRET", string.Concat(service.Lines(Category)), StringComparison.Ordinal);

        async Task<Answer> ExpectAsync(string method, string path, string outcome, string caller, Guid? about, string? json, params (string, string)[] headers)
        {
            var requestId = $"request-{expected.Count}";
            expected.Add($"method={method} {outcome} ms= caller={caller} id={about?.ToString() ?? "-"} trace_id={TraceId} request_id={requestId}");
            using var content = json is null ? null : new StringContent(json, System.Text.Encoding.UTF8, "application/json");
            return await service.Api.SendAsync(new HttpMethod(method), path, content, [.. headers, ("traceparent", $"00-{TraceId}-b7ad6b7169203331-01"), ("X-Request-Id", requestId)]);
        }
    }

    [Fact]
    public async Task A_request_past_the_rate_limit_has_a_line()
    {
        await using var service = await StartAsync("GALLERY_ACCESS_LOG=on", "GALLERY_RATE_LIMIT=1");
        await Within.UntilAsync("a request is past the rate limit", async () => (await service.Api.GetAsync("/v1/gallery/", Key)).Status == 429);

        await WaitAsync(service, 2);
        Assert.Contains(service.Lines(Category), line => line.Contains("route=/v1/gallery/ status=429 code=rate_limited", StringComparison.Ordinal) && line.Contains("caller=key:pipeline", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_request_that_fails_has_a_line()
    {
        await using var service = await ObservedService.StartAsync("Host=127.0.0.1;Port=1;Username=nobody;Database=nothing", "GALLERY_ACCESS_LOG=on");
        var id = Guid.NewGuid();
        Assert.Equal(503, (await service.Api.GetAsync($"/v1/gallery/{id}/")).Status);

        await WaitAsync(service, 1);
        Assert.StartsWith($"method=GET route={Image} status=503 code=database_unavailable ms=", service.Lines(Category).Single(), StringComparison.Ordinal);
        Assert.Contains($" caller=anonymous id={id} ", service.Lines(Category).Single(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_request_whose_caller_leaves_has_a_line_with_499()
    {
        await using var service = await StartAsync("GALLERY_ACCESS_LOG=on");
        await using var table = await TableLock.TakeAsync(fixture.Database);
        var id = Guid.NewGuid();
        using (var connection = await Limits.RawConnection.OpenAsync(service.Api.Address))
        {
            await connection.SendAsync($"DELETE /v1/gallery/{id}/ HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {GuardedService.Key}\r\n\r\n");
            await table.WaitForWaiterAsync();
        }

        await WaitAsync(service, 1);
        Assert.Matches($"^method=DELETE route=\\S+ status=499 code=- ms=\\S+ caller=key:pipeline id={id} ", service.Lines(Category).Single());
    }

    [Fact]
    public async Task A_list_whose_caller_leaves_has_a_line_with_499_although_its_statement_ends_well()
    {
        await using var service = await StartAsync("GALLERY_ACCESS_LOG=on");
        await using (var table = await TableLock.TakeAsync(fixture.Database))
        {
            using var connection = await Limits.RawConnection.OpenAsync(service.Api.Address);
            await connection.SendAsync($"GET /v1/gallery/ HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {GuardedService.Key}\r\n\r\n");
            await table.WaitForWaiterAsync();
        }

        await WaitAsync(service, 1);
        Assert.Matches("^method=GET route=\\S+ status=499 code=- ", service.Lines(Category).Single());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_body_that_is_cut_off_is_the_clients_fault(bool isReset)
    {
        await using var service = await StartAsync("GALLERY_ACCESS_LOG=on");
        string[] requests =
        [
            "POST /v1/gallery/ HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 1000",
            "POST /v1/gallery/batch/save/ HTTP/1.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked",
            "POST /v1/gallery/import/ HTTP/1.1\r\nContent-Type: application/x-ndjson\r\nContent-Length: 1000",
            $"PATCH /v1/gallery/{Guid.NewGuid()}/ HTTP/1.1\r\nContent-Type: application/merge-patch+json\r\nContent-Length: 1000",
            $"DELETE /v1/gallery/{Guid.NewGuid()}/ HTTP/1.1\r\nContent-Length: 1000",
        ];
        const int rounds = 8;
        for (var round = 0; round < rounds; round++)
            foreach (var request in requests)
            {
                using var connection = await Limits.RawConnection.OpenAsync(service.Api.Address);
                await connection.SendAsync($"{request}\r\nHost: localhost\r\nX-API-Key: {GuardedService.Key}\r\nExpect: 100-continue\r\n\r\n");
                Assert.Equal(100, (await connection.ReadAsync())?.Status);   // the service waits for the body
                if (isReset) connection.Reset();
            }

        await WaitAsync(service, rounds * requests.Length);
        Assert.All(service.Lines(Category), line => Assert.Matches(" status=(400 code=bad_request|499 code=(-|bad_request)) ", line));
        Assert.Empty(service.Log.Written);
    }

    [Fact]
    public async Task By_default_there_is_none()
    {
        await using var service = await StartAsync();
        await service.Api.GetAsync("/v1/gallery/", Key);
        await service.Api.GetAsync("/nowhere");

        Assert.Empty(service.Lines(Category));
    }

    [Theory]
    [InlineData("text")]
    [InlineData("json")]
    public async Task No_name_starts_a_line_or_looks_like_another_field(string format)
    {
        const string name = "a\nb\r\u001b[31m\u0085\u2028 status=200 \"code\"=\\u0041 å\U0001F305";
        const string written = "user:a\\u000ab\\u000d\\u001b[31m\\u0085\\u2028\\u0020status=200\\u0020\\u0022code\\u0022=\\u005cu0041\\u0020\\u00e5\\ud83c\\udf05";
        var address = new Uri($"http://127.0.0.1:{StartTests.FreePort()}");   // no line says where it serves
        await using var service = new ServiceProcess(
            address.ToString(), dotEnv: null, $"DATABASE_URL={fixture.Database.ConnectionString}", "GALLERY_ACCESS_LOG=on", "GALLERY_LOG_LEVEL=warning", $"GALLERY_LOG_FORMAT={format}",
            $"SUPABASE_URL={fixture.Issuer.Url}", $"SUPABASE_JWT_SECRET={TestIssuer.Secret}", "GALLERY_USERS_MAY_SAVE=true");
        using var api = new Api(address);
        await WaitForServingAsync(api);
        var user = GuardedService.Bearer(fixture.Issuer.Token("HS256", name));
        var id = Guid.NewGuid();
        var saves = 0;
        await Within.UntilAsync("an image is saved", async () =>
        {
            saves++;
            return (await api.PostAsync("/v1/gallery/", new JsonObject { ["image_url"] = Api.UrlOf(id) }.ToJsonString(), user)).Status != 503;   // its first statement is slow on a busy machine
        });
        Assert.Equal(200, (await api.SendAsync(HttpMethod.Delete, $"/v1/gallery/{id}/permanent/", null, user)).Status);
        Assert.Equal(0, await service.TerminateAsync());

        Assert.All(service.Output.Split('\n'), line => Assert.DoesNotContain(line, character => character is < ' ' or > '~'));
        string[] lines = [.. service.Output.Split('\n').Where(line => line.Contains("route=", StringComparison.Ordinal))];
        Assert.Equal(saves + 2, lines.Length);
        if (format == "json") Assert.All(lines, line => Assert.Equal(written, (string?)JsonNode.Parse(line)!["State"]!["Caller"]));
        else Assert.All(lines, line => Assert.Contains($" caller={written} ", line, StringComparison.Ordinal));
        Assert.Equal(["Gallery.Access", "Gallery.Audit"], lines.Select(line => Categories().Match(line).Value).Distinct().Order());
    }

    private static async Task WaitForServingAsync(Api api)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (true)
        {
            try
            {
                await api.GetAsync("/livez");
                return;
            }
            catch (HttpRequestException)
            {
                await Task.Delay(50, patience.Token);
            }
        }
    }

    private Task<ObservedService> StartAsync(params string[] settings) => ObservedService.StartAsync(
        new NpgsqlConnectionStringBuilder(fixture.Database.ConnectionString) { Options = "-c lock_timeout=0" }.ConnectionString,
        [GuardedService.Keys, $"SUPABASE_URL={fixture.Issuer.Url}", $"SUPABASE_JWT_SECRET={TestIssuer.Secret}", "GALLERY_USERS_MAY_SAVE=true", .. settings]);

    /// <summary>A line is written after the answer was sent.</summary>
    private static async Task WaitAsync(ObservedService service, int lines)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (service.Lines(Category).Count < lines) await Task.Delay(10, patience.Token);
    }

    [GeneratedRegex(@"\bms=([0-9.]+)")]
    private static partial Regex Milliseconds();

    [GeneratedRegex(@"Gallery\.(Access|Audit)(?=[\[""])")]
    private static partial Regex Categories();
}
