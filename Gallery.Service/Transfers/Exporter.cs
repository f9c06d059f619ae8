using System.Text.Json;
using Gallery.Service.Http;
using Gallery.Service.Images;
using Gallery.Sql.Database;
using Gallery.Sql.Images;
using Gallery.Sql.Transfers;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.Extensions.Options;

namespace Gallery.Service.Transfers;

/// <summary>Writes exports. While a client reads slowly, its export holds one part of the rows and no connection to the database.</summary>
internal sealed partial class Exporter(TransferRepository transfers, IOptions<JsonOptions> json, IHostApplicationLifetime lifetime, ILogger<Exporter> log) : IDisposable
{
    // Each keeps a connection and a processor of the database busy.
    private const int AtOnce = 2;

    private const int PieceBytes = 16 * 1024;   // Kestrel's minimum data rate counts for each flush

    public static readonly ProblemResult Busy = ProblemExceptionHandler.Unavailable("overloaded", $"{AtOnce} exports are running. Try again when one has ended.");

    private readonly SemaphoreSlim _running = new(AtOnce);

    /// <summary>The answer to an export. A fault before its first line becomes a problem. A later one breaks the connection off, so that half an export never looks whole.</summary>
    public async Task<IResult> AnswerAsync(HttpContext http, ImageFilter filter, Guid after)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted, lifetime.ApplicationStopping);
        if (!await _running.WaitAsync(GalleryDatabase.Patience, end.Token)) return Busy;
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
        finally
        {
            _running.Release();
        }
    }

    public void Dispose() => _running.Dispose();

    private async Task SendAsync(HttpContext http, IAsyncEnumerator<IReadOnlyList<ImageRow>> parts, bool isThere, CancellationToken ct)
    {
        var sent = 0L;
        try
        {
            for (; isThere; isThere = await parts.MoveNextAsync()) sent += await SendAsync(http.Response, parts.Current, ct);
        }
        catch (Exception e) when (http.Response.HasStarted)
        {
            if (!http.RequestAborted.IsCancellationRequested)
                LogBrokenOff(sent, lifetime.ApplicationStopping.IsCancellationRequested ? "The service is stopping." : e.GetBaseException().Message.ReplaceLineEndings(" "));
            http.Abort();
        }
    }

    private async Task<int> SendAsync(HttpResponse response, IReadOnlyList<ImageRow> rows, CancellationToken ct)
    {
        var options = json.Value.SerializerOptions;
        var body = response.BodyWriter;
        await using var writer = new Utf8JsonWriter(body, new JsonWriterOptions { Encoder = options.Encoder, SkipValidation = true });
        var unsent = 0L;
        foreach (var row in rows)
        {
            JsonSerializer.Serialize(writer, TransferredImage.Of(row), options);
            writer.Flush();
            unsent += writer.BytesCommitted + 1;
            writer.Reset();
            "\n"u8.CopyTo(body.GetSpan(1));
            body.Advance(1);
            if (unsent < PieceBytes) continue;
            await body.FlushAsync(ct);
            ct.ThrowIfCancellationRequested();   // a flush to a client that has left does not throw
            unsent = 0;
        }

        await body.FlushAsync(ct);
        ct.ThrowIfCancellationRequested();
        return rows.Count;
    }

    [LoggerMessage(LogLevel.Warning, "An export was broken off after {Count} images. {Reason}")]
    private partial void LogBrokenOff(long count, string reason);
}
