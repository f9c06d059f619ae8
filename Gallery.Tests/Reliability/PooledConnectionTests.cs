using Dapper;
using Gallery.Tests.Database;
using Gallery.Tests.Migrations;
using Gallery.Tests.Service;
using Npgsql;

namespace Gallery.Tests.Reliability;

/// <summary>10,000 requests of all seven kinds leave no state on a connection, so neither later requests nor a pooler's other clients see any.</summary>
[Collection<UnderLoad>]
public sealed class PooledConnectionTests(TestServer server)
{
    private const int Requests = 10_000;
    private const int Statements = 15;   // those of images: seven, and the lists once more for everyone's. Those of erasures: six

    [Fact]
    public async Task Behind_a_pooler_in_transaction_mode_no_request_fails()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: true);
        await using var pooler = await Pooler.StartAsync(database, "transaction");
        await using var service = new ServiceProcess(
            "http://127.0.0.1:0", dotEnv: null,
            $"DATABASE_URL={new NpgsqlConnectionStringBuilder(pooler.ConnectionString) { Pooling = true }}", "GALLERY_POOLER=transaction", "GALLERY_RATE_LIMIT=0");

        await NoneFailsAsync("pool: pgbouncer in transaction mode", await service.WaitForServingAsync(), database);

        Assert.Equal(0, await database.FindAsync<int>(
            "select count(*) from pg_locks as l join pg_database as d on d.oid = l.database where l.locktype = 'advisory' and d.datname = current_database()"));
        Assert.Equal(["idle"], await database.ListAsync<string>(
            "select distinct state from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"));
    }

    [Fact]
    public async Task A_request_leaves_no_state_on_a_pooled_connection()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: true);
        var (service, source, api) = await TestService.StartAsync(database.ConnectionString);
        await using (service)
        await using (source)
        using (api)
        {
            await NoneFailsAsync("pool: direct", api.Address, database);

            // All at once, so that each is a different connection.
            var connections = await Task.WhenAll(Enumerable.Range(0, 12).Select(_ => source.OpenConnectionAsync().AsTask()));
            Assert.Equal(12, connections.Select(connection => connection.ProcessID).Distinct().Count());
            Assert.Equal(["idle"], await database.ListAsync<string>(
                "select distinct state from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"));
            foreach (var connection in connections)
            {
                Assert.Equal([], await connection.QueryAsync<string>("select name from pg_settings where source = 'session'"));
                Assert.Equal([], await connection.QueryAsync<string>("select pg_listening_channels()"));
                Assert.Equal([], await connection.QueryAsync<string>("select name from pg_cursors where statement not like '%pg_cursors%'"));
                Assert.Equal(0, await connection.ExecuteScalarAsync<int>("select pg_my_temp_schema()::int"));
                Assert.Equal(0, await connection.ExecuteScalarAsync<int>("select count(*) from pg_locks where pid = pg_backend_pid() and locktype = 'advisory'"));
                var prepared = (await connection.QueryAsync<string>("select statement from pg_prepared_statements")).Where(statement => !statement.Contains("pg_", StringComparison.Ordinal)).ToList();
                Assert.InRange(prepared.Count, 0, Statements);   // prepared at first use, so not on every connection
                Assert.All(prepared, statement => Assert.Contains("gallery.image", statement, StringComparison.Ordinal));
                await connection.DisposeAsync();
            }
        }
    }

    private static async Task NoneFailsAsync(string test, Uri service, TestDatabase database)
    {
        await using var load = new Load(service, requests: Requests);
        await load.WhenDone().WaitAsync(TimeSpan.FromMinutes(3), TestContext.Current.CancellationToken);
        await load.StopAsync();
        await load.Journal.CompareAsync(database.ConnectionString);

        Figures.Add(test, "requests answered", load.Counts.Answered);
        Figures.Add(test, "failed", load.Counts.Unavailable + load.Counts.Broken + load.Unexpected.Count);
        Figures.Add(test, "acknowledged and missing", load.Journal.Missing.Count);
        Figures.Add(test, "acknowledged and different", load.Journal.Different.Count);
        Assert.InRange(load.Counts.Answered, Requests, Requests + Load.Writers);   // a batch is two requests, so each writer may end one later
        Assert.Empty(load.Unexpected);
        Assert.Equal((0, 0), (load.Counts.Unavailable, load.Counts.Broken));
        Assert.Empty(load.Journal.Missing);
        Assert.Empty(load.Journal.Different);
    }
}
