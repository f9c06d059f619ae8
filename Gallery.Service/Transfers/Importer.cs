using System.Text.Json;
using System.Text.Unicode;
using Gallery.Service.Access;
using Gallery.Service.Http;
using Gallery.Service.Images;
using Gallery.Sql.Database;
using Gallery.Sql.Images;
using Gallery.Sql.Transfers;

namespace Gallery.Service.Transfers;

/// <summary>Reads imports, and writes them statement by statement. While a statement runs, nothing more is read.</summary>
internal sealed class Importer(TransferRepository transfers, ImageHosts hosts, IHostApplicationLifetime lifetime) : IDisposable
{
    private const int AtOnce = 2;
    private const int MostErrors = 1_000;
    private const int MostChars = 1024 * 1024;   // in one statement

    public static readonly ProblemResult Busy = ProblemExceptionHandler.Unavailable("overloaded", $"{AtOnce} imports are running. Try again when one has ended.");

    public static readonly ProblemResult TooLarge = new(413, "line_too_large", "The line exceeds 512 KB. Shorten it.");

    private readonly SemaphoreSlim _running = new(AtOnce);

    public async Task<IResult> AnswerAsync(HttpContext http, bool recreates, CancellationToken ct)
    {
        if (!await _running.WaitAsync(GalleryDatabase.Patience, ct)) return Busy;
        try
        {
            return TypedResults.Ok(Envelope.Of(await ReadAsync(http, recreates, ct), "Import complete"));
        }
        finally
        {
            _running.Release();
        }
    }

    public void Dispose() => _running.Dispose();

    private async Task<ImportReport> ReadAsync(HttpContext http, bool recreates, CancellationToken ct)
    {
        var report = new Report();
        var batch = new Dictionary<Guid, (long Line, ImageRow Image)>();
        var (chars, last) = (0, 0L);
        await foreach (var (number, text) in http.Request.BodyReader.ReadLinesAsync(lifetime.ApplicationStopping))
        {
            if (Read(number, text, report) is { } image)
            {
                // An id that comes twice is written twice, so that the later line meets the earlier one.
                if (batch.Count == TransferRepository.MostImported || chars > MostChars || batch.ContainsKey(image.ImageId)) await WriteBatchAsync();
                batch.Add(image.ImageId, (number, image));
                chars += image.Metadata.Length + image.ImageUrl.Length + (image.RefinedPrompt?.Length ?? 0);
            }

            last = number;
        }

        await WriteBatchAsync();
        return report.ToReport();

        async Task WriteBatchAsync()
        {
            var outcomes = await transfers.ImportAsync(http.Caller(), [.. batch.Values.Select(entry => entry.Image)], recreates, ct);
            foreach (var ((line, image), outcome) in batch.Values.Zip(outcomes)) report.Add(line, image.ImageId, outcome);
            batch.Clear();
            chars = 0;
            http.Features.Set(new DoneSoFar($"Lines 1 to {last} are done."));   // a failure after this says so
        }
    }

    /// <summary>The image of a line. Null if the line is blank or at fault.</summary>
    private ImageRow? Read(long number, ReadOnlyMemory<byte>? text, Report report)
    {
        if (text is not { } line)
        {
            report.Fail(number, TooLarge);
            return null;
        }

        if (Lines.IsBlank(line)) return null;
        if (!Utf8.IsValid(line.Span))
        {
            report.Fail(number, JsonBody.Invalid("The line is not valid UTF-8. Encode it as UTF-8."));
            return null;
        }

        var errors = new FieldErrors();
        try
        {
            if (TransferredImage.Read(line, hosts, errors) is { } image) return image;
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

        public void Fail(long line, ProblemResult problem) => Fail(line, problem.Code, problem.Message);

        public void Fail(long line, string code, string message)
        {
            _failed++;
            if (_errors.Count < MostErrors) _errors.Add(new(line, code, message));
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
