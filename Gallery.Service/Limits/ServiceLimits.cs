using System.Globalization;
using System.Net;
using Gallery.Sql.Coalescing;
using Gallery.Sql.Database;

namespace Gallery.Service.Limits;

/// <summary>Every configurable limit and time-out of the service.</summary>
/// <remarks>Each time-out is longer than the one before: the database's, the request's, the shut-down's.</remarks>
internal sealed record ServiceLimits
{
    public const int DefaultBodyBytes = 256 * 1024;

    private static readonly int ShortestRequestTimeout = (int)Math.Ceiling(GalleryDatabase.Patience.TotalSeconds);

    /// <summary>The largest body. The framing of chunks does not count.</summary>
    public required int BodyBytes { get; init; }

    public required int RequestLineBytes { get; init; }

    /// <summary>All headers together.</summary>
    public required int HeaderBytes { get; init; }

    public required int Headers { get; init; }

    /// <summary>Maximum concurrent connections. Further ones replace idle ones, or get one answer: 503 unless they ask for a probe.</summary>
    public required int Connections { get; init; }

    /// <summary>Maximum concurrent connections of one address. This machine and the trusted proxies may have all.</summary>
    public required int ConnectionsPerAddress { get; init; }

    /// <summary>Maximum requests of each kind that wait for a statement.</summary>
    public required int QueueLength { get; init; }

    /// <summary>Requests per second for each caller; 0 for no limit.</summary>
    public required int RequestsPerSecond { get; init; }

    /// <summary>The proxies with trusted <c>X-Forwarded-*</c> headers.</summary>
    public required IReadOnlyList<IPNetwork> TrustedProxies { get; init; }

    /// <summary>The slowest allowed arrival of a body, or reading of an answer, in bytes per second.</summary>
    public required int DataRate { get; init; }

    public required TimeSpan HeadersTimeout { get; init; }

    public required TimeSpan KeepAliveTimeout { get; init; }

    public required TimeSpan RequestTimeout { get; init; }

    public required TimeSpan ShutdownTimeout { get; init; }

    /// <summary>How long the service goes on accepting after SIGTERM. <see cref="ShutdownTimeout"/> begins afterwards.</summary>
    public required TimeSpan DrainTime { get; init; }

    /// <exception cref="SettingsException">A setting is out of range, is not a list of addresses, or contradicts another.</exception>
    public static ServiceLimits From(IConfiguration settings)
    {
        var connections = Read("GALLERY_MAX_CONNECTIONS", 2048, 1, 65_535, "connections");
        var limits = new ServiceLimits
        {
            BodyBytes = Read("GALLERY_MAX_BODY_BYTES", DefaultBodyBytes, 1024, 1024 * 1024, "bytes"),
            RequestLineBytes = Read("GALLERY_MAX_REQUEST_LINE_BYTES", 8 * 1024, 1024, LimitsSetup.ReadAheadBytes, "bytes"),
            HeaderBytes = Read("GALLERY_MAX_HEADER_BYTES", 32 * 1024, 1024, LimitsSetup.ReadAheadBytes, "bytes"),
            Headers = Read("GALLERY_MAX_HEADERS", 100, 10, 1000, "headers"),
            Connections = connections,
            ConnectionsPerAddress = Read("GALLERY_MAX_CONNECTIONS_PER_ADDRESS", (connections + 1) / 2, 1, 65_535, "connections"),
            QueueLength = Read("GALLERY_MAX_QUEUE", BatchOptions.DefaultQueueLength, 1, 65_536, "requests"),
            RequestsPerSecond = Read("GALLERY_RATE_LIMIT", 0, 0, 1_000_000, "requests a second (0: off)"),
            TrustedProxies = ReadNetworks("GALLERY_TRUSTED_PROXIES"),
            DataRate = Read("GALLERY_MIN_DATA_RATE", 2 * 1024, 1, 1_000_000, "bytes a second"),
            HeadersTimeout = ReadSeconds("GALLERY_HEADERS_TIMEOUT", 10, 1, 60),
            KeepAliveTimeout = ReadSeconds("GALLERY_KEEP_ALIVE_TIMEOUT", 130, 1, 3600),
            RequestTimeout = ReadSeconds("GALLERY_REQUEST_TIMEOUT", 8, ShortestRequestTimeout, 60),
            ShutdownTimeout = ReadSeconds("GALLERY_SHUTDOWN_TIMEOUT", 10, ShortestRequestTimeout + 1, 300),
            DrainTime = ReadSeconds("GALLERY_DRAIN_SECONDS", 5, 0, 300),
        };
        return limits.RequestTimeout < limits.ShutdownTimeout
            ? limits
            : throw new SettingsException(
                $"GALLERY_SHUTDOWN_TIMEOUT is {limits.ShutdownTimeout.TotalSeconds}. It must be longer than GALLERY_REQUEST_TIMEOUT, which is {limits.RequestTimeout.TotalSeconds}.");

        int Read(string name, int usual, int minimum, int maximum, string unit)
        {
            if (settings.Find(name) is not { } text) return usual;
            return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= minimum && number <= maximum
                ? number
                : throw new SettingsException($"{name} takes {minimum} to {maximum} {unit}, as a whole number.");
        }

        TimeSpan ReadSeconds(string name, int usual, int minimum, int maximum) => TimeSpan.FromSeconds(Read(name, usual, minimum, maximum, "seconds"));

        List<IPNetwork> ReadNetworks(string name) =>
        [
            .. (settings.Find(name) ?? "").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
                .Select((text, index) => ParseNetwork(text) ?? throw new SettingsException(
                    $"{name}: entry {index + 1} is not an address or network. It takes 10.0.0.5 or 10.0.0.0/8, with commas between.")),
        ];
    }

    private static IPNetwork? ParseNetwork(string text)
    {
        if (IPNetwork.TryParse(text, out var network)) return network;
        return IPAddress.TryParse(text, out var address) && (text.Contains(':', StringComparison.Ordinal) || text.Count(c => c == '.') == 3)   // the parser reads "10" as 0.0.0.10
            ? new IPNetwork(address, address.GetAddressBytes().Length * 8)
            : null;
    }
}
