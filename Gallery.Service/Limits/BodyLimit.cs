using System.Globalization;
using System.IO.Pipelines;
using Gallery.Service.Http;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.Metadata;

namespace Gallery.Service.Limits;

/// <summary>Limits bodies: to the setting if the route accepts a body, and otherwise to <see cref="StrayBytes"/>.</summary>
internal static class BodyLimit
{
    /// <summary>Ignored where no body is accepted, because some clients send <c>{}</c> with every POST and DELETE.</summary>
    public const int StrayBytes = 4096;

    private const int MostBytesAhead = 64 * 1024;   // allocated for a Content-Length before the body arrives

    private const int Framing = 4;   // Kestrel also counts the lines between chunks

    /// <summary>Kestrel's limit for a body of this size. Past it Kestrel reads nothing more and closes the connection.</summary>
    public static long Framed(int bytes) => (long)bytes * Framing;

    /// <summary>Whether the request may have a body: it has a length or is chunked.</summary>
    public static bool MayCome(HttpContext http) => http.Features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody != false;

    /// <summary>The body's bytes; null if they exceed the route's limit.</summary>
    /// <exception cref="BadHttpRequestException">408: the body did not arrive in time.</exception>
    public static async Task<MemoryStream?> ReadAsync(HttpRequest request, CancellationToken ct)
    {
        var maximum = Of(request.HttpContext);
        if (request.ContentLength > maximum) return null;

        // Not a token in the read itself: Kestrel would treat that read as unfinished and log an error.
        var reader = request.BodyReader;
        await using var end = ct.UnsafeRegister(static reader => CancelRead((PipeReader)reader!), reader);
        using var waiting = request.HttpContext.RequestServices.GetRequiredService<WaitingBytes>().Begin(request.HttpContext);
        var body = new MemoryStream((int)Math.Min(request.ContentLength ?? 0, MostBytesAhead));
        while (true)
        {
            var read = await reader.ReadAsync(CancellationToken.None);
            var fits = body.Length + read.Buffer.Length <= maximum;
            if (fits)
            {
                var capacity = body.Capacity;
                foreach (var part in read.Buffer) body.Write(part.Span);
                waiting.Add(body.Length == read.Buffer.Length ? body.Capacity : body.Capacity - capacity);
            }

            reader.AdvanceTo(read.Buffer.End);
            if (!fits) return null;
            if (read.IsCompleted) return body;
            if (read.IsCanceled) throw new BadHttpRequestException("The body did not arrive in time.", StatusCodes.Status408RequestTimeout);
        }
    }

    private static void CancelRead(PipeReader reader)
    {
        try
        {
            reader.CancelPendingRead();
        }
        catch (ConnectionAbortedException)   // the service itself has cut the connection off, so that the read ends anyway
        {
        }
    }

    public static ProblemResult TooLarge(HttpContext http) => TooLarge(Of(http));

    public static ProblemResult TooLarge(int maximum) => new(
        StatusCodes.Status413PayloadTooLarge,
        "body_too_large",
        string.Create(CultureInfo.InvariantCulture, $"The body exceeds {maximum:N0} bytes, the maximum of this route. Send less."));

    /// <summary>Middleware. If a route accepts no body, its handler runs only after a stray body proved small.</summary>
    public static Task TakeStrayAsync(HttpContext http, RequestDelegate next)
    {
        if (!MayCome(http) || http.GetEndpoint()?.Metadata.GetMetadata<IAcceptsMetadata>() is not null) return next(http);

        http.Features.GetRequiredFeature<IHttpMaxRequestBodySizeFeature>().MaxRequestBodySize = Framed(StrayBytes);
        return http.GetEndpoint() is RouteEndpoint ? TakeAsync() : next(http);   // otherwise the answer is 404 or 405

        async Task TakeAsync()
        {
            if (await ReadAsync(http.Request, http.RequestAborted) is null) await TooLarge(http).ExecuteAsync(http);
            else await next(http);
        }
    }

    private static int Of(HttpContext http) => (int)(http.Features.GetRequiredFeature<IHttpMaxRequestBodySizeFeature>().MaxRequestBodySize!.Value / Framing);
}

/// <summary>The maximum of a route that takes larger bodies than others. The framework's routing sets it.</summary>
internal sealed record BodyMaximum(int Bytes) : IRequestSizeLimitMetadata
{
    public long? MaxRequestBodySize => BodyLimit.Framed(Bytes);
}
