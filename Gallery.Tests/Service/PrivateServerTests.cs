using Gallery.Tests.Embedded;

namespace Gallery.Tests.Service;

/// <summary>The service on its private PostgreSQL.</summary>
[Collection<EmbeddedServers>]
public sealed class PrivateServerTests(FetchedPrograms fetched) : IDisposable
{
    private readonly TemporaryHome _home = new();

    public void Dispose() => _home.Dispose();

    [Theory]
    [InlineData]
    [InlineData("GALLERY_DATABASE=embedded", ServiceProcess.Credentials, "DOTNET_RUNNING_IN_CONTAINER=true")]
    public async Task Is_used_by_an_open_service_on_loopback_and_wherever_it_is_asked_for(params string[] settings)
    {
        await using var service = Start(settings);
        using var api = new Api(await service.WaitForServingAsync());

        Assert.Equal(200, (await api.GetAsync("/readyz")).Status);
        Assert.Equal(settings.Length == 0, (bool)(await api.GetAsync("/page/settings.json")).Body["is_demo"]!);   // an open one may be filled with invented images
        Assert.Contains($"its private PostgreSQL, from {fetched.Folder}", service.Output, StringComparison.Ordinal);
        Assert.Equal(0, await service.TerminateAsync());
        Assert.Empty(service.Errors);
    }

    [Fact]
    public async Task A_broken_one_ends_the_start_with_one_line_and_3()
    {
        await using (var postgres = await fetched.StartAsync(_home)) await postgres.AskAsync("drop extension plpgsql");

        await using var service = Start();
        Assert.Equal(3, await service.WaitForExitAsync());

        var line = Assert.Single(service.Errors);
        Assert.Contains(_home.Path, line, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", line, StringComparison.Ordinal);
    }

    private ServiceProcess Start(params string[] settings) =>
        new("http://127.0.0.1:0", dotEnv: null, [$"GALLERY_DATA={_home.Path}", $"GALLERY_POSTGRES_BIN={fetched.Folder}", .. settings]);
}
