using System.Globalization;
using Npgsql;

namespace Gallery.Sql.Database;

/// <summary>The servers that a connection names: one, or several in <c>Host</c>, each with or without a port.</summary>
public static class ConnectionServers
{
    /// <summary>For people: <c>host:port</c>, separated by commas. A socket is shown as its folder.</summary>
    public static string DescribeServers(this NpgsqlConnectionStringBuilder connection) =>
        string.Join(", ", connection.ListServers().Select(server => server.Host switch
        {
            ['/', ..] => server.Host,
            var host when host.Contains(':', StringComparison.Ordinal) => $"[{host}]:{server.Port}",
            _ => $"{server.Host}:{server.Port}",
        }));

    /// <summary>Each host, an IPv6 address without its brackets. A port that is no number or out of range is 0.</summary>
    internal static IReadOnlyList<(string Host, int Port)> ListServers(this NpgsqlConnectionStringBuilder connection) =>
        [.. (connection.Host ?? "").Split(',').Select(host => Split(host.Trim(), connection.Port))];

    internal static int ReadPort(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port is >= 1 and <= 65535 ? port : 0;

    private static (string Host, int Port) Split(string host, int port)
    {
        if (host.StartsWith('[') && host.EndsWith(']')) host = host[1..^1];
        else if (host.LastIndexOf(':') is var colon and >= 0 && (host[..colon].EndsWith(']') || !host[..colon].Contains(':', StringComparison.Ordinal)))
            (host, port) = (host[..colon].TrimStart('[').TrimEnd(']'), ReadPort(host[(colon + 1)..]));
        return (host, port is >= 1 and <= 65535 ? port : 0);
    }
}
