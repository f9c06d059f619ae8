using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using System.Text;
using Microsoft.AspNetCore.Connections;

namespace Gallery.Service.Transfers;

/// <summary>Reads lines of UTF-8 from a stream of any length. Holds one line.</summary>
internal static class Lines
{
    /// <summary>
    /// The most bytes of a line. An exported line has at most 325 KB: a prompt of 16,384 characters with 12 bytes each, metadata of 96 KB, and the other fields.
    /// </summary>
    public const int MostBytes = 512 * 1024;

    /// <summary>The lines with their numbers, from 1. A line that is too long is null. Line ends, a byte order mark and a carriage return at a line's end are left out.</summary>
    /// <param name="longest">The bytes of a line after which nothing more is read.</param>
    /// <exception cref="OperationCanceledException"><paramref name="stop"/> was signalled.</exception>
    /// <exception cref="InvalidDataException">A line exceeds <paramref name="longest"/>.</exception>
    public static async IAsyncEnumerable<(long Number, ReadOnlyMemory<byte>? Text)> ReadLinesAsync(
        this PipeReader reader, long longest, [EnumeratorCancellation] CancellationToken stop)
    {
        // Not a token in the read itself: Kestrel would treat that read as unfinished and log an error.
        await using var stopping = stop.UnsafeRegister(static reader => CancelRead((PipeReader)reader!), reader);
        var line = new ArrayBufferWriter<byte>();
        var (number, isTooLong, bytes) = (1L, false, 0L);
        while (true)
        {
            var read = await reader.ReadAsync(CancellationToken.None);
            await Task.Yield();   // a client that sends fast must not keep its thread
            var rest = read.Buffer;
            try
            {
                stop.ThrowIfCancellationRequested();
                while (rest.PositionOf((byte)'\n') is { } end)
                {
                    Add(rest.Slice(0, end));
                    rest = rest.Slice(rest.GetPosition(1, end));
                    yield return (number, isTooLong ? default(ReadOnlyMemory<byte>?) : Trim(line.WrittenMemory, number));
                    line.ResetWrittenCount();
                    (number, isTooLong, bytes) = (number + 1, false, 0);
                }

                Add(rest);
                rest = rest.Slice(rest.End);
            }
            finally
            {
                reader.AdvanceTo(rest.Start);   // also if the caller stops: Kestrel discards the rest of a body
            }

            if (!read.IsCompleted) continue;
            if (isTooLong || line.WrittenCount > 0) yield return (number, isTooLong ? default(ReadOnlyMemory<byte>?) : Trim(line.WrittenMemory, number));
            yield break;
        }

        void Add(ReadOnlySequence<byte> part)
        {
            bytes += part.Length;
            if (bytes > longest) throw new InvalidDataException($"Line {number} is too long.");
            isTooLong |= bytes > MostBytes;
            if (isTooLong) return;
            foreach (var piece in part) line.Write(piece.Span);
        }
    }

    private static void CancelRead(PipeReader reader)
    {
        try
        {
            reader.CancelPendingRead();
        }
        catch (ConnectionAbortedException)   // the connection has ended, so that the read ends anyway
        {
        }
    }

    /// <summary>Whether the line has nothing but white space.</summary>
    public static bool IsBlank(ReadOnlyMemory<byte> line) => line.Span.IndexOfAnyExcept(" \t\r"u8) < 0;

    private static ReadOnlyMemory<byte> Trim(ReadOnlyMemory<byte> line, long number)
    {
        if (number == 1 && line.Span.StartsWith(Encoding.UTF8.Preamble)) line = line[Encoding.UTF8.Preamble.Length..];
        return line.Span is [.., (byte)'\r'] ? line[..^1] : line;
    }
}
