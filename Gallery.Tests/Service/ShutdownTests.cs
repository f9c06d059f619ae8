using System.Diagnostics;
using System.Net.Sockets;
using Gallery.Tests.Database;
using Npgsql;

namespace Gallery.Tests.Service;

/// <summary>How the service, a process, ends when it is told to.</summary>
public sealed class ShutdownTests(TestServer server) : IAsyncLifetime
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(10);

    private TestDatabase _database = null!;
    private Valve _valve = null!;
    private ServiceProcess _service = null!;
    private Uri _address = null!;
    private Api _api = null!;

    public async ValueTask InitializeAsync()
    {
        _database = await server.CreateDatabaseAsync(migrated: true);
        var connection = new NpgsqlConnectionStringBuilder(_database.ConnectionString);
        _valve = await Valve.OpenAsync(connection.Host!, connection.Port);
        (connection.Host, connection.Port, connection.Pooling) = ("127.0.0.1", _valve.Port, true);
        _service = new ServiceProcess("http://127.0.0.1:0", dotEnv: null, "GALLERY_DRAIN_SECONDS=1", $"DATABASE_URL={connection.ConnectionString}");
        _address = await _service.WaitForServingAsync();
        _api = new Api(_address);
        Assert.Equal(200, (await _api.GetAsync("/readyz")).Status);   // and a connection that is kept
    }

    public async ValueTask DisposeAsync()
    {
        _api.Dispose();
        await _service.DisposeAsync();
        await _valve.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Fact]
    public async Task Told_to_stop_it_is_first_not_ready_and_sends_its_clients_away()
    {
        var exit = _service.TerminateAsync();
        Answer answer;
        do answer = await _api.GetAsync("/readyz");
        while (answer.Status == 200);

        Assert.Equal((503, "shutting_down"), (answer.Status, answer.Problem));
        Assert.True(answer.Headers.ConnectionClose);
        Assert.NotNull(answer.Headers.RetryAfter);
        Assert.Equal(0, await exit);
        Assert.Empty(_service.Errors);
    }

    [Fact]
    public async Task What_runs_is_finished_and_answered_though_a_client_keeps_its_connections()
    {
        using var idle = new TcpClient();
        await idle.ConnectAsync(_address.Host, _address.Port);
        await using var blocker = new NpgsqlConnection(_database.ConnectionString);
        await blocker.OpenAsync();
        await using var transaction = await blocker.BeginTransactionAsync();
        await new NpgsqlCommand("lock table gallery.image", blocker, transaction).ExecuteNonQueryAsync();
        var id = Guid.NewGuid();
        var save = _api.SaveAsync(id);
        await _database.WaitForWaitersAsync(request: save);

        var watch = Stopwatch.StartNew();
        var exit = _service.TerminateAsync();
        await Task.WhenAny(RefusedAsync(), Task.Delay(1800));
        await transaction.CommitAsync();

        Assert.Equal(201, (await save).Status);
        Assert.Equal(0, await exit);
        Assert.InRange(watch.Elapsed, TimeSpan.Zero, Timeout);
        Assert.Equal(1, await _database.FindAsync<long>("select count(*) from gallery.image where image_id = @id", new { id }));
    }

    [Fact]
    public async Task It_ends_in_time_while_the_database_hangs()
    {
        _valve.Silence();
        var requests = Enumerable.Range(0, 40).Select(i => i % 2 == 0 ? _api.GetAsync("/v1/gallery/") : _api.SaveAsync(Guid.NewGuid())).ToArray();
        var watch = Stopwatch.StartNew();
        var exit = await _service.TerminateAsync();

        Assert.Equal(0, exit);
        Assert.InRange(watch.Elapsed, TimeSpan.Zero, Timeout);
        Assert.All(await Task.WhenAll(requests), answer => Assert.Equal(503, answer.Status));
    }

    /// <summary>Ends once nothing listens any more.</summary>
    private async Task RefusedAsync()
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (true)
        {
            using var client = new TcpClient();
            try
            {
                await client.ConnectAsync(_address.Host, _address.Port);
                await Task.Delay(20, patience.Token);
            }
            catch (SocketException)
            {
                return;
            }
        }
    }
}
