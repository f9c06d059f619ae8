using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace Gallery.Tests.Fuzzing;

/// <summary>A connection for bytes that no HTTP client would send.</summary>
internal sealed class RawConnection : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly TcpClient _tcp;
    private readonly NetworkStream _stream;

    private RawConnection(TcpClient tcp) => (_tcp, _stream) = (tcp, tcp.GetStream());

    public static async Task<RawConnection> OpenAsync(Uri address)
    {
        var tcp = new TcpClient();
        await tcp.ConnectAsync(address.Host, address.Port);
        return new RawConnection(tcp);
    }

    /// <summary>The answer to these bytes, after which the service must close the connection.</summary>
    public static async Task<RawAnswer> AskAsync(Uri address, string head, byte[]? body = null)
    {
        using var connection = await OpenAsync(address);
        await connection.SendAsync(Encoding.UTF8.GetBytes(head));
        if (body is not null) await connection.SendAsync(body);
        return await connection.ReadAsync();
    }

    /// <summary>Returns false after the other side has closed the connection.</summary>
    public async Task<bool> SendAsync(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            await _stream.WriteAsync(bytes);
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }

    /// <summary>Ends sending. The answer can still be read.</summary>
    public void EndSending() => _stream.Socket.Shutdown(SocketShutdown.Send);

    /// <summary>Everything received until the connection is closed.</summary>
    public async Task<RawAnswer> ReadAsync()
    {
        using var patience = new CancellationTokenSource(Patience);
        using var read = new MemoryStream();
        try
        {
            await _stream.CopyToAsync(read, patience.Token);
        }
        catch (IOException)
        {
            // The connection was reset. What was received before is the answer.
        }

        return RawAnswer.Parse(Encoding.UTF8.GetString(read.ToArray()));
    }

    public void Dispose() => _tcp.Dispose();
}

/// <param name="Status">Null if the connection was closed without an answer.</param>
/// <param name="Rest">Everything after the first empty line.</param>
internal sealed record RawAnswer(int? Status, IReadOnlyList<string> Head, string Rest)
{
    public static RawAnswer Parse(string text)
    {
        var end = text.IndexOf("\r\n\r\n", StringComparison.Ordinal);
        if (end < 0) return new RawAnswer(null, [], text);
        var head = text[..end].Split("\r\n");
        return new RawAnswer(int.Parse(head[0].Split(' ')[1], CultureInfo.InvariantCulture), head, text[(end + 4)..]);
    }
}
