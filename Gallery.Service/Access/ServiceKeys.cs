using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Gallery.Sql.Database;

namespace Gallery.Service.Access;

/// <summary>The keys of the services that may reach every user's rows, known by their SHA-256 alone.</summary>
/// <remarks>SHA-256 needs no salt or stretching here, because <see cref="New"/> makes keys of 256 random bits.</remarks>
internal sealed partial class ServiceKeys
{
    public const string Setting = "GALLERY_API_KEYS";
    public const string NameRule = "letters, digits, '.', '_' and '-', 1 to 30 of them, the first a letter or digit";

    public const string Prefix = "gallery_";   // lets people and secret scanners recognise a leaked key

    private const int RandomBytes = 32;
    private const int MaximumLength = 256;      // anything longer is a token, so it is not hashed

    private volatile (byte[] Hash, Caller Caller)[] _keys = [];

    /// <returns>Null where the setting is absent.</returns>
    /// <exception cref="SettingsException">An entry is invalid. The message has its position and name, never its hash, which may be a key by mistake.</exception>
    public static ServiceKeys? Find(IConfiguration settings) =>
        settings.Find(Setting) is { } text ? new ServiceKeys { _keys = Read(text, settings.IsInFile(Setting)) } : null;

    /// <summary>Takes the keys from the new text of the setting's file. Returns the names of all keys if any key has changed, otherwise null.</summary>
    /// <exception cref="SettingsException">The file is invalid. The keys stay as they are.</exception>
    public string? Reload(string text)
    {
        var read = Read(text, isFile: true);
        if (read.Select(Entry).SequenceEqual(_keys.Select(Entry))) return null;
        _keys = read;
        return string.Join(", ", read.Select(key => key.Caller.Name));

        static (string, Caller) Entry((byte[] Hash, Caller Caller) key) => (Convert.ToHexString(key.Hash), key.Caller);
    }

    private static (byte[] Hash, Caller Caller)[] Read(string text, bool isFile)
    {
        var entries = (isFile ? Comment().Replace(text, "") : text).Split([',', ' ', '\t', '\r', '\n'], StringSplitOptions.RemoveEmptyEntries);
        if (entries.Length == 0) throw Unusable("there is no entry. Remove the setting to use no keys.");
        var keys = new List<(byte[] Hash, Caller Caller)>();
        var hashes = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var (entry, position) in entries.Select((entry, index) => (entry, index + 1)))
        {
            var colon = entry.IndexOf(':', StringComparison.Ordinal);
            var name = entry[..Math.Max(colon, 0)];
            var hash = entry[(colon + 1)..];

            if (!IsName(name))
                throw Unusable($"entry {position} has no usable name. Write name:sha256-of-key; a name has {NameRule}.");
            if (!Hash().IsMatch(hash))
                throw Unusable(hash.StartsWith(Prefix, StringComparison.Ordinal)
                    ? $"entry {position} ({name}) contains the key itself. Make a new key with \"key NAME\", which also prints its SHA-256, and use that."
                    : $"entry {position} ({name}) has no SHA-256 of 64 hexadecimal digits. To hash a key: printf %s \"$KEY\" | sha256sum.");
            if (keys.Exists(key => key.Caller == Caller.Key(name)))
                throw Unusable($"entry {position} ({name}) has the name of an earlier one. Choose another name.");
            if (!hashes.TryAdd(hash, name))
                throw Unusable($"entry {position} ({name}) has the hash of {hashes[hash]}. Make a separate key for each caller.");

            keys.Add((Convert.FromHexString(hash), Caller.Key(name)));
        }

        return [.. keys];

        SettingsException Unusable(string why) => new($"{Setting}{(isFile ? Settings.FileSuffix : "")}: {why}");
    }

    public static bool IsName(string name) => Name().IsMatch(name) && !name.StartsWith(Prefix, StringComparison.Ordinal);

    /// <summary>A new key, and its SHA-256 for the setting.</summary>
    public static (string Key, string Hash) New()
    {
        var key = Prefix + Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(RandomBytes));
        return (key, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key))));
    }

    /// <summary>Whether the credential looks like a key, so that it is not tried as a token.</summary>
    public static bool HasPrefix(ReadOnlySpan<char> credential) => credential.StartsWith(Prefix, StringComparison.Ordinal);

    /// <summary>The key's caller; null if the key is unknown. Right and wrong keys of one length take the same time.</summary>
    public Caller? Find(ReadOnlySpan<char> credential)
    {
        Span<byte> bytes = stackalloc byte[MaximumLength];
        var keys = _keys;
        if (keys.Length == 0 || !Encoding.UTF8.TryGetBytes(credential, bytes, out var length)) return null;

        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(bytes[..length], hash);
        Caller? found = null;
        foreach (var (known, caller) in keys)
            if (CryptographicOperations.FixedTimeEquals(known, hash)) found = caller;
        return found;
    }

    // Short, so that a key written where a name belongs is not accepted and shown.
    [GeneratedRegex(@"\A[A-Za-z0-9][A-Za-z0-9._-]{0,29}\z")]
    private static partial Regex Name();

    [GeneratedRegex("#[^\r\n]*")]
    private static partial Regex Comment();

    [GeneratedRegex(@"\A[0-9A-Fa-f]{64}\z")]
    private static partial Regex Hash();
}
