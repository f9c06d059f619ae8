using System.Globalization;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Gallery.Tests.Limits;

/// <summary>HTTP/1.1 as bytes, for what no client library would send.</summary>
internal sealed partial class RawConnection : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly Socket _socket = new(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    private readonly List<byte> _received = [];

    /// <param name="window">Bytes that the kernel keeps for a reader who is slow; null for as many as it likes.</param>
    public static async Task<RawConnection> OpenAsync(Uri address, int? window = null)
    {
        var connection = new RawConnection();
        if (window is { } bytes) connection._socket.ReceiveBufferSize = bytes;
        await connection._socket.ConnectAsync(address.Host, address.Port);
        return connection;
    }

    public async Task SendAsync(string text)
    {
        using var patience = new CancellationTokenSource(Patience);
        for (ReadOnlyMemory<byte> rest = Encoding.Latin1.GetBytes(text); rest.Length > 0;)
            rest = rest[await _socket.SendAsync(rest, patience.Token)..];
    }

    /// <summary>How many bytes were taken before the other side ended the connection; all of them if it did not.</summary>
    public async Task<int> SendUntilRefusedAsync(string text, int times)
    {
        var sent = 0;
        try
        {
            for (var i = 0; i < times; i++, sent += text.Length) await SendAsync(text);
        }
        catch (SocketException)
        {
            // ended
        }

        return sent;
    }

    /// <summary>The next answer; null if the connection ends without one.</summary>
    public async Task<RawAnswer?> ReadAsync()
    {
        while (Head().Match(Received) is var head)
        {
            if (head.Success && FindEnd(head) is { } end)
            {
                var answer = new RawAnswer(int.Parse(head.Groups["status"].Value, CultureInfo.InvariantCulture), head.Value, Received[head.Length..end]);
                _received.RemoveRange(0, end);
                return answer;
            }

            if (!await ReceiveAsync()) return null;
        }

        return null;
    }

    /// <summary>What came until the connection ended.</summary>
    public async Task<string> ReadToEndAsync()
    {
        while (await ReceiveAsync()) { }
        return Received;
    }

    /// <summary>Whether there was more; false at the connection's end, or its breaking off.</summary>
    public async Task<bool> ReceiveAsync()
    {
        using var patience = new CancellationTokenSource(Patience);
        var buffer = new byte[65_536];
        try
        {
            var read = await _socket.ReceiveAsync(buffer, patience.Token);
            _received.AddRange(buffer.AsSpan(0, read));
            return read > 0;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    public void Dispose() => _socket.Dispose();

    /// <summary>Ends the connection without the usual farewell, as a crash does.</summary>
    public void Reset()
    {
        _socket.LingerState = new LingerOption(true, 0);
        Dispose();
    }

    private string Received => Encoding.Latin1.GetString([.. _received]);

    private int? FindEnd(Match head)
    {
        if (head.Groups["status"].Value[0] == '1') return head.Length;
        var length = Length().Match(head.Value) is { Success: true } given ? int.Parse(given.Groups[1].Value, CultureInfo.InvariantCulture) : (int?)null;
        var end = length is { } bytes
            ? head.Length + bytes
            : Received.IndexOf("\r\n0\r\n\r\n", head.Length - 2, StringComparison.Ordinal) is var last and >= 0 ? last + 7 : int.MaxValue;
        return end <= _received.Count ? end : null;
    }

    [GeneratedRegex(@"\AHTTP/1\.1 (?<status>\d{3}) .*?\r\n\r\n", RegexOptions.Singleline)]
    private static partial Regex Head();

    [GeneratedRegex(@"\r\nContent-Length: (\d+)\r\n", RegexOptions.IgnoreCase)]
    private static partial Regex Length();
}

/// <summary>An answer as it came; a body in chunks still has their lines.</summary>
internal sealed record RawAnswer(int Status, string Head, string Text)
{
    /// <summary>The stable word of a failure; null where the body is none of ours.</summary>
    public string? Problem => Head.Contains("application/problem+json", StringComparison.Ordinal)
        ? (string?)JsonNode.Parse(Text[Text.IndexOf('{', StringComparison.Ordinal)..(Text.LastIndexOf('}') + 1)])!["code"]
        : null;

    public string? Find(string header) =>
        Head.Split("\r\n").FirstOrDefault(line => line.StartsWith($"{header}: ", StringComparison.OrdinalIgnoreCase))?[(header.Length + 2)..];
}
