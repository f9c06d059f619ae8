using System.Net;
using System.Net.Sockets;
using Gallery.Tests.Database;
using Gallery.Tests.Service;
using Microsoft.AspNetCore.Builder;
using Npgsql;

namespace Gallery.Tests.Reliability;

/// <summary>A service in this process and a client that allocates nothing, so that all measured allocations are the service's.</summary>
internal sealed class Measured : IAsyncDisposable
{
    private readonly WebApplication _service;
    private readonly NpgsqlDataSource _source;
    private readonly byte[] _answer = new byte[1 << 20];

    private Measured(WebApplication service, NpgsqlDataSource source, Api api) => (_service, _source, Api) = (service, source, api);

    public Api Api { get; }

    public static async Task<Measured> StartAsync(TestDatabase database)
    {
        var (service, source, api) = await TestService.StartAsync(database.ConnectionString);
        return new Measured(service, source, api);
    }

    /// <summary>Sends the requests one by one. The first third is the warm-up; returns the mean of the others.</summary>
    public (long AnswerBytes, long AllocatedBytes) Measure(byte[][] requests)
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        socket.Connect(IPAddress.Loopback, Api.Address.Port);
        var (answered, allocated, first) = (0L, 0L, requests.Length / 3);
        for (var i = 0; i < requests.Length; i++)
        {
            if (i == first) (answered, allocated) = (0, GC.GetTotalAllocatedBytes(precise: true));
            for (var sent = 0; sent < requests[i].Length;) sent += socket.Send(requests[i].AsSpan(sent));
            answered += Receive(socket);
        }

        return (answered / (requests.Length - first), (GC.GetTotalAllocatedBytes(precise: true) - allocated) / (requests.Length - first));
    }

    public async ValueTask DisposeAsync()
    {
        Api.Dispose();
        await _service.DisposeAsync();
        await _source.DisposeAsync();
    }

    /// <summary>The answer's size in bytes, with its head. Its body comes in chunks.</summary>
    private int Receive(Socket socket)
    {
        var length = 0;
        while (!_answer.AsSpan(0, length).EndsWith("\r\n0\r\n\r\n"u8))
        {
            var read = socket.Receive(_answer.AsSpan(length));
            Assert.NotEqual(0, read);
            length += read;
        }

        Assert.True(_answer.AsSpan().StartsWith("HTTP/1.1 2"u8));
        return length;
    }
}
