using System.IO.Compression;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.ResponseCompression;
using Microsoft.Net.Http.Headers;

namespace Gallery.Service.Page;

/// <summary>A file of the page, in each content coding that browsers ask for. Each is compressed once, when it is first asked for.</summary>
/// <param name="content">Text in UTF-8.</param>
/// <param name="level">How hard the compression tries. The smallest size of a megabyte takes more than a second.</param>
internal sealed class PageFile(string name, byte[] content, CompressionLevel level = CompressionLevel.SmallestSize)
{
    private readonly string _hash = Convert.ToHexStringLower(SHA256.HashData(content))[..32];

    private readonly Lazy<byte[]> _brotli = new(() => Compress(content, stream => new BrotliStream(stream, level)));
    private readonly Lazy<byte[]> _gzip = new(() => Compress(content, stream => new GZipStream(stream, level)));

    private readonly string _mediaType = Path.GetExtension(name) switch
    {
        ".html" => "text/html; charset=utf-8",
        ".css" => "text/css; charset=utf-8",
        ".js" => "text/javascript; charset=utf-8",
        ".json" => "application/json; charset=utf-8",
        ".svg" => "image/svg+xml; charset=utf-8",
        _ => throw new ArgumentException($"{name} has no media type here.", nameof(name)),
    };

    /// <summary>The files that are built into the service, by their path below <c>page/</c>.</summary>
    public static Dictionary<string, PageFile> ReadAll()
    {
        const string prefix = "page/";
        var assembly = typeof(PageFile).Assembly;
        return assembly.GetManifestResourceNames().Where(name => name.StartsWith(prefix, StringComparison.Ordinal)).ToDictionary(
            name => name[prefix.Length..].Replace('\\', '/'),   // MSBuild writes a folder as the machine that built it does
            name =>
            {
                using var stream = assembly.GetManifestResourceStream(name)!;
                var content = new byte[stream.Length];
                stream.ReadExactly(content);
                return new PageFile(name, content);
            });
    }

    /// <summary>The file in the coding that the request prefers. 304 if the browser has it in this coding. A browser asks again each time it uses it.</summary>
    public FileStreamHttpResult Answer(HttpContext http, IResponseCompressionProvider codings)
    {
        var headers = http.Response.Headers;
        headers.CacheControl = "no-cache";
        headers.Append(HeaderNames.Vary, HeaderNames.AcceptEncoding);
        var coding = codings.GetCompressionProvider(http)?.EncodingName;
        if (coding is not null) headers.ContentEncoding = coding;
        // A strong ETag names these very bytes, so each coding has its own.
        return TypedResults.Stream(   // sent in pieces, and Bytes would be copied as a whole for each client
            new MemoryStream(coding switch { "br" => _brotli.Value, "gzip" => _gzip.Value, _ => content }, writable: false),
            _mediaType,
            entityTag: new EntityTagHeaderValue($"\"{_hash}{(coding is null ? "" : $"-{coding}")}\""));
    }

    private static byte[] Compress(byte[] content, Func<Stream, Stream> compressor)
    {
        using var compressed = new MemoryStream();
        using (var stream = compressor(compressed)) stream.Write(content);
        return compressed.ToArray();
    }
}
