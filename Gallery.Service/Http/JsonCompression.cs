using Microsoft.AspNetCore.ResponseCompression;
using Microsoft.Extensions.Options;

namespace Gallery.Service.Http;

/// <summary>
/// Compresses JSON without an <c>ETag</c>, which is lists. A compressed form of one image would need an ETag of its own (RFC 9110, section
/// 8.8.3), and a weak one fails in <c>If-Match</c>.
/// </summary>
/// <remarks>
/// Safe over TLS (BREACH): no answer contains a credential, and another site's page cannot make a browser send one, because they travel in
/// headers and not in cookies.
/// </remarks>
internal sealed class JsonCompression(IServiceProvider services, IOptions<ResponseCompressionOptions> options) : ResponseCompressionProvider(services, options)
{
    /// <summary>Brotli or gzip at their fastest level, the framework's default: slower levels cost far more CPU than they save bytes.</summary>
    public static void Register(IServiceCollection services) => services
        .AddSingleton<IResponseCompressionProvider, JsonCompression>()
        .Configure<ResponseCompressionOptions>(compression => (compression.EnableForHttps, compression.MimeTypes) = (true, ["application/json"]));

    public override bool ShouldCompressResponse(HttpContext context) =>
        context.Response.Headers.ETag.Count == 0 && base.ShouldCompressResponse(context);
}
