using Gallery.Service;
using Gallery.Sql.Database;
using Gallery.Tests.Access;
using Gallery.Tests.Service;

namespace Gallery.Tests.Observability;

/// <summary><c>GALLERY_METRICS_URL</c>: metrics on a port for them alone.</summary>
public sealed class MetricsPortTests(TestService other) : IClassFixture<TestService>
{
    private readonly string _database = other.Database.ConnectionString;

    [Fact]
    public async Task The_port_serves_the_metrics_and_nothing_else_and_no_other_port_has_them()
    {
        var address = new Uri($"http://127.0.0.1:{StartTests.FreePort()}");
        await using var service = await ObservedService.StartAsync(_database, GuardedService.Keys, $"GALLERY_METRICS_URL={address}");
        using var port = new Api(address);
        await service.Api.GetAsync("/v1/gallery/", ("X-API-Key", GuardedService.Key));

        Assert.Contains("http_route=\"/v1/gallery/\"", (await port.GetAsync("/metrics", ("X-Forwarded-For", "192.0.2.1"))).Text, StringComparison.Ordinal);
        Assert.DoesNotContain("http_route=\"/metrics\"", (await port.GetAsync("/metrics")).Text, StringComparison.Ordinal);
        foreach (var path in new[] { "/", "/livez", "/v1/gallery/", "/openapi/v1.json" }) Assert.Equal(404, (await port.GetAsync(path, ("X-API-Key", GuardedService.Key))).Status);
        Assert.Equal(404, (await port.GetAsync("/metrics", ("Host", "evil.example"))).Status);
        Assert.Equal((404, "route_not_found"), (await service.Api.GetAsync("/metrics")) is var answer ? (answer.Status, answer.Problem) : default);
    }

    [Theory]
    [InlineData("GALLERY_METRICS_URL takes one address, http://host:port.", "GALLERY_METRICS_URL=9464")]
    [InlineData("GALLERY_METRICS_URL takes one address, http://host:port.", "GALLERY_METRICS_URL=https://127.0.0.1:9464")]
    [InlineData("GALLERY_METRICS_URL takes one address, http://host:port.", "GALLERY_METRICS_URL=http://127.0.0.1:1;http://127.0.0.1:2")]
    [InlineData("GALLERY_METRICS and GALLERY_METRICS_URL are both set. Remove one of them.", "GALLERY_METRICS_URL=http://127.0.0.1:9464", "GALLERY_METRICS=off")]
    public async Task A_setting_that_cannot_be_used_is_named_with_what_it_takes(string message, params string[] settings) =>
        Assert.Equal(message, (await Assert.ThrowsAsync<SettingsException>(() => ObservedService.StartAsync(_database, settings))).Message);

    [Fact]
    public async Task A_port_that_is_taken_ends_the_start_with_the_settings_name() =>
        Assert.StartsWith(
            $"GALLERY_METRICS_URL is {other.Api.Address.ToString().TrimEnd('/')}, and the service cannot listen there: ",
            (await Assert.ThrowsAsync<ServiceAddressException>(() => ObservedService.StartAsync(_database, $"GALLERY_METRICS_URL={other.Api.Address.ToString().TrimEnd('/')}"))).Message,
            StringComparison.Ordinal);
}
