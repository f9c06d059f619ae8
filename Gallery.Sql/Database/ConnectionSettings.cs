using System.Net;
using Microsoft.Extensions.Configuration;
using Npgsql;

namespace Gallery.Sql.Database;

/// <summary>Which database the settings name: <c>SUPABASE_DB_*</c>, or one <c>DATABASE_URL</c>.</summary>
public static class ConnectionSettings
{
    private const string Prefix = "SUPABASE_DB_";
    private const string Host = "SUPABASE_DB_HOST";
    private const string Port = "SUPABASE_DB_PORT";
    private const string Name = "SUPABASE_DB_NAME";
    private const string User = "SUPABASE_DB_USER";
    private const string Password = "SUPABASE_DB_PASSWORD";
    private const string TlsMode = "SUPABASE_DB_SSLMODE";
    internal const string Url = "DATABASE_URL";

    private static readonly string[] SupabaseNames = [Host, Port, Name, User, Password, TlsMode];

    /// <summary>The connection that the settings name; null when none is set (then the embedded PostgreSQL serves).</summary>
    /// <remarks>
    /// Without an <c>sslmode</c> the connection is encrypted (<c>require</c>), except to this machine itself (<c>prefer</c>).
    /// </remarks>
    /// <exception cref="SettingsException">A setting is missing, contradicts another or cannot be read.</exception>
    public static NpgsqlConnectionStringBuilder? Find(IConfiguration settings)
    {
        var url = settings.Find(Url)?.Trim();   // a secret's file often ends in a newline
        if (settings.AsEnumerable().FirstOrDefault(setting => setting.Key.StartsWith(Prefix, StringComparison.Ordinal) && !SupabaseNames.Contains(setting.Key)) is { Key: { } unknown })
            throw new SettingsException($"{unknown} is no setting; known are {string.Join(", ", SupabaseNames)}.");
        var given = Array.FindAll(SupabaseNames, name => settings.Find(name) is not null);
        if (url is not null && given.Length > 0)
            throw new SettingsException($"{Url} and {string.Join(", ", given)} are both set, and may name two databases. Remove one of them.");

        var connection = url is not null ? FromUrl(url) : given.Length > 0 ? FromSupabase(settings) : null;
        if (connection is null) return null;

        CheckServers(connection, url is not null ? Url : Host);
        if (!connection.ShouldSerialize("SSL Mode"))
            connection.SslMode = connection.ListServers().All(server => IsThisMachine(server.Host)) ? SslMode.Prefer : SslMode.Require;
        connection.GssEncryptionMode = GssEncryptionMode.Disable;   // its probe costs a round trip a connection, for Kerberos alone
        return connection;
    }

    /// <summary>The libpq word (<c>verify-full</c>) as Npgsql's value.</summary>
    internal static SslMode ParseSslMode(string value, string setting) => value switch
    {
        "disable" => SslMode.Disable,
        "allow" => SslMode.Allow,
        "prefer" => SslMode.Prefer,
        "require" => SslMode.Require,
        "verify-ca" => SslMode.VerifyCA,
        "verify-full" => SslMode.VerifyFull,
        _ => throw new SettingsException(
            $"{setting} is \"{value}\"; it takes disable, allow, prefer, require, verify-ca or verify-full."),
    };

    internal static int ParsePort(string value, string setting) =>
        ConnectionServers.ReadPort(value) is var port and > 0
            ? port
            : throw new SettingsException($"{setting} is \"{value}\"; it takes a port, 1 to 65535 (5432 direct or session pooler, 6543 transaction pooler).");

    private static NpgsqlConnectionStringBuilder FromSupabase(IConfiguration settings)
    {
        var host = settings.Find(Host)
            ?? throw new SettingsException($"{Host} is not set. Supabase shows it under Connect; for a server on this machine it is 127.0.0.1.");
        if (!IsHost(host))
            throw new SettingsException($"{Host} takes a host name alone, without scheme, user, port or path; the port goes into {Port}, a whole URL into {Url}.");

        var connection = new NpgsqlConnectionStringBuilder
        {
            Host = host,
            Port = ParsePort(settings.Find(Port) ?? "5432", Port),
            Database = settings.Find(Name) ?? "postgres",
            Username = settings.Find(User) ?? "postgres",
            Password = RefusePlaceholder(settings.Find(Password), Password),
        };
        if (settings.Find(TlsMode) is { } mode) connection.SslMode = ParseSslMode(mode, TlsMode);
        return connection;
    }

    private static NpgsqlConnectionStringBuilder FromUrl(string url)
    {
        var parsed = PostgresUri.IsOne(url) ? PostgresUri.Parse(url, Url) : FromKeywords(url);
        RefusePlaceholder(parsed.Password, Url);
        return parsed;
    }

    private static NpgsqlConnectionStringBuilder FromKeywords(string text)
    {
        try
        {
            var parsed = new NpgsqlConnectionStringBuilder(text);
            return string.IsNullOrEmpty(parsed.Host) ? throw new SettingsException($"{Url} names no host; add Host=….") : parsed;
        }
        catch (Exception e) when (e is ArgumentException or FormatException or OverflowException or KeyNotFoundException)
        {
            // The parser's own words may quote what it could not read, and that may be the password.
            throw new SettingsException(
                $"{Url} can not be read. It takes postgresql://user:password@host:port/database, or Npgsql's Host=…;Username=…;Password=…;Database=….");
        }
    }

    /// <summary>Refuses now what Npgsql would refuse at the first use, in words that may quote the password.</summary>
    private static void CheckServers(NpgsqlConnectionStringBuilder connection, string setting)
    {
        var servers = connection.ListServers();
        if (servers.Any(server => server.Port == 0 || !IsHost(server.Host)))
            throw new SettingsException($"{setting} holds a host that is not a name or an address with a port, 1 to 65535, after it or none.");

        if (servers is [var (host, port)]) (connection.Host, connection.Port) = (host, port);
        if (servers.Count == 1 && connection.TargetSessionAttributes is not (null or "any"))
            throw new SettingsException($"{setting} has target_session_attrs, which chooses between several hosts, and names one host. Remove it, or add the other hosts.");
    }

    private static string? RefusePlaceholder(string? password, string setting) =>
        password is "[YOUR-PASSWORD]" or "YOUR-PASSWORD"
            ? throw new SettingsException($"{setting} still holds Supabase's placeholder [YOUR-PASSWORD]; put the database's password there.")
            : password;

    private static bool IsHost(string text) => text.StartsWith('/') || Uri.CheckHostName(text) != UriHostNameType.Unknown;

    private static bool IsThisMachine(string host) =>
        host.StartsWith('/') || host.Equals("localhost", StringComparison.OrdinalIgnoreCase) || IPAddress.TryParse(host, out var address) && IPAddress.IsLoopback(address);
}
