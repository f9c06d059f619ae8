using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Gallery.Sql.Embedded;
using Npgsql;

namespace Gallery.Tests.Embedded;

/// <summary>Another process that listens on the port of a private server that has died.</summary>
public sealed class ImpostorTests
{
    private const string Password = "0123456789abcdef0123456789abcdef0123456789abcdef";
    private const int Ok = 0, ClearText = 3, Md5 = 5;
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public static TheoryData<string, int> RolesAndRequests() => new(
        from role in new[] { ServerConnection.User, ServerConnection.Migrator, ServerConnection.Service }
        from request in new[] { Ok, ClearText, Md5 }
        select (role, request));

    [Theory]
    [MemberData(nameof(RolesAndRequests))]
    public async Task Is_sent_neither_a_password_nor_a_statement(string role, int request)
    {
        using var impostor = new TcpListener(IPAddress.Loopback, 0);
        impostor.Start();
        var asked = AskAsync(impostor, request);

        await Assert.ThrowsAnyAsync<NpgsqlException>(() => SelectAsync(impostor, role));

        Assert.Equal("", await asked);
    }

    private static async Task SelectAsync(TcpListener impostor, string role)
    {
        var port = ((IPEndPoint)impostor.LocalEndpoint).Port;
        var to = new NpgsqlConnectionStringBuilder(ServerConnection.To(port, Password, role: role)) { Pooling = false, Timeout = 10 };
        await using var connection = new NpgsqlConnection(to.ConnectionString);
        await connection.OpenAsync(Ct);
        await using var command = new NpgsqlCommand("select 'a prompt'", connection);
        await command.ExecuteScalarAsync(Ct);
    }

    /// <summary>Makes one request for authentication, and returns everything that the client sends afterwards, except its farewell.</summary>
    private static async Task<string> AskAsync(TcpListener impostor, int request)
    {
        using var client = await impostor.AcceptTcpClientAsync(Ct);
        await using var stream = client.GetStream();
        for (var first = await ReadStartAsync(stream); first is GssRequest or TlsRequest; first = await ReadStartAsync(stream))
            await stream.WriteAsync("N"u8.ToArray(), Ct);

        byte[] rest = request == Md5 ? [1, 2, 3, 4] : [];       // the salt
        var message = new byte[9 + rest.Length];
        message[0] = (byte)'R';
        BinaryPrimitives.WriteInt32BigEndian(message.AsSpan(1), 8 + rest.Length);
        BinaryPrimitives.WriteInt32BigEndian(message.AsSpan(5), request);
        rest.CopyTo(message, 9);
        byte[] ready = request == Ok ? [(byte)'Z', 0, 0, 0, 5, (byte)'I'] : [];
        await stream.WriteAsync((byte[])[.. message, .. ready], Ct);
        client.Client.Shutdown(SocketShutdown.Send);

        using var received = new MemoryStream();
        try
        {
            await stream.CopyToAsync(received, Ct);
        }
        catch (IOException)
        {
            // The client has closed the connection.
        }

        byte[] farewell = [(byte)'X', 0, 0, 0, 4];
        var bytes = received.ToArray();
        return Encoding.ASCII.GetString(bytes.AsSpan().EndsWith(farewell) ? bytes[..^farewell.Length] : bytes);
    }

    private const int TlsRequest = 80877103, GssRequest = 80877104;

    // The start-up message and the two requests before it have no type: a length, then a number.
    private static async Task<int> ReadStartAsync(NetworkStream stream)
    {
        var head = new byte[8];
        await stream.ReadExactlyAsync(head, Ct);
        await stream.ReadExactlyAsync(new byte[BinaryPrimitives.ReadInt32BigEndian(head) - head.Length], Ct);
        return BinaryPrimitives.ReadInt32BigEndian(head.AsSpan(4));
    }
}
