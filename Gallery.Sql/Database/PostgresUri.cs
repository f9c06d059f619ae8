using System.Globalization;
using Npgsql;

namespace Gallery.Sql.Database;

/// <summary>
/// The <c>postgresql://user:password@host:port/database?parameters</c> form, which Npgsql does not read
/// (PostgreSQL's manual, "Connection URIs"): percent-encoding, several hosts and libpq's names of the parameters.
/// </summary>
internal static class PostgresUri
{
    public static bool IsOne(string text) =>
        text.StartsWith("postgresql://", StringComparison.OrdinalIgnoreCase) || text.StartsWith("postgres://", StringComparison.OrdinalIgnoreCase);

    /// <summary>No message of the errors quotes anything of the URI but a parameter's name: the rest may be the password.</summary>
    public static NpgsqlConnectionStringBuilder Parse(string uri, string setting)
    {
        var rest = uri[(uri.IndexOf("://", StringComparison.Ordinal) + 3)..];
        var (beforeQuery, query) = Cut(rest, '?');
        var (authority, database) = Cut(beforeQuery, '/');

        // The last @ ends the password: one that was pasted unencoded may hold others.
        var at = authority.LastIndexOf('@');
        var (user, password) = at < 0 ? ("", "") : Cut(authority[..at], ':');

        // One after the authority is the password's end: what stands before it was cut at the password's own / or ?.
        if (database.Contains('@', StringComparison.Ordinal) || query.Contains('@', StringComparison.Ordinal)) throw NotEncoded(setting);

        var connection = new NpgsqlConnectionStringBuilder();
        if (user.Length > 0) connection.Username = Decode(user, setting);
        if (password.Length > 0) connection.Password = Decode(password, setting);
        if (database.Length > 0) connection.Database = Decode(database, setting);
        ReadHosts(authority[(at + 1)..], connection, setting);
        foreach (var pair in query.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var (name, value) = Cut(pair, '=');
            try
            {
                Set(connection, name, Decode(value, setting), setting);
            }
            catch (ArgumentException)   // Npgsql's own bounds
            {
                throw NotUsable(name, setting);
            }
        }

        return string.IsNullOrEmpty(connection.Host) ? throw new SettingsException($"{setting} names no host.") : connection;
    }

    private static void ReadHosts(string authority, NpgsqlConnectionStringBuilder connection, string setting)
    {
        if (authority.Length == 0) return;

        var hosts = Array.ConvertAll(authority.Split(','), host => Decode(host, setting));
        foreach (var host in hosts)
            if (host.LastIndexOf(':') is var colon and >= 0 && colon > host.LastIndexOf(']') && ConnectionServers.ReadPort(host[(colon + 1)..]) == 0)
                throw NotEncoded(setting);

        connection.Host = string.Join(',', hosts);   // each with its port: Npgsql's own form
    }

    private static void Set(NpgsqlConnectionStringBuilder connection, string name, string value, string setting)
    {
        switch (name)
        {
            case "sslmode": connection.SslMode = ConnectionSettings.ParseSslMode(value, $"{setting}'s sslmode"); break;
            case "sslrootcert": connection.RootCertificate = value; break;
            case "sslcert": connection.SslCertificate = value; break;
            case "sslkey": connection.SslKey = value; break;
            case "application_name": connection.ApplicationName = value; break;
            case "options": connection.Options = value; break;
            case "host": connection.Host = value; break;
            case "port": connection.Port = ConnectionSettings.ParsePort(value, $"{setting}'s port"); break;
            case "dbname": connection.Database = value; break;
            case "user": connection.Username = value; break;
            case "password": connection.Password = value; break;
            case "target_session_attrs": connection.TargetSessionAttributes = value; break;
            case "channel_binding" when value is "disable" or "prefer" or "require":
                connection.ChannelBinding = Enum.Parse<ChannelBinding>(value, ignoreCase: true);
                break;
            case "connect_timeout" when int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds):
                connection.Timeout = seconds;
                break;
            // How Supabase's page for other drivers marks the transaction pooler: prepared statements would fail there.
            case "pgbouncer" when value == "true": connection.MaxAutoPrepare = 0; break;
            case "pgbouncer" or "supa": break;
            default:
                throw NotUsable(name, setting);
        }
    }

    // The parameter's name is quoted where it may be one: it is the password's end where that held a ? and the @ was forgotten.
    private static SettingsException NotUsable(string name, string setting) => new(
        $"{setting} has {(name.All(letter => char.IsAsciiLetterLower(letter) || letter == '_') ? $"the parameter {name}" : "a parameter")}, " +
        "which is unknown or has no value that can be used. Known: sslmode, sslrootcert, sslcert, sslkey, " +
        "application_name, options, connect_timeout, target_session_attrs, channel_binding, pgbouncer.");

    private static SettingsException NotEncoded(string setting) => new(
        $"{setting} has no host and port that can be used. If the password holds one of / ? # % or @, percent-encode it (/ is %2F, ? is %3F, # is %23, % is %25, @ is %40).");

    private static (string Before, string After) Cut(string text, char at) =>
        text.IndexOf(at, StringComparison.Ordinal) is var index and >= 0 ? (text[..index], text[(index + 1)..]) : (text, "");

    private static string Decode(string text, string setting)
    {
        for (var i = text.IndexOf('%', StringComparison.Ordinal); i >= 0; i = text.IndexOf('%', i + 1))
            if (i + 2 >= text.Length || !char.IsAsciiHexDigit(text[i + 1]) || !char.IsAsciiHexDigit(text[i + 2]))
                throw new SettingsException($"{setting} has a % that no two hex digits follow; a % in the password is written %25.");
        return Uri.UnescapeDataString(text);
    }
}
