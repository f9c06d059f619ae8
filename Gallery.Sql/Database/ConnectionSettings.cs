using System.Net;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Gallery.Sql.Database;

/// <summary>The database that the settings name: <c>SUPABASE_DB_*</c>, or one <c>DATABASE_URL</c>.</summary>
public static class ConnectionSettings
{
    private const string Host = "SUPABASE_DB_HOST";
    private const string Port = "SUPABASE_DB_PORT";
    private const string Name = "SUPABASE_DB_NAME";
    private const string User = "SUPABASE_DB_USER";
    private const string Password = "SUPABASE_DB_PASSWORD";
    private const string TlsMode = "SUPABASE_DB_SSLMODE";
    internal const string Url = "DATABASE_URL";
    private const string Kind = "GALLERY_DATABASE";
    internal const string PrivateKind = $"{Kind}=embedded";
    public const string RootCertificate = "PGSSLROOTCERT";   // Npgsql reads it too, but from the environment only

    private static readonly string[] SupabaseNames = [Host, Port, Name, User, Password, TlsMode];

    /// <summary>The connection that the settings name. Null if they name none, or ask for the private PostgreSQL.</summary>
    /// <remarks>
    /// Without an <c>sslmode</c> the connection is encrypted (<c>require</c>), except on this machine (<c>prefer</c>).
    /// With a root certificate, <c>require</c> is <c>verify-ca</c>.
    /// </remarks>
    /// <param name="log">Is warned of parameters that mean nothing here.</param>
    /// <exception cref="SettingsException">A setting is missing, contradicts another or cannot be read.</exception>
    public static NpgsqlConnectionStringBuilder? Find(IConfiguration settings, ILogger? log = null)
    {
        var url = settings.Find(Url)?.Trim();   // a secret's file often ends in a newline
        var given = Array.FindAll(SupabaseNames, name => settings.Find(name) is not null);
        if (url is not null && given.Length > 0)
            throw new SettingsException($"{Url} and {string.Join(", ", given)} are both set and may name two databases. Remove one of the two.");
        if (IsPrivate(settings) && (url is not null || given.Length > 0))
            throw new SettingsException($"{PrivateKind} and {(url is not null ? Url : string.Join(", ", given))} contradict each other. Remove one of the two.");

        return url is not null ? Read(url, Url, settings, log) : given.Length > 0 ? Check(FromSupabase(settings), settings, Host) : null;
    }

    /// <summary>The connection of another setting with a URL. Null if it is absent.</summary>
    /// <inheritdoc cref="Find"/>
    internal static NpgsqlConnectionStringBuilder? FindUrl(IConfiguration settings, string name, ILogger? log = null) =>
        settings.Find(name)?.Trim() is { } url ? Read(url, name, settings, log) : null;

    /// <summary>The connection that a URL names.</summary>
    /// <param name="url">Without white space around it.</param>
    /// <param name="setting">Where the URL is from, for messages.</param>
    /// <param name="settings">May name a root certificate.</param>
    /// <inheritdoc cref="Find"/>
    internal static NpgsqlConnectionStringBuilder Read(string url, string setting, IConfiguration settings, ILogger? log) =>
        Check(FromUrl(url, setting, log), settings, setting);

    private static NpgsqlConnectionStringBuilder Check(NpgsqlConnectionStringBuilder connection, IConfiguration settings, string setting)
    {
        CheckServers(connection, setting);
        ChooseTls(connection, settings, setting);
        CheckFiles(connection, setting);
        connection.GssEncryptionMode = GssEncryptionMode.Disable;   // its probe costs a round trip per connection, and only Kerberos needs it
        return connection;
    }

    /// <summary>Whether the settings ask for the private PostgreSQL by name.</summary>
    internal static bool IsPrivate(IConfiguration settings) => settings.Find(Kind)?.Trim() switch
    {
        null => false,
        "embedded" => true,
        _ => throw new SettingsException($"{Kind} takes only embedded. Set it to that, or remove it."),
    };

    /// <summary>The libpq word (<c>verify-full</c>) as Npgsql's value.</summary>
    internal static SslMode ParseSslMode(string value, string setting) => value switch
    {
        "disable" => SslMode.Disable,
        "allow" => SslMode.Allow,
        "prefer" => SslMode.Prefer,
        "require" => SslMode.Require,
        "verify-ca" => SslMode.VerifyCA,
        "verify-full" => SslMode.VerifyFull,
        _ => throw new SettingsException($"{setting} takes disable, allow, prefer, require, verify-ca or verify-full."),
    };

    /// <summary>A port from 1 to 65535. The <paramref name="hint"/> ends the error message; the default suits PostgreSQL.</summary>
    internal static int ParsePort(string value, string setting, string hint = " (5432 direct or session pooler, 6543 transaction pooler)") =>
        ConnectionServers.ReadPort(value) is var port and > 0
            ? port
            : throw new SettingsException($"{setting} takes a port from 1 to 65535{hint}.");

    private static NpgsqlConnectionStringBuilder FromSupabase(IConfiguration settings)
    {
        var host = settings.Find(Host)
            ?? throw new SettingsException($"{Host} is not set. Supabase shows it under Connect. For a server on this machine set 127.0.0.1.");
        if (!IsHost(host))
            throw new SettingsException($"{Host} is not a host name. Leave out scheme, user, port and path. Set the port in {Port}, or a whole URL in {Url}.");

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

    private static NpgsqlConnectionStringBuilder FromUrl(string url, string setting, ILogger? log)
    {
        var parsed = PostgresUri.IsOne(url) ? PostgresUri.Parse(url, setting, log) : FromKeywords(url, setting);
        RefusePlaceholder(parsed.Password, setting);
        return parsed;
    }

    private static NpgsqlConnectionStringBuilder FromKeywords(string text, string setting)
    {
        try
        {
            var parsed = new NpgsqlConnectionStringBuilder(text);
            return string.IsNullOrEmpty(parsed.Host) ? throw new SettingsException($"{setting} names no host. Add Host=….") : parsed;
        }
        catch (Exception e) when (e is ArgumentException or FormatException or OverflowException or KeyNotFoundException)
        {
            // The parser's message may quote what it could not read, and that may be the password.
            throw new SettingsException(
                $"{setting} cannot be read. Write postgresql://user:password@host:port/database, or Npgsql's Host=…;Username=…;Password=…;Database=….");
        }
    }

    /// <summary>Refuses now what Npgsql would refuse at the first use, in a message that may quote the password.</summary>
    private static void CheckServers(NpgsqlConnectionStringBuilder connection, string setting)
    {
        var servers = connection.ListServers();
        if (servers.Any(server => server.Port == 0 || !IsHost(server.Host)))
            throw new SettingsException($"{setting} has a host that is no name or address, or a port that is not from 1 to 65535.");

        if (servers is [var (host, port)]) (connection.Host, connection.Port) = (host, port);
        if (servers.Count == 1 && connection.TargetSessionAttributes is not (null or "any"))
            throw new SettingsException($"{setting} has target_session_attrs but only one host. Remove it, or add the other hosts.");
    }

    /// <summary>
    /// As libpq does (postgresql.org/docs/current/libpq-ssl.html): a named root certificate is used with <c>require</c> too. Npgsql would trust every server then.
    /// </summary>
    private static void ChooseTls(NpgsqlConnectionStringBuilder connection, IConfiguration settings, string setting)
    {
        var hasMode = connection.ShouldSerialize("SSL Mode");
        if (connection.RootCertificate is "system")
        {
            if (hasMode && connection.SslMode != SslMode.VerifyFull) throw new SettingsException($"{setting} has sslrootcert=system, which needs sslmode=verify-full. Set that, or remove one of the two.");
            (connection.RootCertificate, connection.SslMode) = (null, SslMode.VerifyFull);   // Npgsql then takes those of the system
            return;
        }

        var isNamed = !string.IsNullOrEmpty(connection.RootCertificate);
        if (!hasMode) connection.SslMode = isNamed ? SslMode.VerifyCA : connection.ListServers().All(server => IsThisMachine(server.Host)) ? SslMode.Prefer : SslMode.Require;
        if (connection.SslMode < SslMode.Require) return;

        if (!isNamed && FindRootCertificate(settings) is { } path) (connection.RootCertificate, isNamed) = (path, true);
        if (isNamed && connection.SslMode == SslMode.Require) connection.SslMode = SslMode.VerifyCA;
    }

    /// <summary>Also from the environment itself, which tests' settings do not contain.</summary>
    private static string? FindRootCertificate(IConfiguration settings) =>
        (settings.Find(RootCertificate) ?? Environment.GetEnvironmentVariable(RootCertificate)) is not { Length: > 0 } path ? null
        : File.Exists(path) ? path
        : throw new SettingsException($"{RootCertificate} names a file that does not exist. Correct the path, or remove it.");

    private static void CheckFiles(NpgsqlConnectionStringBuilder connection, string setting)
    {
        foreach (var (name, path) in new[] { ("sslrootcert", connection.RootCertificate), ("sslcert", connection.SslCertificate), ("sslkey", connection.SslKey) })
            if (!string.IsNullOrEmpty(path) && !File.Exists(path))
                throw new SettingsException($"{setting}: {name} names a file that does not exist.");
    }

    private static string? RefusePlaceholder(string? password, string setting) =>
        password is "[YOUR-PASSWORD]" or "YOUR-PASSWORD"
            ? throw new SettingsException($"{setting} still contains the placeholder [YOUR-PASSWORD]. Put the database's password there.")
            : password;

    private static bool IsHost(string text) => text.StartsWith('/') || Uri.CheckHostName(text) != UriHostNameType.Unknown;

    private static bool IsThisMachine(string host) =>
        host.StartsWith('/') || host.Equals("localhost", StringComparison.OrdinalIgnoreCase) || IPAddress.TryParse(host, out var address) && IPAddress.IsLoopback(address);
}
