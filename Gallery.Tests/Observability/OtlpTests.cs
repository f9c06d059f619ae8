using System.Text;
using Gallery.Tests.Service;

namespace Gallery.Tests.Observability;

/// <summary>What the service sends to a collector of traces and metrics.</summary>
public sealed class OtlpTests(TestService other) : IClassFixture<TestService>
{
    private const string TraceId = "0af7651916cd43dd8448eb211c80319c";

    private readonly string _database = other.Database.ConnectionString;

    [Fact]
    public async Task A_request_is_a_span_of_its_callers_trace_named_by_its_route_and_its_statement_is_another()
    {
        await using var collector = await Collector.StartAsync();
        await using var service = await StartAsync(collector);
        var answer = await service.Api.GetAsync("/v1/gallery/?limit=7", ("traceparent", $"00-{TraceId}-b7ad6b7169203331-01"));

        Assert.Equal(TraceId, answer.Headers.GetValues("X-Request-Id").Single());
        await collector.WaitForAsync("/v1/traces", Encoding.Latin1.GetString(Convert.FromHexString(TraceId)));   // other tests' services send spans too
        await collector.WaitForAsync("/v1/traces", "from gallery.image as i");   // the statement's span ends first and may be sent first
        var spans = await collector.WaitForAsync("/v1/traces", "GET /v1/gallery/");
        Assert.Contains("postgresql", spans, StringComparison.Ordinal);
        Assert.Contains("gallery-tests", spans, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Metrics_of_requests_the_coalescer_and_the_pool_arrive()
    {
        await using var collector = await Collector.StartAsync();
        await using var service = await StartAsync(collector);
        await service.Api.SaveAsync(Guid.NewGuid());

        foreach (var name in new[] { "http.server.request.duration", "gallery.coalescer.batch_size", "db.client.connection", "dotnet.gc.collections" })
            await collector.WaitForAsync("/v1/metrics", name);
    }

    [Fact]
    public async Task Neither_holds_a_prompt_a_token_a_parameters_value_an_image_or_a_user()
    {
        await using var collector = await Collector.StartAsync();
        await using var service = await StartAsync(collector);
        var id = Guid.NewGuid();
        await service.Api.SaveAsync(id, userId: "user_QUOKKA", refinedPrompt: "QUOKKA PROMPT", metadata: """{"QUOKKA": "QUOKKA"}""");
        await service.Api.GetAsync($"/v1/gallery/{id}/?QUOKKA=QUOKKA", ("Authorization", "Bearer QUOKKA"), ("X-API-Key", "QUOKKA"), ("User-Agent", "QUOKKA"), ("Host", "quokka.example"));
        await service.Api.GetAsync("/v1/QUOKKA/");
        await service.Api.SendAsync(new HttpMethod("QUOKKA"), "/v1/gallery/?user_id=QUOKKA");
        await service.Api.GetAsync("/v1/gallery/?user_id=user_QUOKKA");
        await service.Api.DeleteAsync($"/v1/gallery/{id}/permanent/");

        var spans = await collector.WaitForAsync("/v1/traces", "DELETE /v1/gallery/{image_id:uuid}/permanent/");
        var metrics = await collector.WaitForAsync("/v1/metrics", "/v1/gallery/{image_id:uuid}/permanent/");
        // Statements of other tests in this process arrive too, so the mark is a word that no SQL holds.
        foreach (var sent in new[] { spans, metrics })
        {
            Assert.DoesNotContain("QUOKKA", sent, StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain(id.ToString(), sent, StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain("password=", sent, StringComparison.OrdinalIgnoreCase);
        }
    }

    [Fact]
    public async Task The_log_and_the_probes_are_not_sent()
    {
        await using var collector = await Collector.StartAsync();
        await using var service = await StartAsync(collector);
        await service.Api.GetAsync("/livez");
        await other.Database.ExecuteAsync("alter table gallery.image rename to image_away");
        Assert.Equal(503, (await service.Api.GetAsync("/v1/gallery/")).Status);
        await other.Database.ExecuteAsync("alter table gallery.image_away rename to image");

        Assert.DoesNotContain("livez", await collector.WaitForAsync("/v1/traces", "GET /v1/gallery/"), StringComparison.Ordinal);
        await service.Host.StopAsync();
        await service.Host.DisposeAsync();   // flushes
        Assert.False(collector.HasReceived("/v1/logs"));
    }

    [Fact]
    public async Task Its_settings_may_stand_in_dot_env_and_what_is_left_is_sent_when_the_service_ends()
    {
        await using var collector = await Collector.StartAsync();
        var dotEnv = $"OTEL_EXPORTER_OTLP_ENDPOINT={collector.Address}\nOTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf\nOTEL_SERVICE_NAME=from-dot-env\nOTEL_BSP_SCHEDULE_DELAY=60000";
        await using var service = new ServiceProcess("http://127.0.0.1:0", dotEnv, $"DATABASE_URL={_database}");
        using var api = new Api(await service.WaitForServingAsync());
        Assert.Equal(200, (await api.GetAsync("/v1/gallery/")).Status);
        Assert.Equal(0, await service.TerminateAsync());

        await collector.WaitForAsync("/v1/traces", "from-dot-env");
    }

    [Fact]
    public async Task Without_a_collector_no_request_is_traced()
    {
        await using var service = await ObservedService.StartAsync(_database);

        Assert.Null(service.Host.Services.GetService(typeof(OpenTelemetry.Trace.TracerProvider)));
    }

    [Fact]
    public async Task Switched_off_altogether_nothing_is_registered()
    {
        await using var service = await ObservedService.StartAsync(_database, "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:9", "OTEL_SDK_DISABLED=true");

        Assert.Null(service.Host.Services.GetService(typeof(OpenTelemetry.Trace.TracerProvider)));
        Assert.Equal(404, (await service.Api.GetAsync("/metrics")).Status);
    }

    private Task<ObservedService> StartAsync(Collector collector) => ObservedService.StartAsync(
        _database,
        "GALLERY_DRAIN_SECONDS=0",
        $"OTEL_EXPORTER_OTLP_ENDPOINT={collector.Address}",
        "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf",
        "OTEL_SERVICE_NAME=gallery-tests",
        "OTEL_BSP_SCHEDULE_DELAY=100",
        "OTEL_METRIC_EXPORT_INTERVAL=200");
}
