using Gallery.Tests.Access;
using Gallery.Tests.Reliability;
using Gallery.Tests.Service;

namespace Gallery.Tests.Observability;

/// <summary>What Gallery adds to the metrics of ASP.NET Core and Npgsql. Runs alone, because metrics of other services in this process have the same names.</summary>
[Collection<UnderLoad>]
public sealed class MetricLabelsTests(AccessFixture fixture) : IClassFixture<AccessFixture>
{
    private const string Duration = "http_server_request_duration_seconds";

    private static readonly (string, string) Key = ("X-API-Key", GuardedService.Key);

    [Fact]
    public async Task A_requests_duration_has_its_caller_the_outcome_of_a_write_and_the_code_of_a_failure()
    {
        await using var service = await ObservedService.StartAsync(
            fixture.Database.ConnectionString, GuardedService.Keys, $"SUPABASE_URL={fixture.Issuer.Url}", $"SUPABASE_JWT_SECRET={TestIssuer.Secret}");
        var id = Guid.NewGuid();
        var image = $$"""{"user_id":"user_123","image_url":"{{Api.UrlOf(id)}}"}""";
        var user = GuardedService.Bearer(fixture.Issuer.Token("HS256", "user_123"));

        Assert.Equal(201, (await service.Api.PostAsync("/v1/gallery/", image, Key)).Status);
        Assert.Equal(200, (await service.Api.PostAsync("/v1/gallery/", image, Key)).Status);
        Assert.Equal(200, (await service.Api.SendAsync(HttpMethod.Delete, $"/v1/gallery/{id}/", null, user)).Status);
        Assert.Equal(404, (await service.Api.GetAsync($"/v1/gallery/{id}/", user)).Status);
        Assert.Equal(401, (await service.Api.GetAsync($"/v1/gallery/{id}/")).Status);
        Assert.Equal(404, (await service.Api.GetAsync("/nowhere")).Status);
        var text = (await service.Api.GetAsync("/metrics")).Text;

        const string images = "http_route=\"/v1/gallery/\"", one = "http_route=\"/v1/gallery/{image_id:uuid}/\"";
        Assert.Equal(1, Count(text, images, "caller=\"key\"", "outcome=\"created\"", "http_response_status_code=\"201\""));
        Assert.Equal(1, Count(text, images, "caller=\"key\"", "outcome=\"unchanged\"", "http_response_status_code=\"200\""));
        Assert.Equal(1, Count(text, one, "caller=\"user\"", "outcome=\"updated\""));
        Assert.Equal(1, Count(text, one, "caller=\"user\"", "code=\"image_deleted\""));
        Assert.Equal(1, Count(text, "caller=\"anonymous\"", "code=\"missing_credentials\""));
        Assert.Equal(1, Count(text, "caller=\"anonymous\"", "code=\"route_not_found\""));
        Assert.Equal(0, Count(text, "http_response_status_code=\"200\"", ",code="));
    }

    [Fact]
    public async Task Durations_are_in_seconds_from_half_a_millisecond()
    {
        await using var service = await ObservedService.StartAsync(fixture.Database.ConnectionString);
        await service.Api.GetAsync($"/v1/gallery/{Guid.NewGuid()}/");
        var text = (await service.Api.GetAsync("/metrics")).Text;

        foreach (var name in new[] { Duration, "db_client_operation_duration_seconds" })
            Assert.Equal(
                ["0.0005", "0.001", "0.0025", "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "+Inf"],
                text.Split('\n').Where(line => line.StartsWith($"{name}_bucket", StringComparison.Ordinal)).Select(line => line.Split("le=\"")[1].Split('"')[0]).Distinct());
        Assert.Contains("gallery_coalescer_wait_seconds_bucket{", text, StringComparison.Ordinal);
        Assert.DoesNotContain("milliseconds", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_trash_is_counted()
    {
        await fixture.Database.ExecuteAsync("insert into gallery.image (image_id, user_id, image_url, deleted_at) select gen_random_uuid(), 'trash', 'x', now() from generate_series(1, 20)");
        var expected = await fixture.Database.FindAsync<long>("select count(*) from gallery.image where deleted_at is not null");
        await using var service = await ObservedService.StartAsync(fixture.Database.ConnectionString);

        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        string text;
        while (!(text = (await service.Api.GetAsync("/metrics")).Text).Contains("gallery_trash_size{", StringComparison.Ordinal)) await Task.Delay(50, patience.Token);
        Assert.Contains($"}} {expected}", Assert.Single(text.Split('\n'), line => line.StartsWith("gallery_trash_size{", StringComparison.Ordinal)), StringComparison.Ordinal);
    }

    /// <summary>How many requests have all these labels.</summary>
    private static int Count(string text, params string[] labels) => text.Split('\n')
        .Where(line => line.StartsWith($"{Duration}_count{{", StringComparison.Ordinal) && labels.All(label => line.Contains(label, StringComparison.Ordinal)))
        .Sum(line => int.Parse(line.Split("} ")[1].Split(' ')[0], System.Globalization.CultureInfo.InvariantCulture));
}
