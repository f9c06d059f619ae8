using Dapper;
using Gallery.Tests.Readme;
using Npgsql;

namespace Gallery.Tests.Database;

/// <summary>
/// The roles of sql/roles.sql, which the whole suite uses as they are meant: the migrator migrates, the service serves as the
/// one that may change rows only. Roles belong to the server, so whoever makes them does it alone, and they stay.
/// </summary>
internal static class TestRoles
{
    public const string Password = "s3cr3t-of-the-tests";
    public const string Migrator = "gallery_migrator";
    public const string Service = "gallery_app";
    public const string Reader = "gallery_readonly";

    /// <summary>Runs sql/roles.sql in the database, and gives the three roles that sign in their password.</summary>
    public static Task RunFileAsync(TestServer server, string database) => AloneAsync(server, async () =>
    {
        await using var connection = new NpgsqlConnection(database);
        await connection.ExecuteAsync(Repository.Read("sql", "roles.sql"));
        foreach (var role in new[] { Migrator, Service, Reader })
            await connection.ExecuteAsync($"alter role {role} password '{Password}'");
    });

    /// <summary>A role that has nothing to do with Gallery.</summary>
    public static Task CreateAsync(TestServer server, string role) => AloneAsync(server, () =>
        server.ExecuteAsync($"do $$ begin if to_regrole('{role}') is null then create role {role}; end if; end $$"));

    /// <summary>The database as that role reaches it.</summary>
    public static string As(string role, string database) =>
        new NpgsqlConnectionStringBuilder(database) { Username = role, Password = Password, Pooling = false }.ConnectionString;

    private static async Task AloneAsync(TestServer server, Func<Task> work)
    {
        await using var admin = new NpgsqlConnection(server.AdminConnectionString);
        await admin.OpenAsync();
        await admin.ExecuteAsync("select pg_advisory_lock(hashtextextended('gallery tests make roles', 0))");   // until the session ends
        await work();
    }
}
