using System.Formats.Tar;
using System.IO.Compression;
using System.Text.Json;
using Gallery.Sql.Embedded;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Gallery.Tests.Embedded;

/// <summary>An npm registry that offers every package in the version that Gallery installs, with other programs in it.</summary>
internal sealed class FakeRegistry : IAsyncDisposable
{
    private readonly WebApplication _server;

    private FakeRegistry(WebApplication server) => _server = server;

    public string Address => _server.Urls.Single();

    public bool HasServedPackage { get; private set; }

    public static async Task<FakeRegistry> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var registry = new FakeRegistry(builder.Build());
        registry._server.Run(registry.AnswerAsync);
        await registry._server.StartAsync();
        return registry;
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    private async Task AnswerAsync(HttpContext http)
    {
        if (http.Request.Path.Value!.EndsWith(".tgz", StringComparison.Ordinal))
        {
            HasServedPackage = true;
            await http.Response.Body.WriteAsync(Pack());
            return;
        }

        var name = Uri.UnescapeDataString(http.Request.Path.Value.TrimStart('/'));
        var version = new { name, version = NpmPackage.Version, dist = new { tarball = $"{Address}/package.tgz" } };
        await http.Response.WriteAsync(JsonSerializer.Serialize(new
        {
            name,
            versions = new Dictionary<string, object> { [NpmPackage.Version] = version },
        }));
    }

    private static byte[] Pack()
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionMode.Compress))
        using (var tar = new TarWriter(gzip))
        {
            foreach (var (path, text) in new[] { ("package.json", "{}") }.Concat(
                new[] { "initdb", "postgres", "pg_ctl" }.Select(program => ($"native/bin/{program}", "#!/bin/sh\necho 'postgres (PostgreSQL) 18.4'\n"))))
            {
                tar.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, $"package/{path}")
                {
                    Mode = (UnixFileMode)0b111_101_101,
                    DataStream = new MemoryStream(System.Text.Encoding.UTF8.GetBytes(text)),
                });
            }
        }

        return packed.ToArray();
    }
}
