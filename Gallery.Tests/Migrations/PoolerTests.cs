using Gallery.Tests.Database;

namespace Gallery.Tests.Migrations;

public sealed class PoolerTests(TestServer server)
{
    [Fact]
    public async Task A_pooler_in_transaction_mode_is_refused_with_the_port_to_use()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);
        await using var pooler = await Pooler.StartAsync(database, "transaction");

        var run = await Exe.RunAsync(pooler.ConnectionString, "apply");

        Assert.Equal(8, run.ExitCode);
        Assert.Contains("5432", run.Error, StringComparison.Ordinal);
        Assert.False(await database.ScalarAsync<bool>("select to_regnamespace('gallery_migrations') is not null"));
    }

    [Theory]
    [InlineData("apply")]
    [InlineData("verify")]
    public async Task A_pooler_in_statement_mode_is_refused(string command)
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);
        await using var pooler = await Pooler.StartAsync(database, "statement");

        Assert.Equal(8, (await Exe.RunAsync(pooler.ConnectionString, command)).ExitCode);
    }

    [Fact]
    public async Task A_pooler_in_session_mode_works_and_the_lock_does_not_outlive_the_run()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);
        await using var pooler = await Pooler.StartAsync(database, "session");

        Assert.Equal(0, (await Exe.RunAsync(pooler.ConnectionString, "apply")).ExitCode);
        Assert.Equal(0, (await Exe.RunAsync(database, "apply", "--wait-lock", "10s")).ExitCode);
        Assert.Equal(0, (await Exe.RunAsync(pooler.ConnectionString, "verify")).ExitCode);
    }
}
