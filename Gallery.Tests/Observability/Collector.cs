using System.Collections.Concurrent;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Logging;

namespace Gallery.Tests.Observability;

/// <summary>An OTLP collector that keeps the raw requests. Names and values are plain UTF-8 in the protobuf.</summary>
internal sealed class Collector : IAsyncDisposable
{
    private readonly WebApplication _server;
    private readonly ConcurrentQueue<(string Path, string Text)> _received = [];

    private Collector(WebApplication server) => _server = server;

    public Uri Address => new(_server.Urls.Single());

    public static async Task<Collector> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var collector = new Collector(builder.Build());
        collector._server.Run(collector.ReceiveAsync);
        await collector._server.StartAsync();
        return collector;
    }

    /// <summary>Waits until the requests to a path contain the text, and returns them. Fails on a time-out.</summary>
    public async Task<string> WaitForAsync(string path, string text)
    {
        for (var patience = 1200; patience > 0; patience--)
        {
            var all = string.Concat(_received.Where(post => post.Path == path).Select(post => post.Text));
            if (all.Contains(text, StringComparison.Ordinal)) return all;
            await Task.Delay(50, TestContext.Current.CancellationToken);
        }

        throw new TimeoutException($"{path} was not sent {text}, but to {string.Join(", ", _received.Select(post => post.Path).Distinct())}");
    }

    public bool HasReceived(string path) => _received.Any(post => post.Path == path);

    public async ValueTask DisposeAsync() => await _server.DisposeAsync();

    private async Task ReceiveAsync(Microsoft.AspNetCore.Http.HttpContext http)
    {
        using var body = new MemoryStream();
        await http.Request.Body.CopyToAsync(body);
        _received.Enqueue((http.Request.Path, Encoding.Latin1.GetString(body.ToArray())));
    }
}
