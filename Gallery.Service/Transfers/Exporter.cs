using System.Buffers;
using System.Text.Json;
using Gallery.Service.Access;
using Gallery.Service.Http;
using Gallery.Service.Images;
using Gallery.Sql.Images;
using Gallery.Sql.Transfers;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.Extensions.Options;

namespace Gallery.Service.Transfers;

/// <summary>Writes exports. While a client reads slowly, its export holds one part of the rows and no connection to the database.</summary>
internal sealed partial class Exporter(TransferRepository transfers, IOptions<JsonOptions> json, IHostApplicationLifetime lifetime, ILogger<Exporter> log) : IDisposable
{
    private const int PieceBytes = 16 * 1024;   // Kestrel's minimum data rate counts for each flush

    public static readonly ProblemResult Busy = ProblemExceptionHandler.Unavailable("overloaded", $"{Places.AtOnce} exports are running, or one of this key. Try again when one has ended.");

    private readonly Places _places = new();

    /// <summary>How long a client may take to accept a piece. What the kernel accepts counts towards Kestrel's minimum data rate, so that rate alone lets a client stop for minutes.</summary>
    public TimeSpan Patience { get; set; } = TimeSpan.FromSeconds(20);

    /// <summary>The answer to an export. A fault before its first line becomes a problem. A later one breaks the connection off, so that half an export never looks whole.</summary>
    public async Task<IResult> AnswerAsync(HttpContext http, ImageFilter filter, Guid after)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted, lifetime.ApplicationStopping);
        using var place = await _places.FindAsync(http.Caller(), end.Token);
        if (place is null) return Busy;

        try
        {
            await using var parts = transfers.ExportAsync(filter, after, end.Token).GetAsyncEnumerator(end.Token);
            var isThere = await parts.MoveNextAsync();
            http.Response.ContentType = TransferEndpoints.MediaType;
            http.Response.Headers.CacheControl = "no-store";
            if (!HttpMethods.IsHead(http.Request.Method)) await SendAsync(http, parts, isThere, end.Token);
            return TypedResults.Empty;
        }
        catch (SearchTooBroadException)
        {
            return ImageFilters.TooBroadFor(filter);
        }
    }

    public void Dispose() => _places.Dispose();

    private async Task SendAsync(HttpContext http, IAsyncEnumerator<IReadOnlyList<ImageRow>> parts, bool isThere, CancellationToken ct)
    {
        var sent = 0L;
        try
        {
            for (; isThere; isThere = await parts.MoveNextAsync()) sent += await SendAsync(http.Response, parts.Current, ct);
        }
        catch (Exception e) when (http.Response.HasStarted)
        {
            if (e is ReaderStoppedException || !http.RequestAborted.IsCancellationRequested)
                LogBrokenOff(sent, lifetime.ApplicationStopping.IsCancellationRequested ? "The service is stopping." : e.GetBaseException().Message.ReplaceLineEndings(" "));
            http.Abort();
        }
    }

    private async Task<int> SendAsync(HttpResponse response, IReadOnlyList<ImageRow> rows, CancellationToken ct)
    {
        var options = json.Value.SerializerOptions;
        var text = new ArrayBufferWriter<byte>(2 * PieceBytes);
        await using var writer = new Utf8JsonWriter(text, new JsonWriterOptions { Encoder = options.Encoder, SkipValidation = true });
        foreach (var row in rows)
        {
            JsonSerializer.Serialize(writer, TransferredImage.Of(row), options);
            writer.Flush();
            writer.Reset();
            text.Write("\n"u8);
            if (text.WrittenCount >= PieceBytes) await SendAsync(response, text, ct);
        }

        await SendAsync(response, text, ct);
        return rows.Count;
    }

    private async Task SendAsync(HttpResponse response, ArrayBufferWriter<byte> text, CancellationToken ct)
    {
        for (var rest = text.WrittenMemory; rest.Length > 0;)
        {
            var piece = rest[..Math.Min(PieceBytes, rest.Length)];
            rest = rest[piece.Length..];
            try
            {
                await response.BodyWriter.WriteAsync(piece, ct).AsTask().WaitAsync(Patience, ct);
            }
            catch (TimeoutException)
            {
                throw new ReaderStoppedException(Patience);
            }

            ct.ThrowIfCancellationRequested();   // a flush to a client that has left does not throw
        }

        text.ResetWrittenCount();
    }

    [LoggerMessage(LogLevel.Warning, "An export was broken off after {Count} images. {Reason}")]
    private partial void LogBrokenOff(long count, string reason);

    private sealed class ReaderStoppedException(TimeSpan patience) : Exception($"The client read nothing for {patience.TotalSeconds:0} s.");
}
