using System.Buffers;
using Gallery.Service.Access;
using Gallery.Service.Http;

namespace Gallery.Service.Limits;

/// <summary>Writes exports, which are answers of many lines. While a client reads slowly, its export holds one part of the rows and no connection to the database.</summary>
internal sealed partial class LineStream(IHostApplicationLifetime lifetime, ILogger<LineStream> log) : IDisposable
{
    private const int PieceBytes = 16 * 1024;   // Kestrel's minimum data rate counts for each flush

    public static readonly ProblemResult Busy = ProblemExceptionHandler.Unavailable("overloaded", $"{Places.AtOnce} exports are running, or one of this key. Try again when one has ended.");

    private readonly Places _places = new();

    /// <summary>How long a client may take to accept a piece. What the kernel accepts counts towards Kestrel's minimum data rate, so that rate alone lets a client stop for minutes.</summary>
    public TimeSpan Patience { get; set; } = TimeSpan.FromSeconds(20);

    /// <summary>The answer to an export. A fault before its first line becomes a problem. A later one breaks the connection off, so that half an export never looks whole.</summary>
    /// <param name="write">Writes a row with its line's end.</param>
    /// <param name="head">What comes before the first row.</param>
    public async Task<IResult> AnswerAsync<T>(
        HttpContext http, string mediaType, Func<CancellationToken, IAsyncEnumerable<IReadOnlyList<T>>> read, Action<IBufferWriter<byte>, T> write, ReadOnlyMemory<byte> head = default)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted, lifetime.ApplicationStopping);
        using var place = await _places.FindAsync(http.Caller(), end.Token);
        if (place is null) return Busy;

        await using var parts = read(end.Token).GetAsyncEnumerator(end.Token);
        var isThere = await parts.MoveNextAsync();
        http.Response.ContentType = mediaType;
        http.Response.Headers.CacheControl = "no-store";
        if (!HttpMethods.IsHead(http.Request.Method)) await SendAsync(http, parts, isThere, write, head, end.Token);
        return TypedResults.Empty;
    }

    public void Dispose() => _places.Dispose();

    private async Task SendAsync<T>(
        HttpContext http, IAsyncEnumerator<IReadOnlyList<T>> parts, bool isThere, Action<IBufferWriter<byte>, T> write, ReadOnlyMemory<byte> head, CancellationToken ct)
    {
        var sent = 0L;
        var text = new ArrayBufferWriter<byte>(2 * PieceBytes);
        text.Write(head.Span);
        try
        {
            for (; isThere; isThere = await parts.MoveNextAsync())
            {
                foreach (var row in parts.Current)
                {
                    write(text, row);
                    if (text.WrittenCount >= PieceBytes) await SendAsync(http.Response, text, ct);
                }

                await SendAsync(http.Response, text, ct);
                sent += parts.Current.Count;
            }
        }
        catch (Exception e) when (http.Response.HasStarted)
        {
            if (e is ReaderStoppedException || !http.RequestAborted.IsCancellationRequested)
                LogBrokenOff(sent, lifetime.ApplicationStopping.IsCancellationRequested ? "The service is stopping." : e.GetBaseException().Message.ReplaceLineEndings(" "));
            http.Abort();
            await Task.Yield();   // the token's cancellation may have continued here, and what follows disposes the token
        }
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

    [LoggerMessage(LogLevel.Warning, "An export was broken off after {Count} lines. {Reason}")]
    private partial void LogBrokenOff(long count, string reason);

    private sealed class ReaderStoppedException(TimeSpan patience) : Exception($"The client read nothing for {patience.TotalSeconds:0} s.");
}
