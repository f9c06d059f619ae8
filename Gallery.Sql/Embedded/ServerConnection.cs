using System.Security.Cryptography;
using System.Text;
using Dapper;
using Gallery.Sql.Migrations;
using Npgsql;

namespace Gallery.Sql.Embedded;

/// <summary>Connections to the private server, and what a start checks and creates on it.</summary>
internal static class ServerConnection
{
    public const string User = "gallery";
    public const string Database = "gallery";
    public const string Migrator = "gallery_migrator";
    public const string Service = "gallery_app";
    public const string Rehearser = "gallery_rehearser";

    /// <param name="password">The superuser's password, for every role.</param>
    public static string To(int port, string password, string database = Database, string role = User) => new NpgsqlConnectionStringBuilder
    {
        Host = "127.0.0.1",
        Port = port,
        Username = role,
        Password = role == User ? password : PasswordOf(role, password),
        Database = database,
        SslMode = SslMode.Disable,      // it never leaves this machine
        // Another process may take the port when the server has died. SCRAM shows it no password, and it must prove that it is the server.
        RequireAuth = "ScramSHA256",
    }.ConnectionString;

    /// <summary>The data folder of the server on the port; null if no server accepts the password there.</summary>
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

    /// <summary>Creates the database if it is missing. Every start does this, because an earlier one may have been interrupted.</summary>
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

    /// <summary>Runs sql/roles.sql, which creates the roles and gives them what an earlier release created as the superuser. Adds the role of rehearsals.</summary>
    public static async Task EnsureRolesAsync(int port, string password, CancellationToken ct)
    {
        // As roles.sql makes gallery_migrator. It is a role apart, because a rehearsed script can change the role's settings and password.
        // language=PostgreSQL
        const string rehearser = """
            do $$
            begin
                if to_regrole('gallery_rehearser') is null then
                    create role gallery_rehearser;
                end if;
            end
            $$;
            alter role gallery_rehearser login nosuperuser nocreatedb nocreaterole noreplication nobypassrls;
            grant gallery_owner to gallery_rehearser;
            alter role gallery_rehearser reset all;
            alter role gallery_rehearser set role = gallery_owner;
            """;

        await using var connection = await OpenAsync(To(port, password), ct);
        await connection.ExecuteAsync(new CommandDefinition(ScriptFolder.ReadResource("roles"), cancellationToken: ct));
        await connection.ExecuteAsync(new CommandDefinition(rehearser, cancellationToken: ct));
        foreach (var role in new[] { Migrator, Service, Rehearser })
            await connection.ExecuteAsync(new CommandDefinition($"alter role {role} password '{PasswordOf(role, password)}'", cancellationToken: ct));
    }

    // Derived from the superuser's password, so that all processes get the same one. The derivation cannot be reversed.
    private static string PasswordOf(string role, string password) =>
        Convert.ToHexStringLower(HMACSHA256.HashData(Encoding.UTF8.GetBytes(password), Encoding.UTF8.GetBytes(role)));

    // Unpooled, so that no connection stays open when the server stops.
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
