using System.Text;
using System.Text.Json;

namespace Gallery.Service.Transfers.Commands;

/// <summary>A line of an export, as the service writes it: a JSON object that begins with <c>image_id</c> and <c>user_id</c>.</summary>
internal static class ExportedLine
{
    private const int IdLength = 36;

    private static ReadOnlySpan<byte> BeforeId => "{\"image_id\":\""u8;

    private static ReadOnlySpan<byte> AfterId => "\",\"user_id\":\""u8;

    /// <summary>The image of a whole line. Null if the line is torn, or no line of an export.</summary>
    public static (Guid Id, string ImageUrl)? Read(ReadOnlySpan<byte> line)
    {
        if (line.Length < BeforeId.Length + IdLength || !IsBeginning(line)) return null;

        string? imageUrl = null;
        try
        {
            var reader = new Utf8JsonReader(line, new JsonReaderOptions { MaxDepth = 1_000 });
            while (reader.Read())   // to the end, because the line may be torn anywhere
                if (reader is { TokenType: JsonTokenType.PropertyName, CurrentDepth: 1 } && reader.ValueTextEquals("image_url"u8) && reader.Read())
                    imageUrl = reader.GetString();
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return null;
        }

        return imageUrl is null ? null : (IdOf(line.Slice(BeforeId.Length, IdLength))!.Value, imageUrl);
    }

    /// <summary>Whether a line of an export begins like this text, which may end anywhere.</summary>
    public static bool IsBeginning(ReadOnlySpan<byte> text)
    {
        if (!IsBeginning(ref text, BeforeId)) return false;
        var id = text[..Math.Min(text.Length, IdLength)];
        text = text[id.Length..];
        // The cut id is filled up, so that what is there is checked.
        return IdOf([.. id, .. "00000000-0000-0000-0000-000000000000"u8[id.Length..]]) is not null && IsBeginning(ref text, AfterId);
    }

    private static bool IsBeginning(ref ReadOnlySpan<byte> text, ReadOnlySpan<byte> expected)
    {
        var length = Math.Min(text.Length, expected.Length);
        if (!text[..length].SequenceEqual(expected[..length])) return false;
        text = text[length..];
        return true;
    }

    private static Guid? IdOf(ReadOnlySpan<byte> text) => Guid.TryParseExact(Encoding.ASCII.GetString(text), "D", out var id) ? id : null;
}
