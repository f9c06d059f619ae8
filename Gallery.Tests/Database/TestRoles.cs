using Dapper;
using Gallery.Tests.Readme;
using Npgsql;

namespace Gallery.Tests.Database;

/// <summary>
/// The roles of sql/roles.sql, which the tests use as in production: the migrator's role migrates, and the service's role may
/// only change rows. Roles belong to the server, so they are created under a lock and never dropped.
/// </summary>
internal static class TestRoles
{
    public const string Password = "s3cr3t-of-the-tests";
    public const string Migrator = "gallery_migrator";
    public const string Service = "gallery_app";
    public const string Reader = "gallery_readonly";

    // More than the file's, because many services of tests run at once.
    private const int ConnectionLimit = 250;

    /// <summary>Runs sql/roles.sql in the database and sets the password of the three roles that sign in.</summary>
    public static Task RunFileAsync(TestServer server, string database) => LockedAsync(server, async () =>
    {
        await using var connection = new NpgsqlConnection(database);
        await connection.ExecuteAsync(Repository.Read("sql", "roles.sql"));
        foreach (var role in new[] { Migrator, Service, Reader })
            await connection.ExecuteAsync($"alter role {role} password '{Password}' connection limit {ConnectionLimit}");
    });

    /// <summary>Runs sql/roles.sql with the connection limits of new roles, answers the question, and rolls everything back.</summary>
    public static async Task<string?> AskAfterFileAsync(TestServer server, string database, string before, string question)
    {
        string? answer = null;
        await LockedAsync(server, async () =>
        {
            await using var connection = new NpgsqlConnection(database);
            await connection.OpenAsync();
            await using var transaction = await connection.BeginTransactionAsync();
            foreach (var role in new[] { Migrator, Service, Reader })
                await connection.ExecuteAsync($"alter role {role} connection limit -1");
            await connection.ExecuteAsync(before);
            await connection.ExecuteAsync(Repository.Read("sql", "roles.sql"));
            answer = await connection.ExecuteScalarAsync<string>(question);
        });
        return answer;
    }

    /// <summary>Creates a role that is not one of Gallery's.</summary>
    public static Task CreateAsync(TestServer server, string role) => LockedAsync(server, () =>
        server.ExecuteAsync($"do $$ begin if to_regrole('{role}') is null then create role {role}; end if; end $$"));

    /// <summary>The connection string for that role.</summary>
    public static string As(string role, string database) =>
        new NpgsqlConnectionStringBuilder(database) { Username = role, Password = Password, Pooling = false }.ConnectionString;

    private static async Task LockedAsync(TestServer server, Func<Task> work)
    {
        await using var admin = new NpgsqlConnection(server.AdminConnectionString);
        await admin.OpenAsync();
        await admin.ExecuteAsync("select pg_advisory_lock(hashtextextended('gallery tests make roles', 0))");   // held until the session ends
        await work();
    }
}
