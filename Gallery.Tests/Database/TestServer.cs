using DotNet.Testcontainers.Builders;
using Gallery.Sql.Database;
using Gallery.Sql.Embedded;
using Gallery.Sql.Migrations;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Testcontainers.PostgreSql;

[assembly: AssemblyFixture(typeof(Gallery.Tests.Database.TestServer))]

namespace Gallery.Tests.Database;

/// <summary>
/// The one PostgreSQL server of a test run, the first that is to be had: <c>GALLERY_TEST_POSTGRES</c> (a connection string), a
/// Docker engine, the embedded PostgreSQL. It holds one migrated template database, of which each test class has a clone.
/// </summary>
public sealed class TestServer : IAsyncLifetime
{
    private const string DefaultImage = "postgres:18.4-alpine";

    private static readonly Dictionary<string, string> Fast = new()
    {
        ["fsync"] = "off",   // a test server need not outlive the machine's power
        ["synchronous_commit"] = "off",
        ["full_page_writes"] = "off",
        ["max_connections"] = "300",
    };

    // Not whatever the server was made with: characters are counted in UTF-8, as every hosted PostgreSQL does.
    private const string Utf8 = "template template0 encoding 'UTF8' locale 'C'";

    private readonly string _template = $"gallery_template_{Guid.NewGuid():N}";
    private readonly SemaphoreSlim _cloning = new(1);
    private PostgreSqlContainer? _container;
    private EmbeddedPostgres? _embedded;
    private string? _dataHome;

    /// <summary>A superuser's connection to the server's maintenance database.</summary>
    public string AdminConnectionString { get; private set; } = "";

    public async ValueTask InitializeAsync()
    {
        AdminConnectionString = await FindServerAsync();
        await ExecuteAsync($"create database {_template} {Utf8}");
        await TestRoles.RunFileAsync(this, ConnectionTo(_template));
        await Migrator.ApplyAsync(TestRoles.As(TestRoles.Migrator, ConnectionTo(_template)), NullLogger.Instance, CancellationToken.None);
    }

    /// <summary>A database of its own for a test or a class of tests.</summary>
    /// <param name="migrated">A clone of the migrated template; false for an empty one.</param>
    public async Task<TestDatabase> CreateDatabaseAsync(bool migrated)
    {
        var name = $"gallery_test_{Guid.NewGuid():N}";
        await _cloning.WaitAsync();   // PostgreSQL copies a template for one at a time
        try
        {
            await ExecuteAsync($"create database {name} {(migrated ? $"template {_template}" : Utf8)}");
        }
        finally
        {
            _cloning.Release();
        }

        return new TestDatabase(this, name, ConnectionTo(name));
    }

    internal async Task ExecuteAsync(string sql)
    {
        await using var connection = new NpgsqlConnection(AdminConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (AdminConnectionString.Length > 0) await ExecuteAsync($"drop database if exists {_template} with (force)");
        NpgsqlConnection.ClearAllPools();
        if (_container is not null) await _container.DisposeAsync();
        if (_embedded is not null) await _embedded.DisposeAsync();
        if (_dataHome is not null) Directory.Delete(_dataHome, recursive: true);
        _cloning.Dispose();
    }

    private string ConnectionTo(string database) =>
        new NpgsqlConnectionStringBuilder(AdminConnectionString) { Database = database, Pooling = false }.ConnectionString;

    private async Task<string> FindServerAsync()
    {
        if (Environment.GetEnvironmentVariable("GALLERY_TEST_POSTGRES") is { Length: > 0 } given) return Read(given);

        try
        {
            _container = new PostgreSqlBuilder(Environment.GetEnvironmentVariable("GALLERY_TEST_IMAGE") is { Length: > 0 } image ? image : DefaultImage)
                .WithCommand([.. Fast.SelectMany(setting => new[] { "-c", $"{setting.Key}={setting.Value}" })])
                .Build();
            await _container.StartAsync();
            return Unpooled(_container.GetConnectionString());
        }
        catch (DockerUnavailableException)
        {
            _container = null;   // no engine here: the embedded PostgreSQL serves
        }

        _dataHome = Directory.CreateTempSubdirectory("gallery-tests-").FullName;
        try
        {
            var programs = Environment.GetEnvironmentVariable("GALLERY_POSTGRES_BIN");
            _embedded = await EmbeddedPostgres.StartAsync(new EmbeddedPostgresOptions(_dataHome, programs, Fast), NullLogger.Instance, CancellationToken.None);
            return Unpooled(_embedded.ConnectionString);
        }
        catch (SettingsException e)
        {
            throw new InvalidOperationException(
                $"The tests need a PostgreSQL server: set GALLERY_TEST_POSTGRES to a superuser's connection string, or start Docker, or mend this: {e.Message}", e);
        }
    }

    private static string Read(string given) =>
        Unpooled(ConnectionSettings.Find(new ConfigurationBuilder().AddInMemoryCollection([new("DATABASE_URL", given)]).Build())!.ConnectionString);

    private static string Unpooled(string connection) => new NpgsqlConnectionStringBuilder(connection) { Pooling = false }.ConnectionString;
}
