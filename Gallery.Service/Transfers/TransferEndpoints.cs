using System.Buffers;
using Gallery.Service.Access;
using Gallery.Service.Http;
using Gallery.Service.Images;
using Gallery.Service.Limits;
using Gallery.Service.OpenApi;
using Gallery.Sql.Images;
using Gallery.Sql.Transfers;
using Microsoft.AspNetCore.Http.Timeouts;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.Options;
using JsonOptions = Microsoft.AspNetCore.Http.Json.JsonOptions;

namespace Gallery.Service.Transfers;

/// <summary>Export and import of images as lines of JSON. Both stream, so neither has a limit on its size or its time.</summary>
internal static class TransferEndpoints
{
    private static readonly string[] Get = [HttpMethods.Get, HttpMethods.Head];

    private static readonly ProblemResult Forbidden = new(403, "forbidden_transfer", "Users' tokens may not export or import. Send the request with a service key.");
    private static readonly ProblemResult BadAfter = FieldErrors.Of("after", "after is not a UUID. Send the image_id of the last line that you have.");

    public static void MapTransfers(this IEndpointRouteBuilder routes)
    {
        var transfers = routes.MapGroup("/v1/gallery").WithTag("Transfers", "Export and import.");

        transfers.MapMethods("/export/", Get, Export)
            .WithName("ExportImages").WithSummary("Streams images, one JSON object a line")
            .WithDescription("Live images and those in the trash. An image that is there throughout is in it exactly once. If the connection breaks, the export is not complete.")
            .WithImageFilters("Whose images. Without it everyone's.")
            .WithChoice("sort", "The order: image_id, oldest first, or newest first.", "image_id", "created_at", "-created_at")
            .WithFields(TransferJsonContext.Default.TransferredImage, "The fields to show of each image. Without it all of them.")
            .WithMetadata(new OtherNames(("after", "cursor offset page"), ("An export has no pages.", "limit")))
            .WithUuid("after", "Continues after the image with this id: the last one of an export that was broken off. If it is gone, an export by time begins again.")
            .Answers(200, TransferredImage.Example, JsonLine.MediaType)
            .WithMetadata(new StreamedAnswer(), new DisableRequestTimeoutAttribute())
            .Problems(Forbidden, BadAfter, LineStream.Busy)
            .AllowedTo(Callers.ServiceKeys);
        transfers.MapPost("/import/", Import)
            .WithName("ImportImages").WithSummary("Imports images, one JSON object a line")
            .WithDescription("Takes what an export writes, with times, deletions and revisions. A line that fails is reported, and the others are kept. An import may be repeated: of two states of an image, the higher revision stays.")
            .Takes(TransferredImage.Example, JsonLine.MediaType)
            .WithSwitch("recreate", "true: create images again that were deleted permanently.")
            .Answers(200, Envelope.Of(ImportReport.Example, "Import complete"))
            .WithMetadata(new DisableRequestSizeLimitAttribute(), new DisableRequestTimeoutAttribute())
            .Problems(Forbidden, FieldErrors.Of("recreate", "recreate is 'yes'. Send true or false."), Importer.Busy)
            .AllowedTo(Callers.ServiceKeys);
    }

    private static async Task<IResult> Export(HttpContext http, LineStream lines, TransferRepository transfers, IOptions<JsonOptions> json)
    {
        if (http.Caller().UserId is not null) return Forbidden;
        var errors = new FieldErrors();
        var filter = ImageFilters.Read(http, errors);
        Guid? after = !http.Request.Query.TryGetValue("after", out var text) ? Guid.Empty : UuidRouteConstraint.IsUuid(text.ToString()) ? Guid.ParseExact(text.ToString(), "D") : null;
        if (after is null) errors.Add("after", BadAfter.Message);
        var order = http.Request.Query.ReadChoice("sort", errors, "image_id", "created_at", "-created_at") switch { "created_at" => ExportOrder.OldestFirst, "-created_at" => ExportOrder.NewestFirst, _ => ExportOrder.Id };
        var options = json.Value.SerializerOptions;
        var selection = FieldSelection.Read(http.Request.Query, options.GetTypeInfo(typeof(TransferredImage)), errors);
        if (errors.Any) return errors.ToProblem();

        try
        {
            return await lines.AnswerAsync(http, JsonLine.MediaType, ct => transfers.ExportAsync(filter, order, after!.Value, ct), (line, row) => Write(line, TransferredImage.Of(row)));
        }
        catch (SearchTooBroadException)
        {
            return ImageFilters.TooBroadFor(filter, isSorted: true);
        }

        void Write(IBufferWriter<byte> line, TransferredImage image)
        {
            if (selection is null) JsonLine.Write(line, image, options);
            else JsonLine.Write(line, selection.Of(image), options);
        }
    }

    private static async Task<IResult> Import(HttpContext http, Importer importer, CancellationToken ct)
    {
        if (http.Caller().UserId is not null) return Forbidden;
        if (JsonBody.FindTypeFault(http.Request, JsonLine.MediaType) is { } fault) return fault;
        var errors = new FieldErrors();
        var recreates = http.Request.Query.ReadSwitch("recreate", errors);
        return errors.Any ? errors.ToProblem() : await importer.AnswerAsync(http, recreates, ct);
    }
}
