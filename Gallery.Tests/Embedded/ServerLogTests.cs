using Gallery.Sql.Embedded;
using Gallery.Sql.Migrations;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace Gallery.Tests.Embedded;

/// <summary>The log of the private server, which callers must not fill and which must not quote their rows.</summary>
[Collection<EmbeddedServers>]
public sealed class ServerLogTests(FetchedPrograms fetched) : IDisposable
{
    private readonly TemporaryHome _home = new();
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private FileInfo Log => new(Path.Combine(_home.Path, "server.log"));

    public void Dispose() => _home.Dispose();

    [Fact]
    public async Task A_thousand_refused_statements_of_each_kind_add_nothing_and_no_value_is_in_it()
    {
        await using var postgres = await fetched.StartAsync(_home);
        await Migrator.ApplyAsync(postgres.MigratorConnectionString, NullLogger.Instance, Ct);
        await using var service = NpgsqlDataSource.Create(postgres.ServiceConnectionString);
        await using var connection = await service.OpenConnectionAsync(Ct);
        var before = Log.Length;

        foreach (var (sql, value) in new[]
        {
            ("insert into gallery.image (image_id, user_id, image_url) values (gen_random_uuid(), $1, 'x')", new string('s', 100_000)),     // a check fails
            ("insert into gallery.image (image_id, user_id, image_url) values (gen_random_uuid(), 'secret', null)", null),                  // a literal
            ("select $1::uuid", "secret"),      // the message itself quotes the value
            ("select 'secret'::jsonb", null),
            ("do $do$ begin raise warning 'secret'; raise exception 'secret' using detail = 'secret', hint = 'secret'; end $do$", null),
        })
        {
            for (var time = 0; time < 1000; time++)
            {
                await using var command = new NpgsqlCommand(sql, connection);
                if (value is not null)
                    command.Parameters.Add(new NpgsqlParameter { Value = value, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Text });
                await Assert.ThrowsAsync<PostgresException>(() => command.ExecuteNonQueryAsync(Ct));
            }
        }

        Assert.Equal(before, Log.Length);
        Assert.DoesNotContain("secret", await File.ReadAllTextAsync(Log.FullName, Ct), StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_is_emptied_while_the_server_runs_and_the_server_goes_on_with_it()
    {
        await using var postgres = await fetched.StartAsync(_home);
        await using (var file = new FileStream(Log.FullName, FileMode.Append, FileAccess.Write, FileShare.ReadWrite))
            await file.WriteAsync(new byte[Cluster.LogSize + 1], Ct);

        for (var patience = 1500; patience > 0 && Log.Length > Cluster.LogSize; patience--)
            await Task.Delay(20, Ct);
        Assert.InRange(Log.Length, 0, 10_000);
        await Assert.ThrowsAsync<PostgresException>(async () =>
        {
            await using var stranger = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(postgres.ConnectionString) { Password = "wrong" }.ConnectionString);
            await stranger.OpenAsync(Ct);
        });

        Assert.Contains("password authentication failed", await File.ReadAllTextAsync(Log.FullName, Ct), StringComparison.Ordinal);
    }
}
