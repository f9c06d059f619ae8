using System.Security.Cryptography;
using System.Text;
using Dapper;
using Gallery.Sql.Migrations;
using Npgsql;

namespace Gallery.Sql.Embedded;

/// <summary>How the private server is reached, and what is asked of it before it serves.</summary>
internal static class ServerConnection
{
    public const string User = "gallery";
    public const string Database = "gallery";
    public const string Migrator = "gallery_migrator";
    public const string Service = "gallery_app";

    /// <param name="password">The superuser's, whatever the role.</param>
    public static string To(int port, string password, string database = Database, string role = User) => new NpgsqlConnectionStringBuilder
    {
        Host = "127.0.0.1",
        Port = port,
        Username = role,
        Password = role == User ? password : PasswordOf(role, password),
        Database = database,
        SslMode = SslMode.Disable,      // it never leaves this machine
    }.ConnectionString;

    /// <summary>The data folder of the server at the port; null when none answers there that knows the password.</summary>
    public static async Task<string?> FindDataAsync(int port, string password, CancellationToken ct)
    {
        try
        {
            await using var connection = await OpenAsync(To(port, password, "postgres"), ct);
            return await connection.QuerySingleAsync<string>(new CommandDefinition("show data_directory", cancellationToken: ct));
        }
        catch (NpgsqlException)
        {
            return null;
        }
    }

    /// <summary>Makes the database unless it is there. Not part of the initialisation: a start that was interrupted between is made good.</summary>
    public static async Task EnsureDatabaseAsync(int port, string password, CancellationToken ct)
    {
        // language=PostgreSQL
        const string exists = "select exists (select 1 from pg_catalog.pg_database where datname = @Database)";
        // language=PostgreSQL
        const string create = "create database gallery";

        await using var connection = await OpenAsync(To(port, password, "postgres"), ct);
        if (!await connection.QuerySingleAsync<bool>(new CommandDefinition(exists, new { Database }, cancellationToken: ct)))
            await connection.ExecuteAsync(new CommandDefinition(create, cancellationToken: ct));
    }

    /// <summary>Makes the roles of sql/roles.sql, which also hands them what an earlier release made as the superuser.</summary>
    public static async Task EnsureRolesAsync(int port, string password, CancellationToken ct)
    {
        await using var connection = await OpenAsync(To(port, password), ct);
        await connection.ExecuteAsync(new CommandDefinition(ScriptFolder.ReadResource("roles"), cancellationToken: ct));
        foreach (var role in new[] { Migrator, Service })
            await connection.ExecuteAsync(new CommandDefinition($"alter role {role} password '{PasswordOf(role, password)}'", cancellationToken: ct));
    }

    // Every process that knows the superuser's password finds the same one. The reverse does not hold.
    private static string PasswordOf(string role, string password) =>
        Convert.ToHexStringLower(HMACSHA256.HashData(Encoding.UTF8.GetBytes(password), Encoding.UTF8.GetBytes(role)));

    // Not from a pool: nothing of these first steps may stay open when the server is to stop.
    private static async Task<NpgsqlConnection> OpenAsync(string server, CancellationToken ct)
    {
        var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(server)
        {
            Pooling = false,
            Timeout = 3,
            GssEncryptionMode = GssEncryptionMode.Disable,
        }.ConnectionString);
        try
        {
            await connection.OpenAsync(ct);
            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }
}
