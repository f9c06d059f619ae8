using System.Buffers.Text;
using System.Security.Cryptography;
using Gallery.Sql.Sharing;

namespace Gallery.Service.Sharing;

/// <summary>
/// The token of a link: the image's id and a secret of 128 random bits, in base64url (RFC 4648, section 5). It has the id, so that one server of a cluster can open it.
/// </summary>
internal static class ShareToken
{
    /// <summary>Characters.</summary>
    public const int Length = 43;

    private const int IdBytes = 16;
    private const int SecretBytes = 16;

    public static (string Token, ShareKey Key) Create(Guid imageId)
    {
        Span<byte> bytes = stackalloc byte[IdBytes + SecretBytes];
        imageId.TryWriteBytes(bytes, bigEndian: true, out _);
        RandomNumberGenerator.Fill(bytes[IdBytes..]);
        return (Base64Url.EncodeToString(bytes), KeyOf(bytes));
    }

    /// <summary>Null if it is not a token.</summary>
    public static ShareKey? Read(string token)
    {
        Span<byte> bytes = stackalloc byte[IdBytes + SecretBytes];
        return token.Length == Length && Base64Url.IsValid(token) && Base64Url.TryDecodeFromChars(token, bytes, out var length) && length == bytes.Length ? KeyOf(bytes) : null;
    }

    private static ShareKey KeyOf(ReadOnlySpan<byte> bytes) =>
        new(new Guid(bytes[..IdBytes], bigEndian: true), new Guid(SHA256.HashData(bytes[IdBytes..]).AsSpan(0, IdBytes), bigEndian: true));
}
