using System.Globalization;
using System.IO.Pipelines;
using Gallery.Service.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.Metadata;

namespace Gallery.Service.Limits;

/// <summary>How much of a body is read: what the settings say where a route takes one, and elsewhere what a client sends by habit.</summary>
internal static class BodyLimit
{
    /// <summary>Some clients send <c>{}</c> with every POST and DELETE; so much is passed over where no body is taken.</summary>
    public const int StrayBytes = 4096;

    private const int MostBytesAhead = 64 * 1024;   // taken for a length that is only promised

    private const int Framing = 4;   // Kestrel counts the chunks' own lines too

    /// <summary>Kestrel's bound where a body's is this: past it Kestrel reads no more, neither for us nor to keep the connection.</summary>
    public static long Framed(int bytes) => (long)bytes * Framing;

    /// <summary>Whether there may be a body: there is a length, or there are chunks.</summary>
    public static bool MayCome(HttpContext http) => http.Features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody != false;

    /// <summary>The body's bytes; null if they are more than the request's route takes.</summary>
    /// <exception cref="BadHttpRequestException">408: they came too slowly.</exception>
    public static async Task<MemoryStream?> ReadAsync(HttpRequest request, CancellationToken ct)
    {
        var maximum = Of(request.HttpContext);
        if (request.ContentLength > maximum) return null;

        // Not a token in the read itself: Kestrel would take that read for one still under way, and log that it can not go on.
        var reader = request.BodyReader;
        await using var end = ct.UnsafeRegister(static reader => ((PipeReader)reader!).CancelPendingRead(), reader);
        var body = new MemoryStream((int)Math.Min(request.ContentLength ?? 0, MostBytesAhead));
        while (true)
        {
            var read = await reader.ReadAsync(CancellationToken.None);
            var fits = body.Length + read.Buffer.Length <= maximum;
            if (fits)
                foreach (var part in read.Buffer) body.Write(part.Span);
            reader.AdvanceTo(read.Buffer.End);
            if (!fits) return null;
            if (read.IsCompleted) return body;
            if (read.IsCanceled) throw new BadHttpRequestException("The body was not there in time.", StatusCodes.Status408RequestTimeout);
        }
    }

    public static ProblemResult TooLarge(HttpContext http) => TooLarge(Of(http));

    public static ProblemResult TooLarge(int maximum) => new(
        StatusCodes.Status413PayloadTooLarge,
        "body_too_large",
        string.Create(CultureInfo.InvariantCulture, $"The body exceeds {maximum:N0} bytes, the maximum of this route. Send less."));

    /// <summary>Middleware: no handler runs before a body that its route does not take has proven small.</summary>
    public static Task TakeStrayAsync(HttpContext http, RequestDelegate next)
    {
        if (!MayCome(http) || http.GetEndpoint()?.Metadata.GetMetadata<IAcceptsMetadata>() is not null) return next(http);

        http.Features.GetRequiredFeature<IHttpMaxRequestBodySizeFeature>().MaxRequestBodySize = Framed(StrayBytes);
        return http.GetEndpoint() is RouteEndpoint ? TakeAsync() : next(http);   // no route, or not its method: that is the answer then

        async Task TakeAsync()
        {
            if (await ReadAsync(http.Request, http.RequestAborted) is null) await TooLarge(http).ExecuteAsync(http);
            else await next(http);
        }
    }

    private static int Of(HttpContext http) => (int)(http.Features.GetRequiredFeature<IHttpMaxRequestBodySizeFeature>().MaxRequestBodySize!.Value / Framing);
}
