using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Gallery.Tests.Transfers;

/// <summary>Answers each request with the next of some texts, and then ends the connection. The last text is repeated.</summary>
internal sealed class FalseServer : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _end = new();
    private readonly Task _running;
    private int _requests;

    public FalseServer(params string[] answers)
    {
        _listener.Start();
        _running = RunAsync(answers);
    }

    public Uri Address => new($"http://{_listener.LocalEndpoint}");

    public int Requests => _requests;

    /// <summary>An answer whose length is sent. It is broken off if that is more than its text.</summary>
    public static string Answer(string text, int? length = null, int status = 200, string type = "application/x-ndjson") =>
        $"HTTP/1.1 {status} X\r\nContent-Type: {type}\r\nConnection: close\r\nContent-Length: {length ?? Encoding.UTF8.GetByteCount(text)}\r\n\r\n{text}";

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        _listener.Dispose();
        await _running;
        _end.Dispose();
    }

    private async Task RunAsync(string[] answers)
    {
        while (!_end.IsCancellationRequested)
        {
            try
            {
                using var client = await _listener.AcceptTcpClientAsync(_end.Token);
                await using var stream = client.GetStream();
                using var reader = new StreamReader(stream, Encoding.Latin1, leaveOpen: true);
                while (await reader.ReadLineAsync(_end.Token) is { Length: > 0 }) { }
                await stream.WriteAsync(Encoding.UTF8.GetBytes(answers[Math.Min(_requests++, answers.Length - 1)]), _end.Token);
                client.Client.Shutdown(SocketShutdown.Send);
                while (await reader.ReadLineAsync(_end.Token) is not null) { }
            }
            catch (Exception e) when (e is IOException or OperationCanceledException or SocketException or ObjectDisposedException)
            {
                // the client has left, or the test is over
            }
        }
    }
}
