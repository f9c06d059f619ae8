using Gallery.Tests.Observability;
using Gallery.Tests.Service;

namespace Gallery.Tests.Access;

/// <summary>A service that asks for no credentials, and whom it answers.</summary>
public sealed class OpenServiceTests(TestService service) : IClassFixture<TestService>
{
    [Theory]
    [InlineData("localhost")]
    [InlineData("LOCALHOST:9999")]
    [InlineData("127.0.0.1")]
    [InlineData("127.0.0.2:9999")]
    [InlineData("[::1]:9999")]
    [InlineData("gallery.localhost")]
    public async Task This_machines_own_names_and_addresses_are_answered(string host) =>
        Assert.Equal(200, (await service.Api.GetAsync("/v1/gallery/?limit=1", ("Host", host))).Status);

    [Theory]
    [InlineData("evil.example")]
    [InlineData("evil.example:9999")]
    [InlineData("localhost.evil.example")]
    [InlineData("127.0.0.1.evil.example")]
    [InlineData("evillocalhost")]
    public async Task A_web_page_that_poses_as_this_machine_by_its_name_is_refused(string host)
    {
        var answer = await service.Api.GetAsync("/v1/gallery/?limit=1", ("Host", host));

        Assert.Equal((400, "unknown_host"), (answer.Status, answer.Problem));
    }

    [Theory]
    [InlineData("127.0.0.1", 400)]
    [InlineData("[::1]", 400)]
    [InlineData("*", 400)]
    [InlineData("OTHER MACHINES", 200)]
    public async Task With_leave_for_anyone_names_are_refused_on_loopback_only(string listening, int status)
    {
        var called = listening switch
        {
            "*" => "127.0.0.1",
            "OTHER MACHINES" => MetricsTests.FindOwnAddress()?.ToString(),
            var address => address,
        };
        if (called is null) Assert.Skip("This machine has no address but loopback.");
        await using var open = await ObservedService.StartAsync(service.Database.ConnectionString, $"http://{(listening == "*" ? listening : called)}:0", ["GALLERY_ALLOW_ANONYMOUS=true"]);
        using var api = new Api(new UriBuilder(open.Api.Address) { Host = called }.Uri);

        Assert.Equal(200, (await api.GetAsync("/v1/gallery/?limit=1")).Status);
        foreach (var header in new[] { ("X-None", ""), ("X-Forwarded-For", "192.0.2.1"), ("X-Forwarded-Host", "localhost") })
            Assert.Equal((header, status), (header, (await api.GetAsync("/v1/gallery/?limit=1", ("Host", "evil.example"), header)).Status));
    }
}
