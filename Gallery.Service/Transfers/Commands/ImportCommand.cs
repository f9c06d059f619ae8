using System.Buffers;
using System.CommandLine;
using System.Globalization;
using System.IO.Pipelines;
using Gallery.Sql.Database;

namespace Gallery.Service.Transfers.Commands;

/// <summary><c>import FILE</c>: sends a file of lines in chunks, and prints what the service says of each bad line.</summary>
internal static class ImportCommand
{
    private const int ChunkLines = 1_000;   // the service names at most so many errors
    private const int ChunkBytes = 4 * 1024 * 1024;

    private static readonly Argument<string> FileName = new("FILE") { Description = "A file of JSON lines, or - for standard input" };
    private static readonly Option<long> FromLine = new("--from-line") { Description = "Leaves out the lines before this one. Default 1", DefaultValueFactory = _ => 1 };
    private static readonly Option<bool> Recreate = new("--recreate") { Description = "Creates images again that were deleted permanently" };

    public static Command Create()
    {
        var command = new Command("import", "Imports images from a file, one JSON object a line. It may be repeated.") { FileName, GalleryClient.Url, FromLine, Recreate };
        command.SetAction((parsed, stop) => CommandRun.RunAsync(() => new Run(parsed).RunAsync(stop)));
        return command;
    }

    private sealed class Run(ParseResult parsed)
    {
        private readonly ArrayBufferWriter<byte> _chunk = new();
        private readonly Progress _progress = new("lines imported");
        private long _first, _count, _created, _updated, _unchanged, _failed;

        public async Task<int> RunAsync(CancellationToken ct)
        {
            using var client = GalleryClient.Create(parsed);
            var from = parsed.GetValue(FromLine);
            if (from < 1) throw new SettingsException("--from-line takes a line's number, from 1.");
            await using var file = await Task.Run(() => Open(parsed.GetValue(FileName)!), ct).WaitAsync(ct);   // a pipe opens when its writer does
            _first = from;
            try
            {
                await foreach (var (number, text) in Read(file).ReadLinesAsync(long.MaxValue, ct))
                {
                    if (number < from) continue;
                    if (text is not { } line)
                    {
                        if (_count > 0) await SendAsync(client, file, ct);
                        Fail(number, Importer.TooLarge.Code, Importer.TooLarge.Message);
                        _first = number + 1;
                        continue;
                    }

                    if (!Lines.IsBlank(line)) _chunk.Write(line.Span);
                    _chunk.Write("\n"u8);
                    if (++_count == ChunkLines || _chunk.WrittenCount >= ChunkBytes) await SendAsync(client, file, ct);
                }

                if (_count > 0) await SendAsync(client, file, ct);
            }
            catch (Exception e) when (e is InvalidOperationException or IOException or OperationCanceledException)
            {
                throw new InvalidOperationException($"{(e is OperationCanceledException ? "Stopped." : e.Message)} Go on with --from-line {_first}.", e);
            }

            _progress.Say(string.Create(CultureInfo.InvariantCulture, $"{_created:N0} created, {_updated:N0} updated, {_unchanged:N0} unchanged, {_failed:N0} failed"));
            return _failed == 0 ? 0 : 1;
        }

        private async Task SendAsync(GalleryClient client, Stream file, CancellationToken ct)
        {
            var report = await client.ImportAsync(_chunk.WrittenMemory, parsed.GetValue(Recreate), ct);
            foreach (var error in report.Errors) Fail(_first + error.Line - 1, error.Code, error.Message.Replace("?recreate=true", "--recreate", StringComparison.Ordinal));
            (_created, _updated, _unchanged) = (_created + report.Created, _updated + report.Updated, _unchanged + report.Unchanged);
            if (report.Errors.FirstOrDefault(error => error.Code == Importer.Stopped.Code) is { } stop)
            {
                _first += stop.Line - 1;
                throw new InvalidOperationException("The service stopped the import.");
            }

            _first += _count;
            _count = 0;
            _chunk.ResetWrittenCount();
            _progress.Show(_created + _updated + _unchanged + _failed, file.CanSeek ? file.Position / (double)Math.Max(1, file.Length) : null);
        }

        private void Fail(long line, string code, string message)
        {
            _failed++;
            _progress.Say($"line {line}: {code}: {message}");
        }

        /// <summary>Reads ahead, so that a signal ends the command while the read of a silent pipe waits.</summary>
        private static PipeReader Read(Stream file)
        {
            var pipe = new Pipe();
            _ = Task.Run(async () =>
            {
                Exception? fault = null;
                try
                {
                    await file.CopyToAsync(pipe.Writer);
                }
                catch (Exception e)
                {
                    fault = e;
                }

                await pipe.Writer.CompleteAsync(fault);
            });
            return pipe.Reader;
        }

        private static Stream Open(string name)
        {
            if (name == "-") return Console.OpenStandardInput();
            return File.Exists(name) ? new FileStream(name, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0) : throw new SettingsException($"{name} does not exist. Name a file of JSON lines.");
        }
    }
}
