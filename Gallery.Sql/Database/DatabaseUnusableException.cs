using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using Npgsql;

namespace Gallery.Sql.Database;

/// <summary>A database that the settings name, and that can not be used. The message is one line: what, where, and the cure; never a secret.</summary>
public sealed class DatabaseUnusableException(string message, Exception cause) : Exception(message, cause)
{
    /// <summary>Says why a connection could not be opened, in the words of the settings that would mend it.</summary>
    /// <param name="cause">What opening threw; of several hosts, each one's failure is in it.</param>
    public static DatabaseUnusableException Of(Exception cause, NpgsqlConnectionStringBuilder connection)
    {
        if (cause.InnerException is AggregateException { InnerExceptions: [var first, ..] }) cause = first;
        var user = connection.Username ?? "the user";
        var reason = cause switch
        {
            PostgresException { SqlState: PostgresErrorCodes.InvalidAuthorizationSpecification, MessageText: var text } when text.Contains("pg_hba.conf", StringComparison.Ordinal) =>
                $"does not admit {user} to {connection.Database ?? user} from this machine. Set SUPABASE_DB_SSLMODE=require if it takes encrypted connections alone; else its pg_hba.conf decides",
            PostgresException { SqlState: PostgresErrorCodes.InvalidPassword or PostgresErrorCodes.InvalidAuthorizationSpecification } =>
                $"refuses the sign-in of {user}. Check SUPABASE_DB_USER and SUPABASE_DB_PASSWORD, or the two in DATABASE_URL",
            PostgresException { SqlState: PostgresErrorCodes.InvalidCatalogName } =>
                $"has no database {connection.Database ?? user}. Check SUPABASE_DB_NAME (Supabase's own is postgres), or the path of DATABASE_URL",
            PostgresException { SqlState: PostgresErrorCodes.InsufficientPrivilege } =>
                $"does not let {user} connect to {connection.Database ?? user}. Grant it CONNECT",
            // Supabase's pooler says this when it can not tell the project from the user's name.
            PostgresException { MessageText: var text } when text.Contains("Tenant or user not found", StringComparison.OrdinalIgnoreCase) =>
                "does not know the project. Through Supabase's pooler the user is postgres.<project reference>: check SUPABASE_DB_USER and the host's region",
            PostgresException other => $"answers {other.SqlState}: {other.MessageText}",
            { InnerException: SocketException { SocketErrorCode: SocketError.ConnectionRefused or SocketError.AddressNotAvailable } } =>
                "refuses the connection: nothing listens there. Check host and port, and that the server runs",
            { InnerException: SocketException { SocketErrorCode: SocketError.HostNotFound or SocketError.TryAgain or SocketError.NoData } } =>
                "has a name that can not be resolved. Check the host; Supabase's direct host is IPv6 only, its pooler's is not",
            { InnerException: SocketException { SocketErrorCode: SocketError.NetworkUnreachable or SocketError.HostUnreachable } } =>
                "can not be reached from this network. Supabase's direct host is IPv6 only: use the pooler's host",
            { InnerException: TimeoutException } =>
                "does not answer in time. Check host, port and firewall; Supabase's direct host is IPv6 only: use the pooler's host",
            { InnerException: AuthenticationException } =>
                "shows a certificate that is not trusted, or is another host's. Check the authority's certificate that sslrootcert in DATABASE_URL, or PGSSLROOTCERT, names (Supabase offers it in the database's settings)",
            CryptographicException or FileNotFoundException or { InnerException: CryptographicException or FileNotFoundException } =>
                $"can not be asked with these certificates: {cause.GetBaseException().Message.TrimEnd('.')}. Check sslrootcert, sslcert and sslkey in DATABASE_URL",
            { InnerException: EndOfStreamException } => "closes the connection without a word. Check that it is PostgreSQL that listens there",
            _ when cause.Message.Contains("No SSL enabled", StringComparison.Ordinal) =>
                "offers no encrypted connection. Set SUPABASE_DB_SSLMODE=disable (in DATABASE_URL, sslmode=disable) if the network is your own",
            _ when cause.Message.Contains("No password has been provided", StringComparison.Ordinal) =>
                $"wants a password of {user}. Set SUPABASE_DB_PASSWORD, or put it into DATABASE_URL",
            _ => $"can not be used: {cause.GetBaseException().Message}",
        };
        return new DatabaseUnusableException($"PostgreSQL at {connection.DescribeServers()} {reason.ReplaceLineEndings(" ").TrimEnd('.')}.", cause);
    }
}
