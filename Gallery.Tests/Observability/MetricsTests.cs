using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using Gallery.Sql.Database;
using Gallery.Tests.Service;

namespace Gallery.Tests.Observability;

/// <summary><c>/metrics</c>: what it shows, and who may read it.</summary>
public sealed class MetricsTests(TestService other) : IClassFixture<TestService>
{
    private readonly string _database = other.Database.ConnectionString;

    [Fact]
    public async Task It_tells_of_requests_the_coalescer_the_pool_and_the_runtime()
    {
        await using var service = await ObservedService.StartAsync(_database);
        await service.Api.SaveAsync(Guid.NewGuid());
        var text = (await service.Api.GetAsync("/metrics")).Text;

        Assert.Contains("http_server_request_duration_seconds_bucket{", text, StringComparison.Ordinal);
        Assert.Contains("http_route=\"/v1/gallery/\"", text, StringComparison.Ordinal);
        Assert.Matches(@"gallery_coalescer_batch_size\w*_count\{[^}]*coalescer=""save""", text);
        Assert.Contains("gallery_coalescer_queue_length", text, StringComparison.Ordinal);
        Assert.Matches(@"db_client_connections?_\w+\{[^}]*pool_name=""gallery""", text);
        Assert.Contains("dotnet_gc_collections", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task No_label_holds_what_a_caller_sent()
    {
        await using var service = await ObservedService.StartAsync(_database);
        var id = Guid.NewGuid();
        await service.Api.SaveAsync(id, userId: "user_SECRET", refinedPrompt: "SECRET PROMPT");
        await service.Api.GetAsync($"/v1/gallery/{id}/?token=SECRET", ("User-Agent", "SECRET"), ("Authorization", "Bearer SECRET"));
        await service.Api.GetAsync("/SECRET/");
        await service.Api.SendAsync(new HttpMethod("SECRET"), "/v1/gallery/?user_id=SECRET");
        var text = (await service.Api.GetAsync("/metrics")).Text;

        Assert.Contains("http_request_method=\"_OTHER\"", text, StringComparison.Ordinal);
        Assert.DoesNotContain("SECRET", text, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain(id.ToString(), text, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("Password", text, StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [InlineData("X-Forwarded-For", "127.0.0.1")]
    [InlineData("Forwarded", "for=127.0.0.1")]
    [InlineData("X-Real-IP", "127.0.0.1")]
    [InlineData("Via", "1.1 proxy")]
    [InlineData("X-Forwarded-Anything", "")]
    [InlineData("CF-Connecting-IP", "192.0.2.1")]
    [InlineData("cf-ray", "0")]
    [InlineData("True-Client-IP", "192.0.2.1")]
    [InlineData("x-cluster-client-ip", "192.0.2.1")]
    [InlineData("X-Original-Forwarded-For", "192.0.2.1")]
    [InlineData("X-Envoy-External-Address", "192.0.2.1")]
    [InlineData("X-Azure-ClientIP", "192.0.2.1")]
    [InlineData("Fastly-SSL", "1")]
    public async Task What_a_proxy_on_this_machine_passes_on_is_not_this_machines_own_question(string header, string value)
    {
        await using var service = await ObservedService.StartAsync(_database);
        var answer = await service.Api.GetAsync("/metrics", (header, value));

        Assert.Equal((404, "route_not_found"), (answer.Status, answer.Problem));
        Assert.Equal(200, (await service.Api.GetAsync("/metrics")).Status);
    }

    [Theory]
    [InlineData("evil.example", 404)]
    [InlineData("localhost.evil.example:9999", 404)]
    [InlineData("localhost:9999", 200)]
    [InlineData("[::1]", 200)]
    public async Task With_keys_too_a_page_that_poses_as_this_machine_is_not_answered(string host, int status)
    {
        await using var guarded = await ObservedService.StartAsync(_database, Access.GuardedService.Keys);
        await using var everyone = await ObservedService.StartAsync(_database, Access.GuardedService.Keys, "GALLERY_METRICS=on");

        Assert.Equal(status, (await guarded.Api.GetAsync("/metrics", ("Host", host))).Status);
        Assert.Equal(200, (await everyone.Api.GetAsync("/metrics", ("Host", host))).Status);
        Assert.Equal(200, (await guarded.Api.GetAsync("/v1/gallery/?limit=1", ("Host", host), ("X-API-Key", Access.GuardedService.Key))).Status);
    }

    [Theory]
    [InlineData("loopback", 404)]
    [InlineData("on", 200)]
    public async Task Another_machine_is_answered_only_where_the_setting_says_so(string setting, int status)
    {
        if (FindOwnAddress() is not { } address)
        {
            Assert.Skip("This machine has no address but loopback.");
            return;
        }

        await using var service = await ObservedService.StartAsync(_database, $"http://{address}:0", [$"GALLERY_METRICS={setting}", "GALLERY_ALLOW_ANONYMOUS=true"]);

        Assert.Equal(status, (await service.Api.GetAsync("/metrics")).Status);
        Assert.Equal(status, (await service.Api.GetAsync("/metrics", ("X-Forwarded-For", "127.0.0.1"))).Status);
        Assert.Equal(200, (await service.Api.GetAsync("/livez")).Status);
    }

    [Fact]
    public async Task Off_it_is_not_there_and_nothing_is_registered()
    {
        await using var service = await ObservedService.StartAsync(_database, "GALLERY_METRICS=off");

        Assert.Equal((404, "route_not_found"), (await service.Api.GetAsync("/metrics")) is var answer ? (answer.Status, answer.Problem) : default);
        Assert.Null(service.Host.Services.GetService(typeof(OpenTelemetry.Metrics.MeterProvider)));
    }

    [Theory]
    [InlineData("GALLERY_METRICS=yes", "GALLERY_METRICS takes off, loopback or on.")]
    [InlineData("GALLERY_ACCESS_LOG=true", "GALLERY_ACCESS_LOG takes on or off.")]
    [InlineData("GALLERY_LOG_FORMAT=xml", "GALLERY_LOG_FORMAT takes text or json.")]
    [InlineData("GALLERY_LOG_LEVEL=loud", "GALLERY_LOG_LEVEL takes debug, info, warning or error.")]
    [InlineData("OTEL_EXPORTER_OTLP_ENDPOINT=collector:4317", "OTEL_EXPORTER_OTLP_ENDPOINT is not an http:// or https:// URL. Set the collector's, such as http://localhost:4317.")]
    public async Task A_setting_that_can_not_be_used_is_named_with_what_it_takes(string setting, string message) =>
        Assert.Equal(message, (await Assert.ThrowsAsync<SettingsException>(() => ObservedService.StartAsync(_database, setting))).Message);

    internal static IPAddress? FindOwnAddress() => NetworkInterface.GetAllNetworkInterfaces()
        .Where(network => network.OperationalStatus == OperationalStatus.Up)
        .SelectMany(network => network.GetIPProperties().UnicastAddresses)
        .Select(unicast => unicast.Address)
        .FirstOrDefault(address => address.AddressFamily == AddressFamily.InterNetwork && !IPAddress.IsLoopback(address));
}
