using System.Net;
using System.Net.Sockets;

namespace Gallery.Tests.Service;

/// <summary>A TCP relay in front of a server that can lose an answer, and the connection with it: what was asked for is done, and not told.</summary>
public sealed class LosingRelay : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly IPEndPoint _server;
    private int _toLose;

    private LosingRelay(IPEndPoint server)
    {
        _server = server;
        _listener.Start();
        _ = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    public static async Task<LosingRelay> OpenAsync(string host, int port) =>
        new(new IPEndPoint((await Dns.GetHostAddressesAsync(host, AddressFamily.InterNetwork))[0], port));

    public void LoseNextAnswer() => Volatile.Write(ref _toLose, 1);

    /// <summary>Whether the answer has been lost meanwhile.</summary>
    public bool HasLost => Volatile.Read(ref _toLose) == 0;

    public ValueTask DisposeAsync()
    {
        _listener.Stop();
        return ValueTask.CompletedTask;
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true) _ = RelayAsync(await _listener.AcceptSocketAsync());
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // stopped
        }
    }

    private async Task RelayAsync(Socket client)
    {
        using (client)
        using (var server = new Socket(SocketType.Stream, ProtocolType.Tcp))
        {
            await server.ConnectAsync(_server);
            await Task.WhenAny(CopyAsync(client, server, isAnswer: false), CopyAsync(server, client, isAnswer: true));
        }
    }

    private async Task CopyAsync(Socket from, Socket to, bool isAnswer)
    {
        try
        {
            var buffer = new byte[65_536];
            while (await from.ReceiveAsync(buffer) is var read and > 0)
            {
                if (isAnswer && Interlocked.CompareExchange(ref _toLose, 0, 1) == 1) return;
                await to.SendAsync(buffer.AsMemory(0, read));
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // broken
        }
    }
}
