using System.Text.Json;
using Gallery.Service.Http;
using Gallery.Sql.Images;

namespace Gallery.Service.Images;

/// <summary>
/// Writes rows as the JSON of <see cref="Image"/>, a page straight from the database's reader: no second record, no reflection,
/// metadata as the bytes they are. The serialiser would write the same (a test holds the two together) and takes twice the time.
/// </summary>
internal static class ImageJson
{
    private const int MostPageBytes = 2 * 1024 * 1024;   // a page is held in memory until it is taken, and 200 images may have 30 MB

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
    public static JsonAnswer Envelope(int status, ImageRow row, string message)
    {
        var answer = Begin();
        answer.Status = status;
        Write(answer.Json, row);
        answer.Json.WriteString(Message, message);
        answer.Json.WriteEndObject();
        return answer;
    }

    /// <summary>The first rows of a reader as an answer that is yet to be ended, and the last of them if others follow.</summary>
    /// <param name="list">Its limit is one row more than the page has at most: it tells that others follow. The page has fewer where they are large.</param>
    public static async Task<ImagePage> ReadPageAsync(ImageList list, ImageReader rows, CancellationToken ct)
    {
        var limit = list.Limit - 1;
        var answer = Begin();
        answer.Json.WriteStartArray();
        ImageKeyset? last = null;
        for (var count = 1; await rows.ReadAsync(ct); count++)
        {
            if (last is not null) return new(answer, last);
            Write(answer.Json, rows);
            if (count == limit || answer.Length >= MostPageBytes) last = new ImageKeyset(rows.DeletedAt ?? rows.CreatedAt, rows.ImageId);
        }

        return new(answer, null);
    }

    /// <summary>Ends an answer that <see cref="ReadPageAsync"/> has begun.</summary>
    public static JsonAnswer EndPage(JsonAnswer answer, string message, Pagination pagination)
    {
        var json = answer.Json;
        json.WriteEndArray();
        json.WriteString(Message, message);
        json.WriteStartObject(PaginationName);
        json.WriteNumber(Limit, pagination.Limit);
        json.WriteString(NextCursor, pagination.NextCursor);
        json.WriteEndObject();
        json.WriteEndObject();
        return answer;
    }

    private static JsonAnswer Begin()
    {
        var answer = JsonAnswer.Rent();
        answer.Json.WriteStartObject();
        answer.Json.WriteBoolean(Success, true);
        answer.Json.WritePropertyName(Data);
        return answer;
    }

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
        WriteState(json, row.CreatedAt, row.UpdatedAt, row.DeletedAt, row.Revision);
    }

    private static void Write(Utf8JsonWriter json, ImageReader row)
    {
        json.WriteStartObject();
        json.WriteString(ImageId, row.ImageId);
        json.WriteString(UserId, row.UserId);
        json.WriteString(ImageUrl, row.ImageUrl);
        if (row.HasRefinedPrompt) json.WriteString(RefinedPrompt, row.RefinedPrompt);
        else json.WriteNull(RefinedPrompt);
        if (row.HasIntent) json.WriteString(Intent, row.Intent);
        else json.WriteNull(Intent);
        json.WritePropertyName(Metadata);
        json.WriteRawValue(row.Metadata, skipInputValidation: true);
        WriteState(json, row.CreatedAt, row.UpdatedAt, row.DeletedAt, row.Revision);
    }

    private static void WriteState(Utf8JsonWriter json, DateTime createdAt, DateTime updatedAt, DateTime? deletedAt, long revision)
    {
        json.WriteString(CreatedAt, createdAt);
        json.WriteString(UpdatedAt, updatedAt);
        if (deletedAt is { } at) json.WriteString(DeletedAt, at);
        else json.WriteNull(DeletedAt);
        json.WriteNumber(Revision, revision);
        json.WriteEndObject();
    }
}

internal readonly record struct ImagePage(JsonAnswer Answer, ImageKeyset? Last);
