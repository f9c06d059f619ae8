using Gallery.Tests.Database;

namespace Gallery.Tests.Service;

/// <summary>GALLERY_DRAIN_SECONDS: how the service leaves a load balancer.</summary>
public sealed class DrainTests(TestServer server) : IAsyncLifetime
{
    private TestDatabase _database = null!;
    private ServiceProcess _service = null!;
    private Uri _address = null!;

    public async ValueTask InitializeAsync()
    {
        _database = await server.CreateDatabaseAsync(migrated: true);
        _service = new ServiceProcess("http://127.0.0.1:0", dotEnv: null, "GALLERY_DRAIN_SECONDS=300", $"DATABASE_URL={_database.ConnectionString}");
        _address = await _service.WaitForServingAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _service.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Theory]
    [InlineData("TERM")]
    [InlineData("INT")]
    public async Task After_SIGTERM_it_goes_on_accepting_while_it_is_not_ready_until_a_second_signal(string second)
    {
        await _service.SendAsync("TERM");
        await Within.UntilAsync("the service is not ready", async () => await AskAsync(api => api.GetAsync("/readyz")) is not { Status: 200 });
        await Task.Delay(TimeSpan.FromSeconds(3), TestContext.Current.CancellationToken);   // a probe has come meanwhile

        var ready = await AskAsync(api => api.GetAsync("/readyz"));
        Assert.Equal((503, "shutting_down", true), (ready.Status, ready.Problem, ready.Headers.ConnectionClose));
        Assert.Equal(200, (await AskAsync(api => api.GetAsync("/livez"))).Status);
        Assert.Equal(201, (await AskAsync(api => api.SaveAsync(Guid.NewGuid()))).Status);

        await _service.SendAsync(second);
        Assert.Equal(0, await _service.WaitForExitAsync());   // which waits less than the drain
        Assert.Empty(_service.Errors);
    }

    [Fact]
    public async Task After_Ctrl_C_it_does_not_wait()
    {
        await _service.SendAsync("INT");

        Assert.Equal(0, await _service.WaitForExitAsync());
        Assert.Empty(_service.Errors);
    }

    /// <summary>On a new connection.</summary>
    private async Task<Answer> AskAsync(Func<Api, Task<Answer>> request)
    {
        using var api = new Api(_address);
        return await request(api);
    }
}
