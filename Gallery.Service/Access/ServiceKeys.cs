using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Gallery.Sql.Database;

namespace Gallery.Service.Access;

/// <summary>The keys of the services that may reach every user's rows, known by their SHA-256 alone.</summary>
/// <remarks>SHA-256 without salt or stretching will do: what <see cref="New"/> makes has 256 random bits, which nobody can guess.</remarks>
internal sealed partial class ServiceKeys
{
    public const string Setting = "GALLERY_API_KEYS";
    public const string NameRule = "letters, digits, '.', '_' and '-', 1 to 30 of them, the first a letter or digit";

    private const string Prefix = "gallery_";   // lets people and secret scanners know one where it should not be
    private const int RandomBytes = 32;
    private const int MaximumLength = 256;      // longer is a token, and not worth the hash

    private readonly (byte[] Hash, Caller Caller)[] _keys;

    private ServiceKeys((byte[] Hash, Caller Caller)[] keys) => _keys = keys;

    public static ServiceKeys None { get; } = new([]);

    /// <returns>Null where the setting is absent.</returns>
    /// <exception cref="SettingsException">An entry can not be used. It is named by position and name: what stands for its hash may be a key.</exception>
    public static ServiceKeys? Find(IConfiguration settings)
    {
        if (settings.Find(Setting) is not { } setting) return null;

        var entries = setting.Split([',', ' ', '\t', '\r', '\n'], StringSplitOptions.RemoveEmptyEntries);
        if (entries.Length == 0) throw Unusable("there is no entry in it; leave it out to have no keys.");
        var keys = new List<(byte[] Hash, Caller Caller)>();
        var hashes = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var (entry, position) in entries.Select((entry, index) => (entry, index + 1)))
        {
            var colon = entry.IndexOf(':', StringComparison.Ordinal);
            var name = entry[..Math.Max(colon, 0)];
            var hash = entry[(colon + 1)..];

            if (!IsName(name))
                throw Unusable($"entry {position} has no usable name; it takes name:sha256-of-key, in the name {NameRule}.");
            if (!Hash().IsMatch(hash))
                throw Unusable(hash.StartsWith(Prefix, StringComparison.Ordinal)
                    ? $"entry {position} ({name}) holds the key itself; it takes the key's SHA-256, which \"key NAME\" prints beside it. Whoever may read settings now knows this key: make a new one."
                    : $"entry {position} ({name}) is not followed by a SHA-256 in 64 hexadecimal digits. If that is the key itself, take its hash: printf %s \"$KEY\" | sha256sum.");
            if (keys.Exists(key => key.Caller == Caller.Key(name)))
                throw Unusable($"entry {position} ({name}) has the name of an earlier one; each takes its own.");
            if (!hashes.TryAdd(hash, name))
                throw Unusable($"entry {position} ({name}) has the hash of {hashes[hash]}; each caller takes a key of its own.");

            keys.Add((Convert.FromHexString(hash), Caller.Key(name)));
        }

        return new ServiceKeys([.. keys]);
    }

    public static bool IsName(string name) => Name().IsMatch(name) && !name.StartsWith(Prefix, StringComparison.Ordinal);

    /// <summary>A new key, and the SHA-256 by which the setting knows it.</summary>
    public static (string Key, string Hash) New()
    {
        var key = Prefix + Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(RandomBytes));
        return (key, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key))));
    }

    /// <summary>True of what can only be meant as a key, and is one of ours or none.</summary>
    public static bool HasPrefix(ReadOnlySpan<char> credential) => credential.StartsWith(Prefix, StringComparison.Ordinal);

    /// <summary>Whose key this is; null if nobody's. Takes the same time for every key, right or wrong, of a length.</summary>
    public Caller? Find(ReadOnlySpan<char> credential)
    {
        Span<byte> bytes = stackalloc byte[MaximumLength];
        if (_keys.Length == 0 || !Encoding.UTF8.TryGetBytes(credential, bytes, out var length)) return null;

        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(bytes[..length], hash);
        Caller? found = null;
        foreach (var (known, caller) in _keys)
            if (CryptographicOperations.FixedTimeEquals(known, hash)) found = caller;
        return found;
    }

    private static SettingsException Unusable(string why) => new($"{Setting}: {why}");

    // Short, so that a key in a name's place is not taken for one and shown.
    [GeneratedRegex(@"\A[A-Za-z0-9][A-Za-z0-9._-]{0,29}\z")]
    private static partial Regex Name();

    [GeneratedRegex(@"\A[0-9A-Fa-f]{64}\z")]
    private static partial Regex Hash();
}
