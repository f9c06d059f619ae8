using Dapper;
using Gallery.Sql.Migrations;
using Gallery.Tests.Database;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace Gallery.Tests.Migrations;

/// <summary>Queries of the migrator's tests.</summary>
internal static class TestSql
{
    public static async Task<NpgsqlConnection> OpenAsync(this TestDatabase database)
    {
        var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(database.ConnectionString) { Pooling = false }.ConnectionString);
        await connection.OpenAsync(TestContext.Current.CancellationToken);
        return connection;
    }

    public static async Task ExecuteAsync(this TestDatabase database, string sql)
    {
        await using var connection = await database.OpenAsync();
        await connection.ExecuteAsync(sql);
    }

    public static async Task<T?> ScalarAsync<T>(this TestDatabase database, string sql)
    {
        await using var connection = await database.OpenAsync();
        return await connection.ExecuteScalarAsync<T>(sql);
    }

    public static async Task<IReadOnlyList<string>> ListAsync(this TestDatabase database, string sql)
    {
        await using var connection = await database.OpenAsync();
        return (await connection.QueryAsync<string>(sql)).AsList();
    }

    public static Task<IReadOnlyList<string>> AppliedAsync(this TestDatabase database) =>
        database.ListAsync("select script from gallery_migrations.journal where state = 'applied' order by script collate \"C\"");

    public static async Task<IReadOnlyList<JournalRow>> JournalAsync(this TestDatabase database)
    {
        await using var connection = await database.OpenAsync();
        return await Journal.ReadAsync(connection, TestContext.Current.CancellationToken);
    }

    public static async Task<string> SnapshotAsync(this TestDatabase database)
    {
        await using var connection = await database.OpenAsync();
        await connection.ExecuteAsync("set search_path = pg_catalog");
        return await Snapshot.ReadAsync(connection, TestContext.Current.CancellationToken);
    }

    /// <summary>Every object in the catalog, by its identity. Equal lists before and after mean that nothing was left behind.</summary>
    public static Task<IReadOnlyList<string>> CatalogAsync(this TestDatabase database) => database.ListAsync("""
        select 'class ' || oid || relname from pg_class where relname not like 'pg\_toast%'
        union all select 'proc ' || oid || proname from pg_proc
        union all select 'namespace ' || oid || nspname from pg_namespace where nspname not like 'pg\_temp%' and nspname not like 'pg\_toast\_temp%'
        union all select 'constraint ' || oid || conname from pg_constraint
        union all select 'attribute ' || attrelid || attname from pg_attribute
        union all select 'description ' || objoid || description from pg_description
        order by 1
        """);

    public static Task<IReadOnlyList<string>> ApplyAsync(this TestDatabase database, ScriptsOnDisk scripts) =>
        Migrator.ApplyAsync(
            new NpgsqlConnectionStringBuilder(database.ConnectionString),
            scripts.Read(),
            ApplyOptions.Default with { LockRetries = 0 },
            NullLogger.Instance,
            TestContext.Current.CancellationToken);

    public static async Task<MigrationException> FailToApplyAsync(this TestDatabase database, ScriptsOnDisk scripts) =>
        await Assert.ThrowsAsync<MigrationException>(() => database.ApplyAsync(scripts));
}
