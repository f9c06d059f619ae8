using System.Security.Cryptography;
using Gallery.Sql.Database;
using Gallery.Sql.Embedded;
using Gallery.Sql.Migrations;
using Npgsql;

namespace Gallery.Service;

/// <summary>The database that the service works on: the one that the settings name, or the embedded PostgreSQL where they name none.</summary>
internal sealed class ServiceDatabase : IAsyncDisposable
{
    private readonly NpgsqlConnectionStringBuilder _connection;
    private readonly EmbeddedPostgres? _embedded;

    private ServiceDatabase(NpgsqlConnectionStringBuilder connection, IConfiguration settings, EmbeddedPostgres? embedded)
    {
        Source = GalleryDatabase.Create(connection, settings);
        (_connection, _embedded) = (connection, embedded);
    }

    public NpgsqlDataSource Source { get; }

    /// <exception cref="SettingsException">A setting can not be used, or no programs of the embedded PostgreSQL are to be had.</exception>
    /// <exception cref="DatabaseUnusableException">The embedded PostgreSQL does not start.</exception>
    /// <exception cref="OperationCanceledException">A signal to stop came first.</exception>
    public static async Task<ServiceDatabase> OpenAsync(IConfiguration settings, ILogger log, CancellationToken ct)
    {
        if (ConnectionSettings.Find(settings) is { } connection)
            return new ServiceDatabase(connection, settings, embedded: null);

        var embedded = await EmbeddedPostgres.StartAsync(EmbeddedPostgresOptions.From(settings), log, ct);
        try
        {
            // A database of one's own has no DBA. Any other is changed by the migrator alone.
            await Migrator.ApplyAsync(embedded.MigratorConnectionString, log, ct);
            return new ServiceDatabase(new NpgsqlConnectionStringBuilder(embedded.ServiceConnectionString), settings, embedded);
        }
        catch
        {
            await embedded.DisposeAsync();
            throw;
        }
    }

    /// <summary>Makes the first connection. Returns which server it is, for the log, without user or password.</summary>
    /// <exception cref="SettingsException">The database can not hold every text.</exception>
    /// <exception cref="DatabaseUnusableException">The database does not answer, or not this user.</exception>
    /// <exception cref="OperationCanceledException">A signal to stop came first.</exception>
    public async Task<string> ConnectAsync(CancellationToken ct)
    {
        try
        {
            await using var opened = await Source.OpenConnectionAsync(ct);
            if (opened.PostgresParameters.GetValueOrDefault("server_encoding") is { } encoding and not "UTF8")
                throw new SettingsException(
                    $"The database {opened.Database} is encoded in {encoding}, which can not hold every text. Make one with: create database … template template0 encoding 'UTF8'.");
            return _embedded is null
                ? $"PostgreSQL {opened.PostgreSqlVersion} at {_connection.DescribeServers()}"
                : $"its own PostgreSQL {opened.PostgreSqlVersion}, from {_embedded.Programs}";
        }
        catch (Exception e) when (e is NpgsqlException or CryptographicException or FileNotFoundException)
        {
            throw DatabaseUnusableException.Of(e, _connection);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Source.DisposeAsync();
        if (_embedded is not null) await _embedded.DisposeAsync();
    }
}
