using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using Gallery.Sql.Database;
using Npgsql;

namespace Gallery.Tests.Settings;

/// <summary>What is said of a database that cannot be used. What a test server can show: ServiceProcessTests.</summary>
public sealed class DatabaseUnusableTests
{
    public static TheoryData<Exception, string> Causes => new()
    {
        { new NpgsqlException("Failed to connect", new SocketException((int)SocketError.ConnectionRefused)), "nothing listens there" },
        { new NpgsqlException("Failed to connect", new SocketException((int)SocketError.HostNotFound)), "host name that cannot be resolved. Check the host." },
        { new NpgsqlException("Failed to connect", new SocketException((int)SocketError.NetworkUnreachable)), "cannot be reached from this network" },
        { new NpgsqlException("Failed to connect to 192.0.2.1:5433", new TimeoutException()), "does not accept the connection in time" },
        { new NpgsqlException("Exception while reading from stream", new TimeoutException()), "TLS and sign-in do not end in time" },
        { new TimeoutException(), "host name that is not resolved in time" },
        { new NpgsqlException("Exception while reading", new EndOfStreamException()), "Check that PostgreSQL listens there" },
        { new NpgsqlException("SSL connection requested. No SSL enabled connection from this host is configured."), "SUPABASE_DB_SSLMODE=disable" },
        { new NpgsqlException("Exception while performing SSL handshake", new AuthenticationException("rejected")), "sslrootcert" },
        { new CryptographicException("no PEM"), "sslcert" },
        { new FileNotFoundException("Could not find file '/c.pem'."), "/c.pem" },
        { new NpgsqlException("No password has been provided but the backend requires one (in SASL/SCRAM-SHA-256)"), "asks for the password of postgres" },
        { Answer("28P01", "password authentication failed for user \"postgres\""), "SUPABASE_DB_PASSWORD" },
        { Answer("28000", "no pg_hba.conf entry for host \"192.0.2.1\", user \"postgres\", no encryption"), "SUPABASE_DB_SSLMODE=require" },
        { Answer("28000", "role \"postgres\" does not exist"), "SUPABASE_DB_USER" },
        { Answer("3D000", "database \"pictures\" does not exist"), "has no database pictures" },
        { Answer("42501", "permission denied for database \"pictures\""), "Grant it CONNECT" },
        { Answer("XX000", "Tenant or user not found"), "postgres.<project reference>" },
        { Answer("53300", "too many\nclients already"), "53300: too many clients already" },
        { new NpgsqlException("Unable to connect", new AggregateException(Answer("28P01", "no"), new NpgsqlException("Failed"))), "SUPABASE_DB_PASSWORD" },
        { new NpgsqlException("Something else"), "Something else" },
    };

    [Theory]
    [MemberData(nameof(Causes), DisableDiscoveryEnumeration = true)]
    public void Each_cause_is_one_line_with_the_address_and_the_cure(Exception cause, string said)
    {
        var message = Of(cause).Message;

        Assert.StartsWith("PostgreSQL at db.example.com:5433 ", message, StringComparison.Ordinal);
        Assert.Contains(said, message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
        Assert.DoesNotContain("hunter2", message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_certificate_that_is_not_trusted_is_no_reason_to_give_encryption_up() =>
        Assert.DoesNotContain(
            "disable", Of(new NpgsqlException("Exception while performing SSL handshake", new AuthenticationException("rejected"))).Message, StringComparison.Ordinal);

    [Fact]
    public void A_first_statement_that_takes_too_long_is_told_apart_from_the_connection() =>
        Assert.Contains("first statement", DatabaseUnusableException.Of(
            new NpgsqlException("Exception while reading from stream", new TimeoutException()), Given.Url("postgresql://h/d"), connected: true).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("db.abc.supabase.co", true)]
    [InlineData("aws-0-eu-central-1.pooler.supabase.com", false)]
    [InlineData("localhost", false)]
    [InlineData("127.0.0.1", false)]
    public void Ipv6_is_blamed_only_for_supabases_direct_host(string host, bool isBlamed) =>
        Assert.All(
            new Exception[]
            {
                new NpgsqlException("Failed to connect", new SocketException((int)SocketError.HostNotFound)), new NpgsqlException("Failed to connect", new SocketException((int)SocketError.NetworkUnreachable)),
                new NpgsqlException("Failed to connect", new TimeoutException()), new TimeoutException(),
            },
            cause => Assert.Equal(isBlamed, DatabaseUnusableException.Of(cause, Given.Url($"postgresql://{host}/d")).Message.Contains("IPv6", StringComparison.Ordinal)));

    [Theory]
    [InlineData("localhost", true)]
    [InlineData("host.docker.internal", false)]
    public void Where_nothing_listens_on_loopback_a_container_is_thought_of(string host, bool isThoughtOf) =>
        Assert.Equal(isThoughtOf, DatabaseUnusableException.Of(
            new NpgsqlException("Failed to connect", new SocketException((int)SocketError.ConnectionRefused)), Given.Url($"postgresql://{host}/d")).Message.Contains("container", StringComparison.Ordinal));

    private static DatabaseUnusableException Of(Exception cause) =>
        DatabaseUnusableException.Of(cause, Given.Url("postgresql://postgres:hunter2@db.example.com:5433/pictures"));

    private static PostgresException Answer(string sqlState, string text) => new(text, "FATAL", "FATAL", sqlState);
}
