using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Gallery.Sql.Database;

/// <summary>
/// The <c>postgresql://user:password@host:port/database?parameters</c> form, which Npgsql does not read
/// (PostgreSQL's manual, "Connection URIs"): percent-encoding, several hosts and libpq's parameters.
/// </summary>
internal static partial class PostgresUri
{
    /// <summary>Of the parameters that matter, those that may be ignored: without them the connection is as safe.</summary>
    private static readonly HashSet<string> Harmless = new(StringComparer.OrdinalIgnoreCase)
    {
        "sslaccept", "sslidentity", "sslcompression", "sslsni", "gssencmode", "krbsrvname",
    };

    private static readonly string[] Known =
    [
        "ssl", "sslmode", "sslrootcert", "sslcert", "sslkey", "sslpassword", "sslnegotiation", "require_auth", "application_name", "options", "host", "port", "dbname", "user",
        "password", "target_session_attrs", "channel_binding", "connect_timeout", "pgbouncer",
    ];

    /// <summary>Also with a driver's name, as SQLAlchemy (<c>postgresql+psycopg2://</c>) and JDBC write it.</summary>
    public static bool IsOne(string text) => Scheme().IsMatch(text);

    /// <summary>Of the URI, an error quotes only a parameter's name. The rest may be the password.</summary>
    public static NpgsqlConnectionStringBuilder Parse(string uri, string setting, ILogger? log)
    {
        var rest = uri[(uri.IndexOf("://", StringComparison.Ordinal) + 3)..];
        var (beforeQuery, query) = Cut(rest, '?');
        var (authority, database) = Cut(beforeQuery, '/');

        // The last @ ends the password, because a password that was pasted unencoded may contain others.
        var at = authority.LastIndexOf('@');
        var (user, password) = at < 0 ? ("", "") : Cut(authority[..at], ':');

        // An @ after the authority ends the password too: the authority was cut at a / or ? inside the password.
        if (database.Contains('@', StringComparison.Ordinal) || query.Contains('@', StringComparison.Ordinal)) throw NotEncoded(setting);

        var connection = new NpgsqlConnectionStringBuilder();
        if (user.Length > 0) connection.Username = Decode(user, setting);
        if (password.Length > 0) connection.Password = Decode(password, setting);
        if (database.Length > 0) connection.Database = Decode(database, setting);
        ReadHosts(authority[(at + 1)..], connection, setting);
        var ignored = new List<string>();
        foreach (var pair in query.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var (name, value) = Cut(pair, '=');
            try
            {
                if (MayIgnore(name, value)) ignored.Add(name);
                else Set(connection, name, Decode(value, setting), setting);
            }
            catch (Exception e) when (e is ArgumentException or FormatException)   // Npgsql's own bounds
            {
                throw NotUsable(name, setting);
            }
        }

        if (ignored.Count > 0 && log is not null) LogIgnored(log, setting, string.Join(", ", ignored));

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

    /// <summary>
    /// Other clients (Prisma, node-postgres, psycopg, pgx, JDBC, Rails) put their own parameters into a URL. An unknown one is ignored, unless it may be about safety or the choice
    /// of the server, or it may be a misspelt one, or no name at all: then it may be the end of a password that contains a ?.
    /// </summary>
    private static bool MayIgnore(string name, string value) =>
        Harmless.Contains(name)
        || name == "ssl" && value == "false"
        || value.Length > 0 && IsName(name) && !Matters().IsMatch(name) && !Known.Contains(name) && name != "ApplicationName"
        && Known.All(known => Spelling.Distance(name.ToLowerInvariant(), known) > 1);

    private static bool IsName(string text) => text.All(letter => char.IsAsciiLetter(letter) || letter == '_');

    private static void Set(NpgsqlConnectionStringBuilder connection, string name, string value, string setting)
    {
        switch (name)
        {
            case "sslmode" when value == "no-verify":   // node-postgres: encrypted, any certificate
                connection.SslMode = SslMode.Require;
                break;
            case "ssl" when value is "true" or "require":   // a named sslmode wins, before it or after it
                if (!connection.ShouldSerialize("SSL Mode")) connection.SslMode = SslMode.Require;
                break;
            case "sslnegotiation" when value is "postgres" or "direct":
                connection.SslNegotiation = Enum.Parse<SslNegotiation>(value, ignoreCase: true);
                break;
            case "sslmode": connection.SslMode = ConnectionSettings.ParseSslMode(value, $"{setting}'s sslmode"); break;
            case "sslrootcert": connection.RootCertificate = value; break;
            case "sslcert": connection.SslCertificate = value; break;
            case "sslkey": connection.SslKey = value; break;
            case "sslpassword": connection.SslPassword = value; break;
            case "require_auth": connection.RequireAuth = string.Join(',', value.Split(',').Select(ReadAuth)); break;
            case "application_name" or "ApplicationName": connection.ApplicationName = value; break;
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
            // Supabase's URL for Prisma marks the transaction pooler so. Prepared statements would fail there.
            case "pgbouncer" when value == "true": connection.MaxAutoPrepare = 0; break;
            case "pgbouncer": break;
            default:
                throw NotUsable(name, setting);
        }
    }

    /// <summary>libpq's word for a way to sign in as Npgsql's, which is case-sensitive. A ! before it excludes it.</summary>
    private static string ReadAuth(string way) => way switch
    {
        ['!', .. var excluded] => $"!{ReadAuth(excluded)}",
        "password" => "Password",
        "md5" => "MD5",
        "gss" => "GSS",
        "sspi" => "SSPI",
        "scram-sha-256" => "ScramSHA256",
        "none" => "None",
        _ => throw new FormatException(),
    };

    // Only a plausible name is quoted: it may be the end of a password that contains a ?.
    private static SettingsException NotUsable(string name, string setting) => new(
        $"{setting} has {(IsName(name) ? $"the parameter {name}" : "a parameter")}, " +
        "which is unknown or has an unusable value. Known: sslmode, sslrootcert, sslcert, sslkey, sslpassword, sslnegotiation, require_auth, " +
        "application_name, options, connect_timeout, target_session_attrs, channel_binding, pgbouncer.");

    private static SettingsException NotEncoded(string setting) => new(
        $"{setting} has no usable host and port. If the password contains / ? # % or @, percent-encode it (/ is %2F, ? is %3F, # is %23, % is %25, @ is %40).");

    private static (string Before, string After) Cut(string text, char at) =>
        text.IndexOf(at, StringComparison.Ordinal) is var index and >= 0 ? (text[..index], text[(index + 1)..]) : (text, "");

    private static string Decode(string text, string setting)
    {
        for (var i = text.IndexOf('%', StringComparison.Ordinal); i >= 0; i = text.IndexOf('%', i + 1))
            if (i + 2 >= text.Length || !char.IsAsciiHexDigit(text[i + 1]) || !char.IsAsciiHexDigit(text[i + 2]))
                throw new SettingsException($"{setting} has a % without two hex digits after it. Write a % in the password as %25.");
        return Uri.UnescapeDataString(text);
    }

    [GeneratedRegex(@"\A(jdbc:)?postgres(ql)?(\+[a-z0-9_]+)?://", RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture)]
    private static partial Regex Scheme();

    [GeneratedRegex("^(tls|gss|krb|target|host|pass|require|service)|ssl|auth|cert|channel|encrypt", RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture)]
    private static partial Regex Matters();

    [LoggerMessage(LogLevel.Warning, "{Setting} has parameters that mean nothing here and are ignored: {Parameters}")]
    private static partial void LogIgnored(ILogger log, string setting, string parameters);
}
