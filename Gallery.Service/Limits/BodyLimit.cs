using System.Globalization;
using System.IO.Pipelines;
using Gallery.Service.Http;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;

namespace Gallery.Service.Limits;

/// <summary>Limits bodies: to the setting if the route accepts a body, and otherwise to <see cref="StrayBytes"/>.</summary>
internal static class BodyLimit
{
    /// <summary>Ignored where no body is accepted, because some clients send <c>{}</c> with every POST and DELETE.</summary>
    public const int StrayBytes = 4096;

    // A body with a place keeps others from it. So it must arrive soon: 8 MB in this time, and something of it all the time. Kestrel's grace must exceed a second.
    private static readonly TimeSpan TimeOfPlace = TimeSpan.FromSeconds(5);
    private static readonly Microsoft.AspNetCore.Server.Kestrel.Core.MinDataRate RateOfPlace = new(bytesPerSecond: 256 * 1024, gracePeriod: TimeSpan.FromSeconds(2));

    private const int Framing = 4;   // Kestrel also counts the lines between chunks

    /// <summary>Kestrel's limit for a body of this size. Past it Kestrel reads nothing more and closes the connection.</summary>
    public static long Framed(int bytes) => (long)bytes * Framing;

    /// <summary>Whether the request may have a body: it has a length or is chunked.</summary>
    public static bool MayCome(HttpContext http) => http.Features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody != false;

    /// <summary>Whether the body is larger than most, or may be, because it is chunked.</summary>
    public static bool MayBeLarge(HttpRequest request) => !(request.ContentLength <= ReceivedBody.SmallBytes);

    /// <summary>Whether a large body, or a chunked one, has not been read.</summary>
    public static bool IsLeft(HttpContext http) => MayCome(http) && MayBeLarge(http.Request) && http.Features.Get<ReceivedBody>() is null;

    /// <summary>The body's bytes, until the answer is collected; null if they exceed the route's limit.</summary>
    /// <param name="hasPlace">The route bounds how many such bodies are there at once. So they do not count as waiting bytes, and are allocated at their full length.</param>
    /// <exception cref="BadHttpRequestException">408: the body did not arrive in time.</exception>
    public static async Task<ReadOnlyMemory<byte>?> ReadAsync(HttpRequest request, CancellationToken ct, bool hasPlace = false)
    {
        var maximum = Of(request.HttpContext);
        if (request.ContentLength > maximum) return null;

        using var time = CancellationTokenSource.CreateLinkedTokenSource(ct);
        if (hasPlace)
        {
            time.CancelAfter(TimeOfPlace);
            if (request.HttpContext.Features.Get<IHttpMinRequestBodyDataRateFeature>() is { } rate) rate.MinDataRate = RateOfPlace;
        }

        // Not a token in the read itself: Kestrel would treat that read as unfinished and log an error.
        var reader = request.BodyReader;
        await using var end = time.Token.UnsafeRegister(static reader => CancelRead((PipeReader)reader!), reader);
        using var waiting = hasPlace ? null : request.HttpContext.RequestServices.GetRequiredService<WaitingBytes>().Begin(request.HttpContext);
        var body = new ReceivedBody((int)Math.Min(request.ContentLength ?? 0, hasPlace ? maximum : ReceivedBody.SmallBytes));
        request.HttpContext.Features.Set(body);   // AnswerBuffer disposes it
        waiting?.Add(body.Capacity);
        while (true)
        {
            var read = await reader.ReadAsync(CancellationToken.None);
            var fits = body.Length + read.Buffer.Length <= maximum;
            if (fits)
            {
                var capacity = body.Capacity;
                body.Add(read.Buffer, maximum);
                waiting?.Add(body.Capacity - capacity);
            }

            reader.AdvanceTo(read.Buffer.End);
            if (!fits) return null;
            if (read.IsCompleted) return body.Bytes;
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
