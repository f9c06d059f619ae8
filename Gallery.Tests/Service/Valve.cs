using System.Net;
using System.Net.Sockets;

namespace Gallery.Tests.Service;

/// <summary>A TCP relay in front of a server, which can be shut: connections break or fall silent, and new ones are refused or find silence.</summary>
public sealed class Valve : IAsyncDisposable
{
    private readonly IPEndPoint _server;
    private readonly int _port;
    private readonly List<Socket> _sockets = [];
    private TcpListener _listener;
    private volatile bool _silent;

    private Valve(IPEndPoint server)
    {
        _server = server;
        _listener = Listen(0);
        _port = ((IPEndPoint)_listener.LocalEndpoint).Port;
    }

    public int Port => _port;

    public static async Task<Valve> OpenAsync(string host, int port)
    {
        var address = (await Dns.GetHostAddressesAsync(host, AddressFamily.InterNetwork))[0];
        return new Valve(new IPEndPoint(address, port));
    }

    /// <summary>The server is gone: every connection breaks, and a new one is refused.</summary>
    public void Shut()
    {
        _listener.Stop();
        Break();
    }

    /// <summary>The server hangs: connections stand, and nothing passes any more; a new one is taken and never answered.</summary>
    public void Silence() => _silent = true;

    public void Open()
    {
        if (_silent) Break();
        else _listener = Listen(_port);
        _silent = false;
    }

    public ValueTask DisposeAsync()
    {
        Shut();
        return ValueTask.CompletedTask;
    }

    private TcpListener Listen(int port)
    {
        var listener = new TcpListener(IPAddress.Loopback, port);
        listener.Server.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
        listener.Start();
        _ = AcceptAsync(listener);
        return listener;
    }

    private async Task AcceptAsync(TcpListener listener)
    {
        try
        {
            while (true) _ = RelayAsync(await listener.AcceptSocketAsync());
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // shut
        }
    }

    private async Task RelayAsync(Socket client)
    {
        Keep(client);
        if (_silent) return;
        var server = new Socket(SocketType.Stream, ProtocolType.Tcp);
        Keep(server);
        await server.ConnectAsync(_server);
        await Task.WhenAny(CopyAsync(client, server), CopyAsync(server, client));
        client.Dispose();
        server.Dispose();
    }

    private async Task CopyAsync(Socket from, Socket to)
    {
        try
        {
            var buffer = new byte[16_384];
            while (await from.ReceiveAsync(buffer) is var read and > 0)
                if (!_silent)
                    await to.SendAsync(buffer.AsMemory(0, read));
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // broken
        }
    }

    private void Keep(Socket socket)
    {
        lock (_sockets) _sockets.Add(socket);
    }

    private void Break()
    {
        lock (_sockets)
        {
            foreach (var socket in _sockets) socket.Dispose();
            _sockets.Clear();
        }
    }
}
