using System.Data.Common;

namespace Gallery.Sql.Images;

/// <summary>
/// The row that a reader is at, column by column and in the select list's order: texts as the UTF-8 bytes that they arrived in.
/// For pages that go on to a client as JSON: a row object and its strings would be most of what they cost.
/// </summary>
public sealed class ImageReader(DbDataReader reader)
{
    private const byte JsonbVersion = 1;   // what PostgreSQL's binary form of jsonb begins with

    private byte[] _bytes = new byte[1024];

    /// <summary>Moves on to the next row; false after the last.</summary>
    public Task<bool> ReadAsync(CancellationToken ct) => reader.ReadAsync(ct);

    public Guid ImageId => reader.GetGuid(0);

    /// <summary>Like every text here it stands until the next one is read.</summary>
    public ReadOnlySpan<byte> UserId => Text(1);

    public ReadOnlySpan<byte> ImageUrl => Text(2);

    public bool HasRefinedPrompt => !reader.IsDBNull(3);

    public ReadOnlySpan<byte> RefinedPrompt => Text(3);

    public bool HasIntent => !reader.IsDBNull(4);

    public ReadOnlySpan<byte> Intent => Text(4);

    /// <summary>A JSON object, as PostgreSQL prints it.</summary>
    public ReadOnlySpan<byte> Metadata => Text(5) is [JsonbVersion, .. var json] ? json : throw new InvalidDataException("jsonb of an unknown version");

    /// <summary>UTC.</summary>
    public DateTime CreatedAt => reader.GetDateTime(6);

    /// <summary>UTC.</summary>
    public DateTime UpdatedAt => reader.GetDateTime(7);

    /// <summary>UTC; null while the image is live.</summary>
    public DateTime? DeletedAt => reader.IsDBNull(8) ? null : reader.GetDateTime(8);

    public long Revision => reader.GetInt64(9);

    private ReadOnlySpan<byte> Text(int column)
    {
        var length = (int)reader.GetBytes(column, 0, _bytes, 0, _bytes.Length);
        if (length < _bytes.Length) return _bytes.AsSpan(0, length);

        // There may be more. Asked first how long it is, each column would be sought twice.
        length = (int)reader.GetBytes(column, 0, null, 0, 0);
        _bytes = new byte[2 * length];
        reader.GetBytes(column, 0, _bytes, 0, length);
        return _bytes.AsSpan(0, length);
    }
}
