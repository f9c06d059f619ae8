using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Dapper;
using Gallery.Sql.Images;
using Gallery.Tests.Service;
using Npgsql;

namespace Gallery.Tests.Reliability;

/// <summary>What a writer knows about one of its images.</summary>
internal sealed class JournalEntry(Guid imageId, string userId, bool isLong)
{
    public Guid ImageId => imageId;

    public string UserId => userId;

    /// <summary>Saved with the longest prompt allowed.</summary>
    public bool IsLong => isLong;

    /// <summary>The row as last acknowledged; null if it was never saved, or if its removal was acknowledged.</summary>
    public ImageRow? Row { get; set; }

    /// <summary>A later write without an answer, which may or may not have been executed.</summary>
    public Write? Unanswered { get; set; }

    public ImageRow? After(Write write) => write.ApplyTo(Row, imageId, userId, isLong);
}

/// <summary>
/// Records every acknowledged write (2xx). Compares it with later answers and, at the end, with every row of the table, to the
/// microsecond.
/// </summary>
/// <remarks>
/// Each image has one writer, which waits for each answer before its next request. So an acknowledgement promises the exact row,
/// until the writer's next request. A write without an answer (503, 504, a broken connection) may have been executed, or may be
/// executed later by a server that hung. So the writer repeats it until it is answered, and then stops using the image. A repeated
/// write changes nothing, so the promise stays exact. Two rows are allowed only if a write had no answer when the load ended.
/// </remarks>
internal sealed class Journal
{
    private readonly ConcurrentBag<JournalEntry> _entries = [];

    public int Images => _entries.Count;

    /// <summary>Acknowledged, but missing from a later answer or the table.</summary>
    public ConcurrentQueue<string> Missing { get; } = [];

    /// <summary>Acknowledged, but different in a later answer or the table.</summary>
    public ConcurrentQueue<string> Different { get; } = [];

    public JournalEntry Open(string userId, bool isLong)
    {
        var entry = new JournalEntry(Guid.NewGuid(), userId, isLong);
        _entries.Add(entry);
        return entry;
    }

    /// <summary>All images that a user ever had.</summary>
    public IEnumerable<JournalEntry> OfUser(string userId) => _entries.Where(entry => entry.UserId == userId);

    /// <summary>Records that images were purged by an answer that does not show them.</summary>
    public static void HoldPurged(params IEnumerable<JournalEntry> entries)
    {
        foreach (var entry in entries) (entry.Row, entry.Unanswered) = (null, null);
    }

    /// <summary>Records what the answer to a write (200, 201 or 404) promises.</summary>
    public void Hold(JournalEntry entry, Write write, Answer answer)
    {
        if (answer.Status != 404)
        {
            Hold(entry, write, answer.Image);
            return;
        }

        if (entry.Row is not null && !(write.Step == Step.Purge && entry.Unanswered is not null)) Missing.Enqueue($"{write} answered {answer.Problem}, after {entry.Row}");
        HoldPurged(entry);
    }

    /// <summary>Records what a write promises, after which an answer shows the image like this.</summary>
    public void Hold(JournalEntry entry, Write write, JsonNode image)
    {
        var (before, expected) = (entry.Row, entry.After(write));
        var repeated = entry.Unanswered is not null;
        entry.Unanswered = null;
        var shown = Write.Read(image);
        var isKept = write.Step == Step.Purge ? before is not null && Content(shown) == Content(before)
            : ReferenceEquals(before, expected) && !repeated ? shown == before
            : Content(shown) == Content(expected) && (before is null || shown.CreatedAt == before.CreatedAt);
        if (!isKept) Different.Enqueue($"{write} answered {shown}, after {before}");
        entry.Row = write.Step == Step.Purge ? null : shown;
    }

    /// <summary>Compares the answer to a read (200 or 404) with what was promised.</summary>
    public void Check(JournalEntry entry, Answer answer)
    {
        var isKept = answer.Status == 200 ? Write.Read(answer.Image) == entry.Row : answer.Problem == (entry.Row is null ? "image_not_found" : "image_deleted");
        if (isKept) return;
        (entry.Row is not null && answer.Problem == "image_not_found" ? Missing : Different).Enqueue($"a read answered {answer.Text}, after {entry.Row}");
    }

    /// <summary>Compares the table with the journal. Call it after the load has ended.</summary>
    public async Task CompareAsync(string database)
    {
        var rows = await ReadTableAsync(database);
        foreach (var entry in _entries)
        {
            rows.Remove(entry.ImageId, out var row);
            if (row == entry.Row) continue;
            if (entry.Unanswered is { } write && Content(row) == Content(entry.After(write))) continue;
            (row is null ? Missing : Different).Enqueue($"the table has {row?.ToString() ?? "no row"}, after {entry.Row} and then {entry.Unanswered?.ToString() ?? "nothing"}");
        }

        foreach (var row in rows.Values) Different.Enqueue($"the table has {row}, which nobody saved");
    }

    private async Task<Dictionary<Guid, ImageRow>> ReadTableAsync(string database)
    {
        await using var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(database) { Pooling = false }.ConnectionString);
        await using var reader = await connection.ExecuteReaderAsync(
            """
            select image_id, user_id, image_url, refined_prompt, intent, metadata, created_at, updated_at, deleted_at, revision, tags::text as tags
            from gallery.image
            where user_id = any(@UserIds)
            """,
            new { UserIds = _entries.Select(entry => entry.UserId).Distinct().ToArray() });
        var parse = reader.GetRowParser<ImageRow>();
        var rows = new Dictionary<Guid, ImageRow>();
        while (await reader.ReadAsync())
        {
            var row = parse(reader);
            rows.Add(row.ImageId, row with { Metadata = Write.InOrder(row.Metadata) });
        }

        return rows;
    }

    /// <summary>What a writer can know before the answer: the row without its times.</summary>
    private static ImageRow? Content(ImageRow? row) =>
        row is null ? null : row with { CreatedAt = default, UpdatedAt = default, DeletedAt = row.DeletedAt is null ? null : default(DateTime) };
}
