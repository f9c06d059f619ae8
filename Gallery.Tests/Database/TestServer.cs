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
/// The one PostgreSQL server of a test run: <c>GALLERY_TEST_POSTGRES</c> (a connection string), otherwise Docker, otherwise the
/// embedded PostgreSQL. It has one migrated template database, which is cloned for the tests.
/// </summary>
public sealed class TestServer : IAsyncLifetime
{
    private const string DefaultImage = "postgres:18.4-alpine";

    private static readonly Dictionary<string, string> Fast = new()
    {
        ["fsync"] = "off",   // a test server need not survive a crash of the machine
        ["synchronous_commit"] = "off",
        ["full_page_writes"] = "off",
        ["max_connections"] = "300",
    };

    // Independent of the server's defaults. Lengths count UTF-8 characters, as on every hosted PostgreSQL.
    private const string Utf8 = "template template0 encoding 'UTF8' locale 'C'";

    private readonly string _template = $"gallery_template_{Guid.NewGuid():N}";
    private readonly SemaphoreSlim _cloning = new(1);
    private PostgreSqlContainer? _container;
    private EmbeddedPostgres? _embedded;
    private string? _dataHome;

    /// <summary>A superuser's connection to the maintenance database.</summary>
    public string AdminConnectionString { get; private set; } = "";

    public async ValueTask InitializeAsync()
    {
        AdminConnectionString = await FindServerAsync();
        await ExecuteAsync($"create database {_template} {Utf8}");
        await TestRoles.RunFileAsync(this, ConnectionTo(_template));
        await Migrator.ApplyAsync(TestRoles.As(TestRoles.Migrator, ConnectionTo(_template)), NullLogger.Instance, CancellationToken.None);
    }

    /// <summary>Creates a database for one test or one class of tests.</summary>
    /// <param name="migrated">True clones the migrated template; false creates an empty database.</param>
    public async Task<TestDatabase> CreateDatabaseAsync(bool migrated)
    {
        var name = $"gallery_test_{Guid.NewGuid():N}";
        await _cloning.WaitAsync();   // PostgreSQL rejects concurrent copies of a template
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
            _container = null;   // no Docker, so use the embedded PostgreSQL
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
                $"The tests need PostgreSQL. Set GALLERY_TEST_POSTGRES to a superuser's connection string, start Docker, or solve this: {e.Message}", e);
        }
    }

    private static string Read(string given) =>
        Unpooled(ConnectionSettings.Find(new ConfigurationBuilder().AddInMemoryCollection([new("DATABASE_URL", given)]).Build())!.ConnectionString);

    private static string Unpooled(string connection) => new NpgsqlConnectionStringBuilder(connection) { Pooling = false }.ConnectionString;
}
