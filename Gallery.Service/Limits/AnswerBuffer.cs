using System.Buffers;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Http.Features;

namespace Gallery.Service.Limits;

/// <summary>
/// Marks a route whose answer is not collected first. Either it is sent while it is made, or all clients get the same bytes, in pieces of at most 64 KB. The route
/// bounds what waits for its clients.
/// </summary>
internal sealed class StreamedAnswer;

/// <summary>
/// Middleware that collects an answer before it is sent. So a client that reads slowly holds the answer's bytes, compressed and counted, and not the rows that they
/// were made of. The bytes are sent in pieces, because Kestrel's minimum data rate counts for each write.
/// </summary>
internal sealed class AnswerBuffer(RequestDelegate next, WaitingBytes waitingBytes)
{
    private const int PieceBytes = 16 * 1024;

    private static readonly PipeOptions Unbounded = new(pauseWriterThreshold: 0, minimumSegmentSize: PieceBytes, useSynchronizationContext: false);

    public Task InvokeAsync(HttpContext http) =>
        http.GetEndpoint()?.Metadata.GetMetadata<StreamedAnswer>() is null ? CollectAsync(http) : next(http);

    private async Task CollectAsync(HttpContext http)
    {
        var sent = http.Features.GetRequiredFeature<IHttpResponseBodyFeature>();
        var pipe = new Pipe(Unbounded);
        try
        {
            http.Features.Set<IHttpResponseBodyFeature>(new Collected(pipe.Writer));
            try
            {
                await next(http);
            }
            finally
            {
                http.Features.Set(sent);
                http.Features.Get<ReceivedBody>()?.Dispose();   // a client that reads slowly must not hold it
            }

            await pipe.Writer.CompleteAsync();
            http.RequestAborted.ThrowIfCancellationRequested();   // before the status is sent: the client left, or the request timed out
            using var waiting = waitingBytes.Begin(http);
            await SendAsync(pipe.Reader, http, waiting);
        }
        finally
        {
            await pipe.Writer.CompleteAsync();
            await pipe.Reader.CompleteAsync();
        }
    }

    private static async Task SendAsync(PipeReader collected, HttpContext http, WaitingBytes.Waiting waiting)
    {
        var (sent, ct) = (http.Response.BodyWriter, http.RequestAborted);
        var isCounted = false;
        while (collected.TryRead(out var read) && !read.Buffer.IsEmpty)
        {
            if (!isCounted)
            {
                waiting.Add(read.Buffer.Length);   // all of it, because the writer is complete
                http.Response.ContentLength ??= read.Buffer.Length;
            }

            isCounted = true;
            var piece = read.Buffer.Slice(0, Math.Min(read.Buffer.Length, PieceBytes));
            foreach (var part in piece) sent.Write(part.Span);
            collected.AdvanceTo(piece.End);
            await sent.FlushAsync(ct);
            ct.ThrowIfCancellationRequested();
        }
    }

    /// <summary>A response that begins only when all of it is there.</summary>
    private sealed class Collected(PipeWriter writer) : IHttpResponseBodyFeature
    {
        public Stream Stream { get; } = writer.AsStream(leaveOpen: true);

        public PipeWriter Writer => writer;

        public void DisableBuffering()
        {
        }

        public Task StartAsync(CancellationToken cancellationToken = default) => Task.CompletedTask;

        public Task CompleteAsync() => Task.CompletedTask;

        public Task SendFileAsync(string path, long offset, long? count, CancellationToken cancellationToken = default) =>
            SendFileFallback.SendFileAsync(Stream, path, offset, count, cancellationToken);
    }
}
