using System.Text.Encodings.Web;
using System.Text.Json;
using Gallery.Service.Http;
using Gallery.Sql.Images;

namespace Gallery.Service.Images;

/// <summary>
/// Writes rows as the JSON of <see cref="Image"/>, straight to the response: no second record, no reflection, metadata as the
/// bytes they are. The serialiser would write the same (a test holds the two together) and takes twice the time for a page.
/// </summary>
internal static class ImageJson
{
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    private static readonly JsonEncodedText Success = JsonEncodedText.Encode("success");
    private static readonly JsonEncodedText Data = JsonEncodedText.Encode("data");
    private static readonly JsonEncodedText Message = JsonEncodedText.Encode("message");
    private static readonly JsonEncodedText PaginationName = JsonEncodedText.Encode("pagination");
    private static readonly JsonEncodedText Limit = JsonEncodedText.Encode("limit");
    private static readonly JsonEncodedText NextCursor = JsonEncodedText.Encode("next_cursor");
    private static readonly JsonEncodedText ImageId = JsonEncodedText.Encode("image_id");
    private static readonly JsonEncodedText UserId = JsonEncodedText.Encode("user_id");
    private static readonly JsonEncodedText ImageUrl = JsonEncodedText.Encode("image_url");
    private static readonly JsonEncodedText RefinedPrompt = JsonEncodedText.Encode("refined_prompt");
    private static readonly JsonEncodedText Intent = JsonEncodedText.Encode("intent");
    private static readonly JsonEncodedText Metadata = JsonEncodedText.Encode("metadata");
    private static readonly JsonEncodedText CreatedAt = JsonEncodedText.Encode("created_at");
    private static readonly JsonEncodedText UpdatedAt = JsonEncodedText.Encode("updated_at");
    private static readonly JsonEncodedText DeletedAt = JsonEncodedText.Encode("deleted_at");
    private static readonly JsonEncodedText Revision = JsonEncodedText.Encode("revision");

    /// <summary>An answer with one image.</summary>
    public static IResult Envelope(int status, ImageRow row, string message) => new Result(status, json =>
    {
        Write(json, row);
        json.WriteString(Message, message);
    });

    /// <summary>An answer with one page of a list.</summary>
    public static IResult Page(IEnumerable<ImageRow> rows, string message, Pagination pagination) => new Result(StatusCodes.Status200OK, json =>
    {
        json.WriteStartArray();
        foreach (var row in rows) Write(json, row);
        json.WriteEndArray();
        json.WriteString(Message, message);
        json.WriteStartObject(PaginationName);
        json.WriteNumber(Limit, pagination.Limit);
        json.WriteString(NextCursor, pagination.NextCursor);
        json.WriteEndObject();
    });

    private static void Write(Utf8JsonWriter json, ImageRow row)
    {
        json.WriteStartObject();
        json.WriteString(ImageId, row.ImageId);
        json.WriteString(UserId, row.UserId);
        json.WriteString(ImageUrl, row.ImageUrl);
        json.WriteString(RefinedPrompt, row.RefinedPrompt);
        json.WriteString(Intent, row.Intent);
        json.WritePropertyName(Metadata);
        json.WriteRawValue(row.Metadata, skipInputValidation: true);
        json.WriteString(CreatedAt, row.CreatedAt);
        json.WriteString(UpdatedAt, row.UpdatedAt);
        if (row.DeletedAt is { } deletedAt) json.WriteString(DeletedAt, deletedAt);
        else json.WriteNull(DeletedAt);
        json.WriteNumber(Revision, row.Revision);
        json.WriteEndObject();
    }

    private sealed class Result(int status, Action<Utf8JsonWriter> writeDataAndRest) : IResult
    {
        public async Task ExecuteAsync(HttpContext httpContext)
        {
            var response = httpContext.Response;
            response.StatusCode = status;
            response.ContentType = "application/json; charset=utf-8";
            await using (var json = new Utf8JsonWriter(response.BodyWriter, Options))
            {
                json.WriteStartObject();
                json.WriteBoolean(Success, true);
                json.WritePropertyName(Data);
                writeDataAndRest(json);
                json.WriteEndObject();
            }

            await response.BodyWriter.FlushAsync(httpContext.RequestAborted);
        }
    }
}
