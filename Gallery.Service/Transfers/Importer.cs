using System.Text.Json;
using System.Text.Unicode;
using Gallery.Service.Access;
using Gallery.Service.Http;
using Gallery.Service.Images;
using Gallery.Service.Limits;
using Gallery.Sql.Images;
using Gallery.Sql.Tags;
using Gallery.Sql.Transfers;

namespace Gallery.Service.Transfers;

/// <summary>Reads imports, and writes them statement by statement. While a statement runs, nothing more is read.</summary>
internal sealed class Importer(TransferRepository transfers, ImageHosts hosts, TimeProvider clock, IHostApplicationLifetime lifetime) : IDisposable
{
    private const int MostErrors = 1_000;
    private const int MostChars = 1024 * 1024;   // in one statement

    // An import that brings no lines ends, because it would hold a place and a processor for ever.
    private const int MostBlank = 1024 * 1024;

    /// <summary>The line where an import stopped, in its report.</summary>
    public static readonly ProblemResult Stopped = new(422, "import_stopped", "The import brought no lines, so it stopped here. Send the rest.");

    public static readonly ProblemResult Busy = ProblemExceptionHandler.Unavailable("overloaded", $"{Places.AtOnce} imports are running, or one of this key. Try again when one has ended.");

    public static readonly ProblemResult TooLarge = new(413, "line_too_large", "The line exceeds 512 KB. Shorten it.");

    private readonly Places _places = new();

    /// <summary>How long an import may read without the end of a line that is not blank.</summary>
    public TimeSpan Patience { get; set; } = TimeSpan.FromSeconds(30);

    public async Task<IResult> AnswerAsync(HttpContext http, bool recreates, CancellationToken ct)
    {
        using var place = await _places.FindAsync(http.Caller(), ct);
        return place is null ? Busy : await ReadAsync(http, recreates, ct);
    }

    public void Dispose() => _places.Dispose();

    private async Task<IResult> ReadAsync(HttpContext http, bool recreates, CancellationToken ct)
    {
        var report = new Report();
        var batch = new Dictionary<Guid, (long Line, ImageRow Image)>();
        var (chars, last, blank) = (0, 0L, 0);
        using var idle = CancellationTokenSource.CreateLinkedTokenSource(lifetime.ApplicationStopping);
        idle.CancelAfter(Patience);
        var fault = await ReadLinesAsync();
        await WriteBatchAsync();
        if (fault is null) return TypedResults.Ok(Envelope.Of(report.ToReport(), "Import complete"));

        report.Stop(last + 1, fault);
        http.Response.Headers.Connection = "close";   // the rest of the body may never end
        return TypedResults.Ok(Envelope.Of(report.ToReport(), $"Import stopped at line {last + 1}"));

        // Returns why it stopped before the end; null if it read all.
        async Task<string?> ReadLinesAsync()
        {
            try
            {
                await foreach (var (number, text) in http.Request.BodyReader.ReadLinesAsync(long.MaxValue, idle.Token))
                {
                    if (text is { } line && Lines.IsBlank(line))
                    {
                        blank += line.Length + 1;
                    }
                    else
                    {
                        if (Read(number, text, report) is { } image) await AddAsync(number, image);
                        blank = 0;
                        idle.CancelAfter(Patience);
                    }

                    last = number;
                    if (blank > MostBlank) return "1 MB of blank lines came, so the import stopped here. Send the rest without them.";
                }

                return null;
            }
            catch (OperationCanceledException) when (idle.IsCancellationRequested && !lifetime.ApplicationStopping.IsCancellationRequested)
            {
                return $"No whole line came for {Patience.TotalSeconds:0} s, so the import stopped here. Send the rest.";
            }
        }

        async Task AddAsync(long number, ImageRow image)
        {
            // An id that comes twice is written twice, so that the later line meets the earlier one.
            if (batch.Count == TransferRepository.MostImported || chars > MostChars || batch.ContainsKey(image.ImageId)) await WriteBatchAsync();
            batch.Add(image.ImageId, (number, image));
            chars += SizeOf(image);
        }

        async Task WriteBatchAsync()
        {
            idle.CancelAfter(Timeout.InfiniteTimeSpan);   // the database's time is not the client's
            var outcomes = await transfers.ImportAsync(http.Caller(), [.. batch.Values.Select(entry => entry.Image)], recreates, ct);
            foreach (var ((line, image), outcome) in batch.Values.Zip(outcomes)) report.Add(line, image.ImageId, outcome);
            batch.Clear();
            chars = 0;
            http.Features.Set(new DoneSoFar(report.Failed == 0 ? $"Lines 1 to {last} are done." : $"Lines 1 to {last} are done, and {report.Failed} failed."));   // a failure after this says so
        }
    }

    /// <summary>What an image costs a statement, in characters.</summary>
    private static int SizeOf(ImageRow image) =>
        image.UserId.Length + image.ImageUrl.Length + (image.RefinedPrompt?.Length ?? 0) + (image.Intent?.Length ?? 0) + image.Metadata.Length + image.Tags.Length
        + (Tag.RowBytes * TagArray.Labels(image.Tags).Length);

    /// <summary>The image of a line. Null if the line is at fault.</summary>
    private ImageRow? Read(long number, ReadOnlyMemory<byte>? text, Report report)
    {
        if (text is not { } line)
        {
            report.Fail(number, TooLarge);
            return null;
        }

        if (!Utf8.IsValid(line.Span))
        {
            report.Fail(number, JsonBody.Invalid("The line is not valid UTF-8. Encode it as UTF-8."));
            return null;
        }

        var errors = new FieldErrors();
        try
        {
            if (TransferredImage.Read(line, hosts, clock.GetUtcNow().UtcDateTime, errors) is { } image) return image;
        }
        catch (JsonException e)
        {
            report.Fail(number, JsonBody.Invalid(e.Message.Replace("The body", "The line", StringComparison.Ordinal).Replace(" at line 1, byte", " at byte", StringComparison.Ordinal)));
            return null;
        }

        var problem = errors.ToProblem();
        report.Fail(number, problem.Code, problem.Errors!.First().Value[0]);
        return null;
    }

    /// <summary>Counts what the lines came to.</summary>
    private sealed class Report
    {
        private readonly List<ImportError> _errors = [];
        private long _created, _updated, _unchanged, _failed;

        public long Failed => _failed;

        public void Fail(long line, ProblemResult problem) => Fail(line, problem.Code, problem.Message);

        public void Fail(long line, string code, string message)
        {
            _failed++;
            if (_errors.Count < MostErrors) _errors.Add(new(line, code, message));
        }

        /// <summary>The line after the last one that was read. It is always in the report, and counts as no line, because it may not exist.</summary>
        public void Stop(long line, string message)
        {
            if (_errors.Count == MostErrors) _errors.RemoveAt(MostErrors - 1);
            _errors.Add(new(line, Stopped.Code, message));
        }

        public void Add(long line, Guid id, ImportOutcome outcome)
        {
            switch (outcome.Result)
            {
                case ImportResult.Created: _created++; break;
                case ImportResult.Updated: _updated++; break;
                case ImportResult.Unchanged: _unchanged++; break;
                case ImportResult.OwnedByAnother: Fail(line, ImageProblems.OwnedByAnother(id)); break;
                case ImportResult.Purged: Fail(line, ImageProblems.Purged(id)); break;
                default:
                    var fault = Nouns.FindConstraint(outcome.Fault!.ConstraintName);
                    Fail(line, FieldErrors.Of(fault?.Field ?? "line", fault?.Message ?? "The database cannot store one of the values. Shorten them."));
                    break;
            }
        }

        // Lines that are read are reported before those that wait for their statement, so the order is made here.
        public ImportReport ToReport() => new(_created + _updated + _unchanged + _failed, _created, _updated, _unchanged, _failed, [.. _errors.OrderBy(error => error.Line)]);
    }
}
