using System.Data.Common;
using System.Text.Json;

namespace Gallery.Sql.Images;

/// <summary>A row of <c>gallery.image</c>: the select list, in order.</summary>
/// <param name="Metadata">A JSON object, as PostgreSQL prints it.</param>
/// <param name="CreatedAt">UTC.</param>
/// <param name="UpdatedAt">UTC; moves with every change, deletion and restore included.</param>
/// <param name="DeletedAt">UTC; null while the image is live.</param>
/// <param name="Revision">1 exactly when the row was just inserted; 1 more with each change.</param>
public sealed record ImageRow(
    Guid ImageId,
    string UserId,
    string ImageUrl,
    string? RefinedPrompt,
    string? Intent,
    string Metadata,
    DateTime CreatedAt,
    DateTime UpdatedAt,
    DateTime? DeletedAt,
    long Revision)
{
    /// <summary>All rows of a reader, by position: Dapper's own mapping boxes each value.</summary>
    internal static async Task<IReadOnlyList<ImageRow>> ReadAllAsync(DbDataReader reader, CancellationToken ct)
    {
        var rows = new List<ImageRow>();
        while (await reader.ReadAsync(ct)) rows.Add(Read(reader));
        return rows;
    }

    internal static ImageRow Read(DbDataReader reader) => new(
        reader.GetGuid(0),
        reader.GetString(1),
        reader.GetString(2),
        reader.IsDBNull(3) ? null : reader.GetString(3),
        reader.IsDBNull(4) ? null : reader.GetString(4),
        reader.GetString(5),
        reader.GetDateTime(6),
        reader.GetDateTime(7),
        reader.IsDBNull(8) ? null : reader.GetDateTime(8),
        reader.GetInt64(9));
}

/// <summary>An image as one caller may know it.</summary>
/// <param name="UserId">Whose it must be: to a user another's image is as unknown as one that never was. Null for anyone's.</param>
public readonly record struct ImageKey(Guid ImageId, string? UserId)
{
    internal bool Holds(ImageRow row) => row.ImageId == ImageId && (UserId is null || row.UserId == UserId);
}

/// <summary>What a save says of an image. Null: not said, so what is stored stands.</summary>
/// <param name="Metadata">A JSON object; its keys are merged into the stored ones, the new value winning.</param>
public sealed record NewImage(
    Guid ImageId,
    string UserId,
    string ImageUrl,
    string? RefinedPrompt,
    string? Intent,
    string? Metadata)
{
    /// <summary>Whether saving it would change nothing of what is stored: the upsert's own comparison.</summary>
    internal bool IsIn(ImageRow stored)
    {
        if (ImageUrl != stored.ImageUrl) return false;
        if (RefinedPrompt is not null && RefinedPrompt != stored.RefinedPrompt) return false;
        if (Intent is not null && Intent != stored.Intent) return false;
        if (Metadata is null) return true;

        using var said = JsonDocument.Parse(Metadata);
        using var kept = JsonDocument.Parse(stored.Metadata);
        return said.RootElement.EnumerateObject().All(key =>
            kept.RootElement.TryGetProperty(key.Name, out var value) && JsonElement.DeepEquals(key.Value, value));
    }
}

/// <summary>The last row of a page, after which the next page starts: its sort time and its key.</summary>
/// <param name="At">UTC, to the microsecond: <c>created_at</c>, in the trash <c>deleted_at</c>.</param>
public sealed record ImageKeyset(DateTime At, Guid ImageId);

/// <summary>A page of a list that is asked for.</summary>
/// <remarks>No record: who asks for the same page twice is given it twice.</remarks>
/// <param name="userId">Whose; null for everyone's.</param>
/// <param name="after">The last row of the page before; null for the first page.</param>
/// <param name="limit">How many rows at most: 0 to <see cref="MaximumLimit"/>.</param>
public sealed class ImageList(string? userId, ImageKeyset? after, int limit)
{
    /// <summary>A page of 200 and the row that tells whether another follows. It stands in the statements.</summary>
    public const int MaximumLimit = 201;

    public string? UserId => userId;

    public ImageKeyset? After => after;

    public int Limit { get; } = limit <= MaximumLimit ? limit : throw new ArgumentOutOfRangeException(nameof(limit));
}
