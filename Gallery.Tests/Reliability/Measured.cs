using System.Buffers.Text;
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

    /// <summary>The answer's size in bytes, with its head, which has the length of the body.</summary>
    private int Receive(Socket socket)
    {
        var length = 0;
        for (var expected = int.MaxValue; length < expected;)
        {
            var read = socket.Receive(_answer.AsSpan(length));
            Assert.NotEqual(0, read);
            length += read;
            if (_answer.AsSpan(0, length).IndexOf("\r\n\r\n"u8) is var head and >= 0) expected = head + 4 + FindContentLength(_answer.AsSpan(0, head));
        }

        Assert.True(_answer.AsSpan().StartsWith("HTTP/1.1 2"u8));
        return length;
    }

    private static int FindContentLength(ReadOnlySpan<byte> head)
    {
        var name = "Content-Length: "u8;
        Assert.True(Utf8Parser.TryParse(head[(head.IndexOf(name) + name.Length)..], out int length, out _));
        return length;
    }
}
