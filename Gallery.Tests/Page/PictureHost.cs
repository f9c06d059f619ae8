using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Extensions;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Gallery.Tests.Page;

/// <summary>
/// Stands in for res.cloudinary.com and all other hosts, over HTTPS. Any path is a picture. Its file name decides the colours and the
/// shape, so that a thumbnail looks like its original.
/// </summary>
public sealed class PictureHost : IAsyncDisposable
{
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly ConcurrentQueue<string> _requests = new();
    private readonly ConcurrentDictionary<string, bool> _missing = new();
    private volatile TaskCompletionSource _held = Released();
    private WebApplication? _server;

    public int Port { get; private set; }

    /// <summary>Chromium accepts a certificate of this public key.</summary>
    public string KeyHash => Convert.ToBase64String(SHA256.HashData(_key.ExportSubjectPublicKeyInfo()));

    /// <summary>The URLs that were requested in this test, in order. Other hosts than the pictures' are here too.</summary>
    public IReadOnlyList<string> Requests => [.. _requests];

    /// <summary>From now on, URLs that contain this text are 404; an empty text stands for all.</summary>
    public void Lose(string part) => _missing[part] = true;

    /// <summary>From now on, pictures keep loading until <see cref="Release"/>.</summary>
    public void Hold() => _held = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public void Release() => _held.TrySetResult();

    /// <summary>As at the start of a test.</summary>
    internal void Reset()
    {
        Release();
        _missing.Clear();
        _requests.Clear();
    }

    internal async Task StartAsync()
    {
        if (_server is not null) return;
        var certificate = new CertificateRequest("CN=pictures", _key, HashAlgorithmName.SHA256).CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen => listen.UseHttps(certificate)));
        _server = builder.Build();
        _server.Run(AnswerAsync);
        await _server.StartAsync();
        Port = new Uri(_server.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single()).Port;
    }

    public async ValueTask DisposeAsync()
    {
        Release();
        if (_server is not null) await _server.DisposeAsync();
        _key.Dispose();
    }

    private async Task AnswerAsync(HttpContext http)
    {
        var url = http.Request.GetEncodedUrl();
        _requests.Enqueue(url);
        await _held.Task.WaitAsync(http.RequestAborted);
        if (_missing.Keys.Any(part => url.Contains(part, StringComparison.Ordinal)))
        {
            http.Response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }

        http.Response.ContentType = "image/svg+xml";
        http.Response.Headers.CacheControl = "public, max-age=3600";
        await http.Response.WriteAsync(Draw(Path.GetFileNameWithoutExtension(http.Request.Path)), http.RequestAborted);
    }

    private static string Draw(string name)
    {
        var random = SHA256.HashData(Encoding.UTF8.GetBytes(name));
        var (width, height) = (random[0] % 3) switch { 0 => (1200, 800), 1 => (800, 1200), _ => (1000, 1000) };
        var hue = random[1] * 360 / 256;
        return string.Create(CultureInfo.InvariantCulture, $"""
            <svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">
            <rect width="{width}" height="{height}" fill="hsl({hue} 55% 42%)"/>
            <circle cx="{random[2] * width / 256}" cy="{random[3] * height / 256}" r="{150 + random[4]}" fill="hsl({(hue + 40) % 360} 70% 70%)"/>
            </svg>
            """);
    }

    private static TaskCompletionSource Released()
    {
        var released = new TaskCompletionSource();
        released.SetResult();
        return released;
    }
}
