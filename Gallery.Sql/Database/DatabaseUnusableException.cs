using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using Npgsql;

namespace Gallery.Sql.Database;

/// <summary>A database cannot be used. The message is one line with the reason, the address and the cure. It never contains a secret.</summary>
public sealed class DatabaseUnusableException(string message, Exception? cause = null) : Exception(message, cause)
{
    /// <summary>Says why a database cannot be used, in terms of the settings that would mend it.</summary>
    /// <param name="cause">What Npgsql threw. With several hosts, it contains each host's failure.</param>
    /// <param name="connected">The connection was open: the first statement failed.</param>
    public static DatabaseUnusableException Of(Exception cause, NpgsqlConnectionStringBuilder connection, bool connected = false)
    {
        if (cause.InnerException is AggregateException { InnerExceptions: [var first, ..] }) cause = first;
        var user = connection.Username ?? "the user";
        var servers = connection.ListServers();
        // Only db.<project>.supabase.co has an IPv6 address alone.
        var ipv6 = servers.Any(server => server.Host.StartsWith("db.", StringComparison.Ordinal) && server.Host.EndsWith(".supabase.co", StringComparison.Ordinal))
            ? ". Supabase's direct host is IPv6 only: use the pooler's host" : "";
        var local = servers.Any(server => server.Host is "localhost" or "127.0.0.1" or "::1")
            ? ". In a container, localhost is the container: use the database's own host name, or host.docker.internal" : "";
        var reason = cause switch
        {
            PostgresException { SqlState: PostgresErrorCodes.InvalidAuthorizationSpecification, MessageText: var text } when text.Contains("pg_hba.conf", StringComparison.Ordinal) =>
                $"does not admit {user} to {connection.Database ?? user} from this machine. Set SUPABASE_DB_SSLMODE=require, or change the server's pg_hba.conf",
            PostgresException { SqlState: PostgresErrorCodes.InvalidPassword or PostgresErrorCodes.InvalidAuthorizationSpecification } =>
                $"rejects the sign-in of {user}. Check SUPABASE_DB_USER and SUPABASE_DB_PASSWORD, or the two in DATABASE_URL",
            PostgresException { SqlState: PostgresErrorCodes.InvalidCatalogName } =>
                $"has no database {connection.Database ?? user}. Check SUPABASE_DB_NAME (Supabase's own is postgres), or the path of DATABASE_URL",
            PostgresException { SqlState: PostgresErrorCodes.InsufficientPrivilege } when !connected =>
                $"does not let {user} connect to {connection.Database ?? user}. Grant it CONNECT",
            // Supabase's pooler says this when it cannot find the project in the user's name.
            PostgresException { MessageText: var text } when text.Contains("Tenant or user not found", StringComparison.OrdinalIgnoreCase) =>
                "does not know the project. Through Supabase's pooler the user is postgres.<project reference>: check SUPABASE_DB_USER and the host's region",
            PostgresException other => $"answers {other.SqlState}: {other.MessageText}",
            { InnerException: SocketException { SocketErrorCode: SocketError.ConnectionRefused or SocketError.AddressNotAvailable } } =>
                $"refuses the connection: nothing listens there. Check host and port, and that the server runs{local}",
            SocketException { SocketErrorCode: SocketError.HostNotFound or SocketError.TryAgain or SocketError.NoData }
                or { InnerException: SocketException { SocketErrorCode: SocketError.HostNotFound or SocketError.TryAgain or SocketError.NoData } } =>
                $"has a host name that cannot be resolved. Check the host{ipv6}",
            { InnerException: SocketException { SocketErrorCode: SocketError.NetworkUnreachable or SocketError.HostUnreachable } } =>
                $"cannot be reached from this network. Check the host and the routes{ipv6}",
            TimeoutException or { InnerException: TimeoutException } when connected =>
                "accepts the sign-in, but does not answer the first statement in time. Check the server's load",
            TimeoutException => $"has a host name that is not resolved in time. Check the DNS{ipv6}",
            { InnerException: TimeoutException } when cause.Message.Contains("Failed to connect", StringComparison.Ordinal) =>
                $"does not accept the connection in time. Check host, port and firewall{ipv6}",
            { InnerException: TimeoutException } =>
                "accepts the connection, but TLS and sign-in do not end in time. Check that PostgreSQL listens there, and its load",
            { InnerException: AuthenticationException } =>
                "has a certificate that is not trusted, or another host's. Check the certificate that sslrootcert in DATABASE_URL, or PGSSLROOTCERT, names (Supabase offers it in the database's settings)",
            CryptographicException or FileNotFoundException or { InnerException: CryptographicException or FileNotFoundException } =>
                $"cannot be used with these certificates: {cause.GetBaseException().Message.TrimEnd('.')}. Check sslrootcert, sslcert and sslkey in DATABASE_URL",
            { InnerException: EndOfStreamException } => "closes the connection without an answer. Check that PostgreSQL listens there",
            _ when cause.Message.Contains("No SSL enabled", StringComparison.Ordinal) =>
                "does not offer encryption. If the network is your own, set SUPABASE_DB_SSLMODE=disable (in DATABASE_URL, sslmode=disable)",
            _ when cause.Message.Contains("No password has been provided", StringComparison.Ordinal) =>
                $"asks for the password of {user}. Set SUPABASE_DB_PASSWORD, or put it into DATABASE_URL",
            _ => $"cannot be used: {cause.GetBaseException().Message}",
        };
        return new DatabaseUnusableException($"PostgreSQL at {connection.DescribeServers()} {reason.ReplaceLineEndings(" ").TrimEnd('.')}.", cause);
    }
}
