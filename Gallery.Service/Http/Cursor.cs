using System.Buffers;
using System.Buffers.Binary;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace Gallery.Service.Http;

/// <summary>
/// A position in a list: a number and the last row's key, which is an id or a text, bound to the list and its filters by a digest. It is neither secret nor a
/// permission, because the request decides which rows are listed.
/// </summary>
internal static class Cursor
{
    private const int DigestLength = 8;
    private const int Length = DigestLength + sizeof(long) + 16;   // a text follows
    private const int MaximumLength = Length + 1024;

    /// <summary>A time as a cursor's number: its microseconds, PostgreSQL's precision.</summary>
    public static long NumberOf(DateTime utc) => utc.Ticks / TimeSpan.TicksPerMicrosecond;

    /// <summary>The time of such a number. The last one for a greater number, which no list of times writes.</summary>
    public static DateTime TimeOf(long number) => new(Math.Min(number, DateTime.MaxValue.Ticks / TimeSpan.TicksPerMicrosecond) * TimeSpan.TicksPerMicrosecond, DateTimeKind.Utc);

    /// <param name="list">The list and its filters as one text.</param>
    /// <param name="number">0 or more: the row's sort time, revision or place.</param>
    public static string Encode(string list, long number, Guid id, string text = "")
    {
        var bytes = new byte[Length + Encoding.UTF8.GetByteCount(text)].AsSpan();
        Encoding.UTF8.GetBytes(text, bytes[Length..]);
        BinaryPrimitives.WriteInt64BigEndian(bytes[DigestLength..], number);
        id.TryWriteBytes(bytes[(DigestLength + sizeof(long))..], bigEndian: true, out _);
        Digest(list, bytes[DigestLength..], bytes);
        return Base64Url.EncodeToString(bytes);
    }

    /// <summary>The cursor's position; null if it is invalid or belongs to another list or other filters.</summary>
    public static (long Number, Guid Id, string Text)? Decode(string list, string cursor)
    {
        Span<byte> bytes = stackalloc byte[MaximumLength];
        if (cursor.Length > 2 * MaximumLength
            || Base64Url.DecodeFromChars(cursor, bytes, out _, out var written) != OperationStatus.Done
            || written < Length) return null;
        bytes = bytes[..written];

        Span<byte> digest = stackalloc byte[DigestLength];
        Digest(list, bytes[DigestLength..], digest);
        var number = BinaryPrimitives.ReadInt64BigEndian(bytes[DigestLength..]);
        return digest.SequenceEqual(bytes[..DigestLength])
            && Base64Url.EncodeToString(bytes) == cursor   // the decoder ignores white space and spare bits, so compare the spelling
            && number >= 0
            ? (number, new Guid(bytes[(DigestLength + sizeof(long))..Length], bigEndian: true), Encoding.UTF8.GetString(bytes[Length..]).Replace("\0", "", StringComparison.Ordinal))
            : null;
    }

    private static void Digest(string list, ReadOnlySpan<byte> place, Span<byte> digest)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData([.. Encoding.UTF8.GetBytes(list), 0, .. place], hash);
        hash[..DigestLength].CopyTo(digest);
    }
}
